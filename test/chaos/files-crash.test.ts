import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { contextOf } from '#files/domain/file.ts';
import type { Files } from '#files/server.ts';
import { FAULT_POINTS, type FaultPoint } from '#files/service/parts.ts';
import type { Viewer } from '#platform/access/viewer.ts';
import { type Harness, sha256Of, someText, startHarness, UPLOAD } from '#test/integration/files/harness.ts';
import { CHUNK, sealFlow, transfersOf } from '#test/integration/files/transfer-support.ts';
import { ERASE_PATIENT } from '#test/support/erase-patient.ts';
import type { Act } from './files-act.ts';

/** Found in no store, database, WAL, log or temporary folder: it is in every content that is uploaded here. */
const CANARY = `canary-${randomBytes(12).toString('hex')}`;
/** Found in the databases: the name of a file. What does not find this one does not look. */
const CONTROL = `control-${randomBytes(8).toString('hex')}`;

/** A file that is as old as this run. */
const begun = path.join(mkdtempSync(path.join(tmpdir(), 'caregraph-crash-')), 'begun');
writeFileSync(begun, '');
let house: Harness;
let at: ReturnType<typeof transfersOf>;
/** The test clusters of the other kinds of tests, for this file alone. */
const clusters = async (file: 'global-setup' | 'global-teardown'): Promise<void> => {
  const { default: run } = (await import(`../support/${file}.mjs`)) as { readonly default: () => Promise<void> };
  await run();
};
beforeAll(async () => {
  await clusters('global-setup');
  house = await startHarness();
  at = transfersOf(house);
}, 120_000);
afterAll(async () => {
  await house?.stop();
  await clusters('global-teardown');
  rmSync(path.dirname(begun), { recursive: true, force: true });
}, 60_000);

/** How the middle of a text reads in base64, where so many bytes come before it. */
const base64At = (text: Buffer, shift: number): string => {
  const all = Buffer.concat([Buffer.alloc(shift), text]).toString('base64');
  return all.slice(4, all.length - 4);
};

type Patient = Viewer & { readonly patientId: string };
const content = (size: number): Buffer => Buffer.from(`${CANARY} ${someText(Math.max(0, size - 2 * CANARY.length - 2))} ${CANARY}`);

/** Runs an act in a process of its own; tells how it ended. */
const run = async (
  act: Omit<Act, 'settings' | 'logFile'>,
): Promise<{ readonly signal: string | null; readonly code: number | null; readonly output: string }> => {
  const file = path.join(house.folder, `act-${randomBytes(4).toString('hex')}.json`);
  const settings = {
    cities: house.network.cities,
    secrets: house.network.secrets,
    files: house.files,
    subjects: house.network.subjectsConfig,
  };
  writeFileSync(file, JSON.stringify({ ...act, settings, logFile: path.join(house.folder, 'files.log') }), { mode: 0o600 });
  const child: ChildProcess = spawn(process.execPath, ['test/chaos/files-act.ts', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout?.on('data', (text) => (output += text));
  child.stderr?.on('data', (text) => (output += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  rmSync(file, { force: true });
  return { code, signal, output };
};

/**
 * What a fresh start does, until nothing is left to do. The leases of the dead process end at once here instead of in 15 to 30 s: they are
 * set to the instant they would reach by waiting.
 */
const startAgain = async (): Promise<void> => {
  const fresh = await house.start();
  try {
    for (const table of ['upload', 'writing', 'task'])
      await house.sql(
        'MTL',
        `update files.${table} set lease_until = now() - interval '1 second' where lease_until > now() - interval '1 second'`,
      );
    for (let round = 0; ; round++) {
      if (round === 20) throw new Error('maintenance did not become quiet');
      await house.sql('MTL', 'update files.destruction set next_try_at = now()');
      await fresh.parts.maintenance.round();
      const [left] = await house.sql<{ n: number }>(
        'MTL',
        `select ((select count(*) from files.debt) + (select count(*) from files.destruction)
           + (select count(*) from files.task where running))::int as n`,
      );
      if (left?.n === 0) return;
    }
  } finally {
    await fresh.stop();
  }
};

const namesIn = (store: 'primary' | 'backup'): string[] =>
  ['blobs', 'partial'].flatMap((room) => {
    const folder = path.join(house.folder, 'files', store, room);
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(path.join(folder, name)).isFile())
      .map((name) => `${room === 'partial' ? 'partial ' : ''}${path.basename(name)}`);
  });

type Version = {
  readonly blob_id: string;
  readonly id: string;
  readonly file_id: string;
  readonly patient_id: string;
  readonly size: number;
  readonly sha256: string;
  readonly key_id: string;
};
/** Every promise that has to hold once things are quiet. What uploads that wait for their sender have in the stores may be there. */
const everythingHolds = async (of: Files): Promise<readonly Version[]> => {
  const waiting = await house.sql<{ blob_id: string }>('MTL', `select blob_id from files.upload where state in ('open', 'received')`);
  const versions = await house.sql<Version>(
    'MTL',
    `select v.blob_id, v.id, v.file_id, f.patient_id, v.size_bytes::int as size, v.sha256, v.key_id
     from files.version v join files.file f on f.city = v.city and f.id = v.file_id`,
  );
  for (const version of versions) {
    const context = contextOf({ city: 'MTL', patientId: version.patient_id, fileId: version.file_id, versionId: version.id });
    const ref = { city: 'MTL', id: version.blob_id, context };
    const bytes: Uint8Array[] = [];
    for await (const piece of of.parts.vault.read(ref, version.size)) bytes.push(piece);
    expect(sha256Of(Buffer.concat(bytes))).toBe(version.sha256);
    for (const store of ['primary', 'backup'] as const) expect(await of.parts.vault.check(ref, version.size, store)).toBe('intact');
  }
  // No orphan and no half file: each store has the content and key of each version, and tombstones.
  const known = versions.flatMap(({ blob_id }) => [`MTL~${blob_id}`, `MTL~${blob_id}.key`]);
  for (const store of ['primary', 'backup'] as const) {
    const names = namesIn(store).filter((name) => !waiting.some(({ blob_id }) => name.includes(blob_id)));
    const tombstones: string[] = [];
    // Killed while a wrapped key was replaced, a directory keeps the old one aside until the key is put again; never beside a tombstone.
    const isAside = (name: string): boolean => known.some((each) => name.startsWith(`${each}~~`));
    for (const name of names.filter((each) => !known.includes(each) && !isAside(each))) {
      const id = /^MTL~(MTL-blb-[0-9a-z]+)[.]key$/.exec(name)?.[1];
      expect([store, name, id !== undefined && (await of.parts.vault.findKey({ city: 'MTL', id }, store))]).toEqual([
        store,
        name,
        'destroyed',
      ]);
      tombstones.push(name);
    }
    expect(names.filter((name) => !isAside(name)).toSorted()).toEqual([...known, ...tombstones].toSorted());
  }
  const [room] = await house.sql(
    'MTL',
    `select r.used_bytes::int as used, r.reserved_bytes::int as reserved,
       (select coalesce(sum(size_bytes), 0)::int from files.version) as versions,
       (select coalesce(sum(size_bytes), 0)::int from files.upload where state in ('open', 'received', 'refused')) as uploads,
       (select coalesce(sum(used_bytes), 0)::int from files.subject) as "bySubjects",
       (select count(*)::int from files.file f where version = 0
          and not exists (select from files.upload u where u.file_id = f.id)) as unborn from files.room r`,
  );
  expect(room).toMatchObject({ used: room?.['versions'], reserved: room?.['uploads'], bySubjects: room?.['used'], unborn: 0 });
  return versions;
};

const rowsOf = (patient: Patient) => (versions: readonly Version[]) =>
  versions.filter(({ patient_id }) => patient_id === patient.patientId);
const points = (...prefixes: string[]): FaultPoint[] => FAULT_POINTS.filter((point) => prefixes.some((prefix) => point.startsWith(prefix)));
const UPLOADING = points('upload:', 'vault:key', 'vault:finish');
const ROTATING = points('rotate:', 'vault:rewrap');
const ERASING = points('erase:', 'vault:tombstone');

it('has a test for every point', () => {
  expect([...UPLOADING, ...ROTATING, ...ERASING].toSorted()).toEqual([...FAULT_POINTS].toSorted());
});

it.each(UPLOADING)('an upload in the graph, killed at %s, is kept whole or leaves nothing', async (point) => {
  const patient = await house.addPatient();
  const bytes = content(200_000);
  const input = { patientId: patient.patientId, name: `${CONTROL}.txt`, contentType: 'text/plain', content: bytes.toString('base64') };
  const died = await run({ point, viewer: patient, before: { source: UPLOAD, variables: { input } } });
  expect(died).toMatchObject({ signal: 'SIGKILL', code: null });
  await startAgain();
  const mine = rowsOf(patient)(await everythingHolds(house.subgraph));
  expect(mine.map(({ sha256 }) => sha256)).toEqual(point === 'upload:after-keep' ? [sha256Of(bytes)] : []);
  const again = await house.upload(patient, patient.patientId, { ...input, bytes });
  expect(again.file).toMatchObject({ version: mine.length + 1, sha256: sha256Of(bytes) });
  await everythingHolds(house.subgraph);
});

/** Where senders went on, told at the end. */
const offsets: string[] = [];
it.each(UPLOADING.filter((point) => point !== 'upload:intent'))(
  'an upload at an address, killed at %s, is gone on with and kept whole',
  async (point) => {
    const patient = await house.addPatient();
    const bytes = content(5 * CHUNK + 12_345);
    const contentFile = path.join(house.folder, 'sender.txt');
    const { id, url } = await at.addressFor(patient, bytes);
    writeFileSync(contentFile, bytes);
    const died = await run({
      point,
      viewer: patient,
      put: { path: url.slice(url.indexOf('/files/') + '/files/'.length), contentFile },
      after: { source: 'mutation ($id: ID!) { finishUpload(uploadId: $id) { __typename } }', variables: { id } },
    });
    rmSync(contentFile);
    expect(died).toMatchObject({ signal: 'SIGKILL', code: null });
    await startAgain();
    await everythingHolds(house.subgraph);
    // The sender goes on where it stands, and asks again until it is kept.
    const resumed = await at.resume(patient, id);
    if (resumed?.upload) {
      const { url } = resumed.upload;
      const from = Number((await at.head(url)).headers['upload-offset']);
      const headers = {
        'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
        'content-length': String(bytes.length - from),
      };
      if (from < bytes.length) expect((await at.put(url, bytes.subarray(from), { headers })).status).toBe(201);
      offsets.push(`${point} ${from}`);
    }
    const kept = await at.finish(patient, id);
    expect([point, kept?.file?.sha256]).toEqual([point, sha256Of(bytes)]);
    await startAgain();
    expect(rowsOf(patient)(await everythingHolds(house.subgraph)).map(({ sha256 }) => sha256)).toEqual([sha256Of(bytes)]);
  },
);

it('lets most senders go on behind what stood', () => {
  console.info(`senders went on at: ${offsets.join(', ')}`);
  expect(offsets.some((line) => Number(line.split(' ')[1]) > 0)).toBe(true);
});

it.each(ROTATING)('a rotation, killed at %s, is gone on with; every file stays readable', async (point) => {
  const patient = await house.addPatient();
  for (let i = 0; i < 5; i++) await house.upload(patient, patient.patientId, { bytes: content(1000 + i) });
  const died = await run({
    point,
    viewer: house.viewer('A', 'MTL'),
    before: { source: 'mutation { rotateKeys(city: "MTL", newKey: true) { running total } }', variables: {} },
    round: true,
  });
  expect(died).toMatchObject({ signal: 'SIGKILL', code: null });
  await everythingHolds(house.subgraph);
  await startAgain();
  const versions = await everythingHolds(house.subgraph);
  // Killed between the new key and the task that uses it, nothing was asked for yet: asking again makes the next one.
  if (point === 'rotate:key-made') {
    const again = await house.ask(house.viewer('A', 'MTL'), 'mutation { rotateKeys(city: "MTL") { running } }');
    expect(again.errors).toEqual([]);
    await startAgain();
    await everythingHolds(house.subgraph);
  }
  const current = await house.subgraph.parts.keys.currentKeyId('MTL');
  const after = point === 'rotate:key-made' ? await everythingHolds(house.subgraph) : versions;
  expect(new Set(after.map(({ key_id }) => key_id))).toEqual(new Set([current]));
});

it.each(ERASING)('an erasure, killed at %s, is finished; nothing of the patient can be read', async (point) => {
  const [patient, other] = [await house.addPatient(), await house.addPatient()];
  for (let i = 0; i < 3; i++) await house.upload(patient, patient.patientId, { bytes: content(1000 + i) });
  await house.upload(other, other.patientId, { bytes: content(500) });
  const before = rowsOf(patient)(await everythingHolds(house.subgraph));
  expect(before).toHaveLength(3);
  await house.sql('MTL', ERASE_PATIENT, [patient.patientId]);
  const died = await run({ point, viewer: other, round: true });
  expect(died).toMatchObject({ signal: 'SIGKILL', code: null });
  await startAgain();
  const after = await everythingHolds(house.subgraph);
  expect([rowsOf(patient)(after).length, rowsOf(other)(after).length]).toEqual([0, 1]);
  for (const version of before) {
    const context = contextOf({ city: 'MTL', patientId: version.patient_id, fileId: version.file_id, versionId: version.id });
    const ref = { city: 'MTL', id: version.blob_id, context };
    await expect(house.subgraph.parts.vault.read(ref, version.size).next()).rejects.toThrow(
      expect.objectContaining({ name: 'IntegrityError' }),
    );
    for (const store of ['primary', 'backup'] as const) {
      expect(await house.subgraph.parts.vault.check(ref, version.size, store)).toBe('destroyed');
      expect(await house.subgraph.parts.vault.repair(ref, version.size, store)).toBe(false);
    }
  }
});

it('leaves no plaintext in stores, databases, WAL, logs and temporary folders', async () => {
  const patient = await house.addPatient();
  const [small, large] = [content(5_000), content(3 * CHUNK + 5)];
  await house.upload(patient, patient.patientId, { bytes: small, name: `${CONTROL}-a.txt` });
  await at.upload(patient, large, { name: `${CONTROL}-b.txt` });
  const flow = await sealFlow(house, large);
  const { id, url } = await at.addressFor(patient, large, { sealedKey: flow.sealedKey });
  expect((await at.put(url, await flow.stream(id))).status).toBe(201);
  expect((await at.finish(patient, id)).file).toBeDefined();
  const open = await at.addressFor(patient, large);
  expect((await at.put(open.url, large.subarray(0, CHUNK + 5))).status).toBe(202);
  await house.sql('MTL', 'checkpoint');
  // The clusters with their WAL, the stores, the logs: and whatever else came into the temporary folder since this file began.
  const places = [path.dirname(process.env['CAREGRAPH_TEST_NETWORK'] ?? '/nowhere'), house.folder];
  const found = (...texts: string[]): string[] => {
    const patterns = texts.flatMap((text) => ['-e', text]);
    // Files come and go under a running server, so that grep may complain about some; what it finds counts.
    const listed = [
      spawnSync('grep', ['-rlaF', ...patterns, ...places], { encoding: 'utf8', timeout: 60_000 }),
      spawnSync(
        'find',
        [tmpdir(), '-maxdepth', '3', '-type', 'f', '-size', '-64M', '-newer', begun, '-exec', 'grep', '-laF', ...patterns, '{}', '+'],
        { encoding: 'utf8', timeout: 60_000 },
      ),
    ].flatMap(({ stdout }) => stdout.split('\n'));
    return [...new Set(listed)].filter((line) => line !== '');
  };
  // The control is in the tables and in the WAL, so that the search reaches both.
  const control = found(CONTROL);
  for (const place of ['pg_wal', 'base'])
    expect([place, control.some((file) => file.includes(`${path.sep}${place}${path.sep}`))]).toEqual([place, true]);
  const needle = Buffer.from(CANARY);
  const forms = [CANARY, needle.toString('hex'), ...[0, 1, 2].map((shift) => base64At(needle, shift))];
  expect(found(...forms)).toEqual([]);
  await house.sql('MTL', ERASE_PATIENT, [patient.patientId]);
  await startAgain();
  await house.sql('MTL', 'checkpoint');
  expect(found(...forms)).toEqual([]);
});
