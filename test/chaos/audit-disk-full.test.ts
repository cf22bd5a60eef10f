import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { openLogKeeper, startAudit } from '#audit/server.ts';
import { type EmbeddedNetwork, startEmbeddedNetwork } from '#embedded/network.ts';
import { MIGRATIONS, SCHEMAS } from '#migrations/index.ts';
import { AuditUnavailableError, appendAudit } from '#platform/audit/append.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { migrateCity } from '#platform/database/migrate.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { makeLog } from '#platform/observability/log.ts';
import { anEvent, checkpointOf, entriesOf, type Fetch, makeFetch, rootOf, sourceOf, until } from '#test/integration/audit/log-support.ts';
import { type TestSubjects, testSubjects } from '#test/support/subjects.ts';

const CITY = 'MTL';
const DISK_MB = 24;
const BALLAST_MB = 8;
const TABLES = ['entry', 'log_state', 'log_bundle', 'log_tile', 'log_checkpoint', 'log_cosignature'];
const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-full-'));
// The server runs as another account and passes through.
chmodSync(folder, 0o711);
const disk = path.join(folder, 'disk');

/** A disk of its own, small and in memory; false where this account may not mount one. */
const mountDisk = (): boolean => {
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', disk], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const isMounted = mountDisk();
if (!isMounted) console.info('no disk can be mounted by this account: the test of a full one is left out');

let network: EmbeddedNetwork | null = null;
let keys: TestSubjects | null = null;
let writers: Cities | null = null;
let subgraph: Subgraph | null = null;
let admin: pg.Client;
let fetch: Fetch;

beforeAll(async () => {
  if (!isMounted) return;
  const log = makeLog('test', 'silent');
  network = await startEmbeddedNetwork({ dataDir: path.join(folder, 'data'), log, standbys: false });
  const { cities, secrets, superuser } = network;
  const migrator = { user: 'migrator', password: secrets.databasePasswords.migrator, folder: MIGRATIONS, schemas: SCHEMAS };
  await Promise.all(cities.map((city) => migrateCity(city, migrator)));
  const [city] = cities.filter(({ code }) => code === CITY);
  const [node] = city?.nodes ?? [];
  if (!city || !node) throw new Error('the city is not there');
  const room = path.join(disk, 'room');
  mkdirSync(room);
  const { uid, gid } = statSync(path.join(folder, 'data', 'cities', CITY, 'a'));
  chownSync(room, uid, gid);
  admin = new pg.Client({ ...node, ...superuser, database: city.database });
  admin.on('error', () => {});
  await admin.connect();
  await admin.query(`CREATE TABLESPACE small LOCATION '${room}'`);
  for (const table of TABLES) await admin.query(`ALTER TABLE audit.${table} SET TABLESPACE small`);
  writeFileSync(path.join(disk, 'ballast'), Buffer.alloc(BALLAST_MB * 1024 * 1024, 1));
  keys = await testSubjects(
    cities.map(({ code }) => code),
    secrets.subjectIndexKey,
  );
  writers = openCities([city], { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects: keys.subjects });
  subgraph = (await startAudit({
    cities: [city],
    secrets,
    subjects: keys.subjects,
    log,
    sequencing: { pollMs: 20, recheckMs: 100 },
    shredding: null,
    witnessing: null,
  })) as Subgraph;
  if (!subgraph.transfer) throw new Error('the subgraph serves no log');
  fetch = makeFetch(subgraph.transfer);
}, 180_000);
afterAll(async () => {
  await subgraph?.stop();
  await writers?.stop();
  await admin?.end().catch(() => {});
  await keys?.stop();
  await network?.stop();
  if (isMounted) execFileSync('umount', ['-l', disk]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const stateOf = (): string | undefined =>
  (subgraph?.report?.()['auditLog'] as Record<string, { state: string }> | undefined)?.[CITY]?.state;
const countOf = async (): Promise<number> =>
  Number((await admin.query('select count(*) n from audit.entry where city = $1', [CITY])).rows[0].n);
const whole = async (size: number): Promise<void> => {
  await until(async () => (await checkpointOf(fetch, CITY)).checkpoint.size === size, 30_000, `a checkpoint of ${size} entries`);
  const { checkpoint } = await checkpointOf(fetch, CITY);
  const entries = await entriesOf(sourceOf(fetch, CITY), checkpoint.size);
  expect(Buffer.from(rootOf(entries)).toString('base64')).toBe(Buffer.from(checkpoint.root).toString('base64'));
};

(isMounted ? describe : describe.skip)('a disk of the audit log that is full', () => {
  it('stops acts and not the log, which goes on by itself once there is room', async () => {
    const db = (writers as Cities).of(CITY);
    const values = { note: 'x'.repeat(30_000) };
    let written = 0;
    const fill = async (): Promise<unknown> => {
      for (; written < 3_000; written++) {
        try {
          await appendAudit(db, anEvent(CITY, { values }));
        } catch (error) {
          return error;
        }
      }
      return null;
    };
    const refused = await fill();
    expect(refused).toBeInstanceOf(AuditUnavailableError);
    expect((refused as { cause?: { code?: string } }).cause?.code).toBe('53100');
    expect(written).toBeGreaterThan(100);
    // What was refused is not there, and what is there is read and signed, or waits for its checkpoint.
    expect(await countOf()).toBe(written);
    const before = await checkpointOf(fetch, CITY);
    expect(before.checkpoint.size).toBeLessThanOrEqual(written);
    const shown = await entriesOf(sourceOf(fetch, CITY), before.checkpoint.size);
    expect(Buffer.from(rootOf(shown)).toString('base64')).toBe(Buffer.from(before.checkpoint.root).toString('base64'));
    await expect(appendAudit(db, anEvent(CITY, { values }))).rejects.toBeInstanceOf(AuditUnavailableError);
    expect(stateOf()).not.toBe('broken');

    rmSync(path.join(disk, 'ballast'));
    await until(
      async () =>
        appendAudit(db, anEvent(CITY)).then(
          () => true,
          () => false,
        ),
      30_000,
      'an act after there was room',
    );
    const count = await countOf();
    expect(count).toBe(written + 1);
    await whole(count);
    expect(stateOf()).toBe('signing');
    const { cities, secrets } = network as EmbeddedNetwork;
    const keeper = openLogKeeper({ cities, secrets });
    try {
      expect(await keeper.check(CITY)).toMatchObject({ size: count, firstBadIndex: null });
    } finally {
      await keeper.stop();
    }
  }, 240_000);
});
