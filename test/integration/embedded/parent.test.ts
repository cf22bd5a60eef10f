import fs from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { servesCluster } from '#embedded/processes.ts';
import { isRoot, makeTempFolders, type Parent, startParent, waitUntil } from './support.ts';

const folders = makeTempFolders();
const NOBODY = { uid: 65_534, gid: 65_534 };
let parents: Parent[] = [];
const start = (dataDir: string, account: typeof NOBODY | null = null): Parent => {
  const parent = startParent(dataDir, account);
  parents.push(parent);
  return parent;
};

afterEach(async () => {
  for (const parent of parents) parent.process.kill('SIGTERM');
  await Promise.all(parents.map((parent) => parent.ended));
  parents = [];
});
afterAll(() => folders.cleanUp());

const nodeFolder = (dataDir: string, name: 'a' | 'b'): string => path.join(dataDir, 'cities', 'MTL', name);

describe('a parent that is killed', () => {
  it('leaves servers that the next start adopts within a second, and watches', async () => {
    const dataDir = path.join(await folders.make(), 'data');
    const first = start(dataDir);
    const { pids } = await first.ready;
    first.process.kill('SIGKILL');
    await first.ended;
    expect(pids.map((pid, index) => servesCluster(pid, nodeFolder(dataDir, index === 0 ? 'a' : 'b')))).toEqual([true, true]);

    const second = start(dataDir);
    const adopted = await second.ready;
    expect(adopted.pids).toEqual(pids);
    expect(adopted.firstStart).toBe(false);
    expect(adopted.startMs).toBeLessThan(1_000);

    // An adopted server is no child of the second parent; it is brought back all the same.
    const [primary = 0] = pids;
    process.kill(primary, 'SIGKILL');
    const readPid = async (): Promise<number> =>
      Number((await fs.readFile(path.join(nodeFolder(dataDir, 'a'), 'postmaster.pid'), 'utf8').catch(() => '0')).split('\n')[0]);
    await waitUntil(async () => {
      const pid = await readPid();
      return pid !== primary && servesCluster(pid, nodeFolder(dataDir, 'a'));
    }, 15_000);

    second.process.kill('SIGTERM');
    expect((await second.ended).code).toBe(0);
    expect(servesCluster(await readPid(), nodeFolder(dataDir, 'a'))).toBe(false);
    expect(servesCluster(pids[1] ?? 0, nodeFolder(dataDir, 'b'))).toBe(false);
  });

  it('is recovered from when its servers died with it', async () => {
    const dataDir = path.join(await folders.make(), 'data');
    const first = start(dataDir);
    const { pids } = await first.ready;
    first.process.kill('SIGKILL');
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await first.ended;
    const second = start(dataDir);
    const again = await second.ready;
    expect(again.firstStart).toBe(false);
    expect(again.pids.some((pid) => pids.includes(pid))).toBe(false);
  });

  it('in the middle of a first start leaves nothing that the next one cannot finish', async () => {
    const dataDir = path.join(await folders.make(), 'data');
    for (const delayMs of [300, 900, 1_300]) {
      const cut = start(dataDir);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      cut.process.kill('SIGKILL');
      await cut.ended;
    }
    expect((await start(dataDir).ready).pids).toHaveLength(2);
  });

  it('refuses to share its data folder while it lives', async () => {
    const dataDir = path.join(await folders.make(), 'data');
    const first = start(dataDir);
    await first.ready;
    const second = await start(dataDir).ended;
    expect(second.code).toBe(3);
    expect(second.output).toContain(`already running (process ${first.process.pid})`);
  });
});

(isRoot ? describe : describe.skip)('an account', () => {
  it('may be any user', async () => {
    const home = await folders.make();
    await fs.chown(home, NOBODY.uid, NOBODY.gid);
    const dataDir = path.join(home, 'data');
    expect((await start(dataDir, NOBODY).ready).uid).toBe(NOBODY.uid);
    expect((await fs.stat(nodeFolder(dataDir, 'b'))).uid).toBe(NOBODY.uid);
  });

  it('is refused plainly where it may not write', async () => {
    const home = await folders.make();
    const { code, output } = await start(path.join(home, 'data'), NOBODY).ended;
    expect(code).toBe(3);
    expect(output).toContain('cannot be written by this account');
  });

  it('may be root with data where only root can enter, and no folder is opened for it', async () => {
    const home = await folders.make();
    const dataDir = path.join(home, 'only', 'root', 'data');
    await fs.mkdir(path.dirname(dataDir), { recursive: true });
    await fs.chmod(home, 0o700);
    const { pids } = await start(dataDir).ready;
    expect((await fs.stat(`/proc/${pids[0]}`)).uid).not.toBe(0);
    expect((await fs.stat(home)).mode & 0o777).toBe(0o700);
    expect((await fs.stat(dataDir)).mode & 0o777).toBe(0o700);
  });
});
