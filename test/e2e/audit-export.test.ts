import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FhirAuditEvent } from '#audit/domain/fhir-event.ts';
import { openCities } from '#platform/database/cities.ts';
import { until, writeEvents } from '#test/integration/audit/log-support.ts';
import { startTestApp, type TestApp } from '#test/support/app.ts';
import { validateAuditEvent, validateBundle } from '#test/support/fhir/validate.ts';
import { DEMO_PASSWORD } from '#test/support/graph.ts';

const TOOL = fileURLToPath(new URL('../../tools/audit-log.ts', import.meta.url));
const CITIES = ['MTL', 'QUE', 'SHE'];
const DEADLINE_MS = 40_000;
const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-audit-export-'));
let app: TestApp;
/** Behind all that the tests look for: what an export writes itself comes later. */
let end = '';
beforeAll(async () => {
  app = await startTestApp();
  const { cities, secrets, subjects } = app.network;
  const writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects });
  await Promise.all(cities.map(({ code }) => writeEvents(writers, code, 60)));
  await writers.stop();
  const token = await app.tokenOf('SHED0001');
  const { patientId } = await app.account('SHEP0001');
  for (let i = 0; i < 3; i++)
    await app.graph.ask('query ($id: ID!) { patient(id: $id) { id name { given family } } }', { id: patientId }, { token });
  const begun = Date.now();
  await until(() => Date.now() > begun + 5);
  end = new Date().toISOString();
}, 60_000);
afterAll(async () => {
  await app?.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Run = { readonly status: number | null; readonly signal: NodeJS.Signals | null; readonly out: string; readonly err: string };
type Says = {
  readonly as?: string;
  readonly cwd?: string;
  readonly url?: string;
  readonly env?: Record<string, string>;
  /** Largest file that may be written, as on a disk without room. */
  readonly kilobytes?: number;
};
const begin = async (words: readonly string[], says: Says = {}) => {
  const credentials = says.as === '' ? {} : { CAREGRAPH_TOKEN: await app.tokenOf(says.as ?? 'MTLU0001') };
  const command = [process.execPath, TOOL, 'export', ...words, ...(words.includes('--url') ? [] : ['--url', says.url ?? app.graph.url])];
  const limited = says.kilobytes === undefined ? [] : ['bash', '-c', `ulimit -f ${says.kilobytes} && exec "$0" "$@"`];
  const [program = '', ...given] = [...limited, ...command];
  const child = spawn(program, given, {
    cwd: says.cwd ?? folder,
    env: { PATH: process.env['PATH'] ?? '', LANG: 'C', ...credentials, ...says.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEADLINE_MS,
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => {
    out += text;
  });
  child.stderr.on('data', (text) => {
    err += text;
  });
  const done = once(child, 'close').then(([status, signal]): Run => ({ status, signal, out, err }));
  return { child, done };
};
const run = async (words: readonly string[], says: Says = {}): Promise<Run> => (await begin(words, says)).done;

let serial = 0;
/** A folder of its own for one test. */
const aFolder = (): string => {
  const made = path.join(folder, `${++serial}`);
  mkdirSync(made);
  return made;
};
const eventsIn = (file: string): FhirAuditEvent[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
/** Ids of the events of cities that were recorded before the end. */
const idsBefore = async (cities: readonly string[], before = end): Promise<string[]> =>
  (
    await Promise.all(
      cities.map(async (city) => {
        const { rows } = await (await app.network.admin(city)).query<{ event_id: string }>(
          'select event_id from audit.entry where city = $1 and recorded_at < $2',
          [city, before],
        );
        return rows.map(({ event_id }) => event_id);
      }),
    )
  )
    .flat()
    .sort();
const exportsOf = async (city: string): Promise<{ outcome: number }[]> =>
  (
    await (
      await app.network.admin(city)
    ).query(`select outcome from audit.entry where city = $1 and act = 'auditExport' order by id`, [city])
  ).rows;

describe('npm run audit-log -- export', () => {
  it('writes every event of all cities as FHIR that is valid, newest first, for its owner alone', async () => {
    const here = aFolder();
    const before = (await exportsOf('MTL')).length;
    const { status, out, err } = await run(['--out', 'all.ndjson', '--to', end, '--part', '100', '--json'], { cwd: here });
    expect([status, err]).toEqual([0, '']);
    const events = eventsIn(path.join(here, 'all.ndjson'));
    expect(JSON.parse(out)).toEqual({
      file: 'all.ndjson',
      events: events.length,
      bytes: statSync(path.join(here, 'all.ndjson')).size,
      filter: { to: end },
    });
    expect(events.map(({ id }) => id).sort()).toEqual(await idsBefore(CITIES));
    expect([...new Set(events.flatMap(validateAuditEvent))]).toEqual([]);
    const times = events.map(({ recorded }) => recorded);
    expect(times).toEqual([...times].sort().reverse());
    expect(readdirSync(here)).toEqual(['all.ndjson']);
    expect(statSync(path.join(here, 'all.ndjson')).mode & 0o777).toBe(0o600);
    expect((await exportsOf('MTL')).length - before).toBe(Math.ceil(events.length / 100));
  }, 60_000);

  it('holds nobody’s name, login, birth date or text, with accents or without', async () => {
    const here = aFolder();
    expect((await run(['--out', 'all.ndjson', '--to', end], { cwd: here })).status).toBe(0);
    const text = readFileSync(path.join(here, 'all.ndjson'), 'utf8');
    const canaries: string[] = [];
    for (const city of CITIES) {
      const admin = await app.network.admin(city);
      const { rows: logins } = await admin.query<{ username: string }>('select username from patients.account where city = $1', [city]);
      canaries.push(...logins.map(({ username }) => username));
    }
    const { data } = await app.graph.ask<{ patients: { nodes: { name: { given: string[]; family: string }; birthDate: string }[] } }>(
      '{ patients(first: 100) { nodes { name { given family } birthDate } } }',
      {},
      { token: await app.tokenOf('SHED0001') },
    );
    for (const { name, birthDate } of data?.patients.nodes ?? [])
      canaries.push(`"${name.family}"`, ...name.given.map((given) => `"${given}"`), birthDate);
    expect(canaries.some((canary) => /[À-ÿ]/.test(canary))).toBe(true);
    expect(canaries.length).toBeGreaterThan(30);
    expect(canaries.filter((canary) => text.includes(canary))).toEqual([]);
  }, 60_000);

  it('asks for what its options say', async () => {
    const here = aFolder();
    const { patientId } = await app.account('SHEP0001');
    const { id } = await app.account('SHED0001');
    const words = [
      '--city',
      'SHE',
      '--patient',
      patientId ?? '',
      '--actor',
      id,
      '--action',
      'read',
      '--act',
      'patient',
      '--outcome',
      'success',
    ];
    const isPlaced = (event: FhirAuditEvent): boolean => event.entity.at(-1)?.name === 'audit log';
    const read = async (turn: number): Promise<FhirAuditEvent[]> => {
      const file = `some-${turn}.ndjson`;
      const { status, err } = await run([...words, '--from', '2020-01-01T00:00:00Z', '--to', end, '--out', file], { cwd: here });
      expect([status, err]).toEqual([0, '']);
      return eventsIn(path.join(here, file));
    };
    let events = await read(0);
    // An event has its place in the log once it is under a checkpoint.
    for (let turn = 1; turn < 10 && !events.every(isPlaced); turn++) events = await read(turn);
    expect(events).toHaveLength(3);
    for (const event of events) {
      expect(event).toMatchObject({ action: 'R', outcome: '0', source: { site: 'SHE' } });
      expect(event.meta?.profile).toEqual([expect.stringMatching(/PatientRead$/)]);
      expect(event.entity[0]?.what.identifier?.value).toBe(patientId);
      expect(event.agent[0]?.who.identifier?.value).toBe(id);
      expect(isPlaced(event)).toBe(true);
    }
  }, 60_000);

  it('writes one Bundle where that is asked for', async () => {
    const here = aFolder();
    const { status } = await run(['--out', 'bundle.json', '--bundle', '--city', 'QUE', '--to', end], { cwd: here });
    expect(status).toBe(0);
    const bundle = JSON.parse(readFileSync(path.join(here, 'bundle.json'), 'utf8'));
    expect(validateBundle(bundle)).toEqual([]);
    expect(bundle.entry.map(({ resource }: { resource: FhirAuditEvent }) => resource.id).sort()).toEqual(await idsBefore(['QUE']));
    const none = await run(['--out', 'none.json', '--bundle', '--to', '2001-01-01T00:00:00Z'], { cwd: here });
    expect(none.status).toBe(0);
    expect(validateBundle(JSON.parse(readFileSync(path.join(here, 'none.json'), 'utf8')))).toEqual([]);
    expect(readdirSync(here)).toEqual(['bundle.json', 'none.json']);
  }, 60_000);

  it('goes on where it was killed, and writes the same as without', async () => {
    const here = aFolder();
    expect((await run(['--out', 'whole.ndjson', '--to', end], { cwd: here })).status).toBe(0);
    const { child, done } = await begin(['--out', 'broken.ndjson', '--to', end, '--part', '1'], { cwd: here });
    const cursor = path.join(here, 'broken.ndjson.cursor');
    await until(() => existsSync(cursor) && JSON.parse(readFileSync(cursor, 'utf8')).after !== null, DEADLINE_MS, 'the cursor');
    child.kill('SIGKILL');
    expect((await done).signal).toBe('SIGKILL');
    expect(existsSync(path.join(here, 'broken.ndjson'))).toBe(false);
    const again = await run(['--out', 'broken.ndjson'], { cwd: here });
    expect([again.status, again.err.split('\n')[0]]).toEqual([2, 'broken.ndjson.cursor is there: go on with --resume, or remove it.']);
    const changed = await run(['--out', 'broken.ndjson', '--resume', '--city', 'MTL'], { cwd: here });
    expect(changed.status).toBe(2);
    // What stood behind the last cursor when it was killed comes again.
    writeFileSync(path.join(here, 'broken.ndjson.part'), '{"half":', { flag: 'a' });
    const other = await run(['--out', 'broken.ndjson', '--resume'], { cwd: here, as: 'QUEU0001' });
    expect([other.status, existsSync(path.join(here, 'broken.ndjson'))]).toEqual([1, false]);
    expect((await run(['--out', 'broken.ndjson', '--resume'], { cwd: here })).status).toBe(0);
    const idsOf = (name: string) => eventsIn(path.join(here, name)).map(({ id }) => id);
    expect(idsOf('broken.ndjson')).toEqual(idsOf('whole.ndjson'));
    expect(readdirSync(here)).toEqual(['broken.ndjson', 'whole.ndjson']);
  }, 90_000);

  it.each([
    ['the first part does not fit', 8, ['all.ndjson.cursor', 'all.ndjson.part'], /is larger than files may be here\.\n {2}.*--resume\n$/],
    ['nothing fits', 0, [], /is larger than files may be here\.\n {2}Nothing was kept: .* begin anew\.\n$/],
  ])(
    'where there is no room, as %s, leaves what can be gone on with, or nothing',
    async (_what, kilobytes, left, says) => {
      const here = aFolder();
      const words = ['--out', 'all.ndjson', '--to', end];
      const { status, err } = await run(words, { cwd: here, kilobytes });
      expect([status, readdirSync(here), err]).toEqual([1, left, expect.stringMatching(says)]);
      expect(err).toMatch(/^--out: all\.ndjson/);
      const after = await run(left.length > 0 ? ['--out', 'all.ndjson', '--resume'] : words, { cwd: here });
      expect([after.status, readdirSync(here)]).toEqual([0, ['all.ndjson']]);
      expect(
        eventsIn(path.join(here, 'all.ndjson'))
          .map(({ id }) => id)
          .sort(),
      ).toEqual(await idsBefore(CITIES));
    },
    60_000,
  );

  it('takes no act that nobody writes, and says which may be meant; nothing is recorded or written', async () => {
    const here = aFolder();
    const before = (await exportsOf('MTL')).length;
    const { status, out, err } = await run(['--out', 'x.ndjson', '--act', 'bookAppointmnt'], { cwd: here });
    expect([status, out, readdirSync(here), (await exportsOf('MTL')).length]).toEqual([2, '', [], before]);
    expect(err).toMatch(
      /^--act: is no act that is known or stands in a log; near are bookAppointment \(BAD_USER_INPUT, request [^)]+\)\n$/,
    );
    const none = await run(['--out', 'x.ndjson', '--act', 'rotateKeys', '--to', end], { cwd: here });
    expect([none.status, eventsIn(path.join(here, 'x.ndjson'))]).toEqual([0, []]);
  }, 60_000);

  it.each([
    [['--out', 'x', '--city', 'ABC'], /^--city: is no city; known are MTL, QUE, SHE /],
    [['--out', 'x', '--patient', 'nobody'], /^--patient: is no id of a patient /],
    [['--out', 'x', '--actor', 'a b'], /^--actor: is no id of an account /],
    [['--out', 'x', '--from', '2026-03-01T00:00:00Z', '--to', '2026-02-01T00:00:00Z'], /^--to: must be later than from /],
    [['--out', 'nodir/x'], /^--out: the folder .*nodir is not there\.\n$/],
    [['--out', 'file/x'], /^--out: .*file is no folder\.\n$/],
    [['--out', 'folder', '--force'], /^--out: .*folder is a folder: name a file in it\.\n$/],
  ])(
    'names what is wrong with %j in one line, ends with 2, and writes nothing',
    async (words, says) => {
      const here = aFolder();
      mkdirSync(path.join(here, 'folder'));
      writeFileSync(path.join(here, 'file'), 'mine');
      const { status, out, err } = await run(words, { cwd: here });
      expect([status, out, readdirSync(here), readdirSync(path.join(here, 'folder'))]).toEqual([2, '', ['file', 'folder'], []]);
      expect(err).toMatch(says);
      expect(err.trim().split('\n')).toHaveLength(1);
    },
    60_000,
  );

  it('replaces no file unaware', async () => {
    const here = aFolder();
    writeFileSync(path.join(here, 'mine.ndjson'), 'mine');
    const { status, err } = await run(['--out', 'mine.ndjson', '--to', end], { cwd: here });
    expect([status, readFileSync(path.join(here, 'mine.ndjson'), 'utf8'), readdirSync(here)]).toEqual([1, 'mine', ['mine.ndjson']]);
    expect(err).toMatch(/--force/);
    expect((await run(['--out', 'mine.ndjson', '--force', '--city', 'QUE', '--to', end], { cwd: here })).status).toBe(0);
    expect(eventsIn(path.join(here, 'mine.ndjson')).length).toBeGreaterThan(60);
  }, 60_000);

  it.each(['SHEP0001', 'SHED0001', 'SHEA0001'])('gives %s nothing, writes nothing, and the attempt is recorded', async (as) => {
    const here = aFolder();
    const before = await exportsOf('SHE');
    const { status, out, err } = await run(['--out', 'all.ndjson'], { cwd: here, as });
    expect([status, out, readdirSync(here)]).toEqual([1, '', []]);
    expect(err).toMatch(/FORBIDDEN/);
    expect((await exportsOf('SHE')).slice(before.length)).toEqual([{ outcome: 8 }]);
  });

  it('logs in by name and password', async () => {
    const here = aFolder();
    const words = ['--out', 'all.ndjson', '--user', 'MTLU0001', '--city', 'MTL', '--to', end];
    expect((await run(words, { cwd: here, as: '', env: { CAREGRAPH_PASSWORD: 'canary-wrong' } })).status).toBe(1);
    expect(readdirSync(here)).toEqual([]);
    expect((await run(words, { cwd: here, as: '', env: { CAREGRAPH_PASSWORD: DEMO_PASSWORD } })).status).toBe(0);
    expect(await run(['--out', 'x'], { cwd: here, as: '' })).toMatchObject({ status: 2, err: expect.stringMatching(/^Say who you are/) });
  }, 60_000);

  describe('where a city lacks something', () => {
    /** A graph that gives these parts, one after the other, the last for good. */
    const serveParts = async (parts: readonly object[]) => {
      let asked = 0;
      const server = createServer((_request, response) => {
        const part = parts[Math.min(asked++, parts.length - 1)];
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ data: { auditExport: part } }));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        asked: () => asked,
        stop: async () => {
          server.close();
          server.closeAllConnections();
          await once(server, 'close');
        },
      };
    };
    const part = (id: string, more: object) => ({
      ndjson: `${JSON.stringify({ resourceType: 'AuditEvent', id, recorded: '2026-01-01T00:00:00Z' })}\n`,
      count: 1,
      endCursor: id,
      hasNextPage: false,
      cityStates: [{ city: 'MTL', state: 'COMPLETE', asOf: null }],
      ...more,
    });
    const lame = { cityStates: [{ city: 'QUE', state: 'UNAVAILABLE', asOf: null }] };
    const stale = (asOf: string) => ({ cityStates: [{ city: 'QUE', state: 'STALE', asOf }] });
    const to = '2026-01-02T00:00:00.000Z';

    it('waits until it is there, and takes a copy that is new enough', async () => {
      const here = aFolder();
      const graph = await serveParts([part('a', lame), part('b', stale('2026-01-01T23:00:00Z')), part('c', stale('2026-01-02T00:00:01Z'))]);
      const { status } = await run(['--out', 'x.ndjson', '--to', to], { cwd: here, url: graph.url });
      await graph.stop();
      expect([status, graph.asked(), eventsIn(path.join(here, 'x.ndjson')).map(({ id }) => id)]).toEqual([0, 3, ['c']]);
    }, 60_000);

    it('breaks off rather than leave something out, and keeps what is whole', async () => {
      const here = aFolder();
      const graph = await serveParts([part('a', { hasNextPage: true }), part('b', lame)]);
      const { status, out, err } = await run(['--out', 'x.ndjson', '--to', to, '--patience', '1'], { cwd: here, url: graph.url });
      await graph.stop();
      expect([status, out]).toEqual([1, '']);
      expect(err).toMatch(/^City QUE does not answer.*\n.*--resume/);
      expect(readdirSync(here).sort()).toEqual(['x.ndjson.cursor', 'x.ndjson.part']);
      expect(eventsIn(path.join(here, 'x.ndjson.part')).map(({ id }) => id)).toEqual(['a']);
      const after = await serveParts([part('b', {})]);
      expect((await run(['--out', 'x.ndjson', '--resume'], { cwd: here, url: after.url })).status).toBe(0);
      await after.stop();
      expect(eventsIn(path.join(here, 'x.ndjson')).map(({ id }) => id)).toEqual(['a', 'b']);
    }, 60_000);

    it('takes no copy of unknown age, and no part twice', async () => {
      const here = aFolder();
      const unknown = await serveParts([part('a', { cityStates: [{ city: 'QUE', state: 'STALE', asOf: null }] })]);
      const words = ['--out', 'x.ndjson', '--to', to, '--patience', '1'];
      const { status, err } = await run(words, { cwd: here, url: unknown.url });
      await unknown.stop();
      expect([status, readdirSync(here), err]).toEqual([1, [], expect.stringMatching(/^City QUE does not answer/)]);
      const stuck = await serveParts([part('a', { hasNextPage: true })]);
      const again = await run(words, { cwd: here, url: stuck.url });
      await stuck.stop();
      expect([again.status, stuck.asked(), again.err]).toEqual([1, 2, expect.stringMatching(/the same part again/)]);
      expect(eventsIn(path.join(here, 'x.ndjson.part')).map(({ id }) => id)).toEqual(['a']);
      const without = await serveParts([part('a', { hasNextPage: true, endCursor: null })]);
      const other = await run(['--out', 'y.ndjson', '--to', to], { cwd: here, url: without.url });
      await without.stop();
      expect([other.status, existsSync(path.join(here, 'y.ndjson'))]).toEqual([1, false]);
    }, 60_000);

    it('is for its owner alone, also where something else stood in its way before', async () => {
      const here = aFolder();
      const elsewhere = path.join(here, 'elsewhere');
      const names = ['x.ndjson.part', 'x.ndjson.next', 'x.ndjson.cursor.next'];
      for (const words of [[], ['--bundle']]) {
        writeFileSync(elsewhere, 'theirs');
        for (const name of names) {
          rmSync(path.join(here, name), { force: true });
          symlinkSync(elsewhere, path.join(here, name));
        }
        const graph = await serveParts([part('a', { hasNextPage: true }), part('b', {})]);
        expect((await run(['--out', 'x.ndjson', '--to', to, '--force', ...words], { cwd: here, url: graph.url })).status).toBe(0);
        await graph.stop();
        expect(lstatSync(path.join(here, 'x.ndjson')).mode & 0o170_777).toBe(0o100_600);
        expect(readFileSync(elsewhere, 'utf8')).toBe('theirs');
      }
      writeFileSync(path.join(here, 'y.ndjson.part'), 'old', { mode: 0o666 });
      const graph = await serveParts([part('a', { hasNextPage: true }), part('b', lame)]);
      expect((await run(['--out', 'y.ndjson', '--to', to, '--patience', '1'], { cwd: here, url: graph.url })).status).toBe(1);
      await graph.stop();
      expect(statSync(path.join(here, 'y.ndjson.part')).mode & 0o777).toBe(0o600);
    }, 60_000);

    it('refuses a Bundle of too many, and leaves nothing', async () => {
      const here = aFolder();
      const graph = await serveParts([part('a', { count: 10_001 })]);
      const { status, err } = await run(['--out', 'x.json', '--bundle', '--to', to], { cwd: here, url: graph.url });
      await graph.stop();
      expect([status, readdirSync(here)]).toEqual([1, []]);
      expect(err).toMatch(/--bundle/);
    });
  });

  it('ends with 2 and its help where the command line is wrong', async () => {
    for (const words of [
      [],
      ['--out', 'x', 'y'],
      ['--out', 'x', '--action', 'PEEK'],
      ['--out', 'x', '--outcome', 'FINE'],
      ['--out', 'x', '--from', 'yesterday'],
      ['--out', 'x', '--to', '2026-01-01'],
      ['--out', 'x', '--part', '0'],
      ['--out', 'x', '--part', '1001'],
      ['--out', 'x', '--resume'],
      ['--out', 'x', '--url', 'http://graph.example.org'],
      ['--no-such'],
    ]) {
      const here = aFolder();
      const result = await run(words, { cwd: here });
      expect([words, result.status, result.out, readdirSync(here)]).toEqual([words, 2, '', []]);
      expect(result.err).toContain('npm run audit-log -- export');
    }
    expect(await run(['--help'])).toMatchObject({ status: 0, err: '', out: expect.stringContaining('--resume') });
  }, 60_000);
});
