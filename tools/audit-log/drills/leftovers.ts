import { lstat, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findLock } from '#embedded/lock.ts';
import { findClusterProcesses, servesCluster, signal } from '#embedded/processes.ts';

/** How the folders of drills are called; what comes behind it is made up. */
export const DRILL_PREFIX = 'caregraph-drill-';
const QUIT_MS = 5_000;

/** Whether a folder is of a drill of this account whose process is gone. Drills of earlier releases have the lock of their network alone. */
const isLeft = async (folder: string): Promise<boolean> => {
  const found = await lstat(folder).catch(() => null);
  if (!found?.isDirectory() || found.uid !== process.getuid?.()) return false;
  return ((await findLock(folder)) ?? (await findLock(path.join(folder, 'data')))) === 'stale';
};

const foldersIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { withFileTypes: true }).catch(() => [])).flatMap((each) =>
    each.isDirectory() ? [path.join(folder, each.name)] : [],
  );

/** Ends what serves the databases of a drill, by its process numbers. */
const endServers = async (folder: string): Promise<void> => {
  const clusters = (await Promise.all((await foldersIn(path.join(folder, 'data', 'cities'))).map(foldersIn))).flat();
  for (const cluster of clusters) {
    const running = (): number[] => findClusterProcesses(cluster).filter((pid) => servesCluster(pid, cluster));
    for (const pid of running()) signal(pid, 'SIGQUIT');
    for (const end = performance.now() + QUIT_MS; running().length > 0 && performance.now() < end; ) await sleep(20);
    for (const pid of running()) signal(pid, 'SIGKILL');
  }
};

/** Removes what drills left that were killed, with the servers that they left running; returns how many. What may be anything else stays. */
export const removeLeftDrills = async (): Promise<number> => {
  let removed = 0;
  for (const name of await readdir(tmpdir()).catch(() => [])) {
    const folder = path.join(tmpdir(), name);
    if (!name.startsWith(DRILL_PREFIX) || !(await isLeft(folder))) continue;
    await endServers(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 }).then(
      () => removed++,
      () => {},
    );
  }
  return removed;
};
