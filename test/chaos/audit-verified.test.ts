import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readNetwork } from '#embedded/read-network.ts';
import { appendAuditMany } from '#platform/audit/append-many.ts';
import { AUDIT_COLUMNS, toAuditValues } from '#platform/audit/event.ts';
import { readStartConfig } from '#platform/config/env.ts';
import { openCities } from '#platform/database/cities.ts';
import { makeLog } from '#platform/observability/log.ts';
import { openSubjects } from '#platform/subjects/open-subjects.ts';
import { parseCheckpoint } from '#platform/tlog/checkpoint.ts';
import { parseNote } from '#platform/tlog/note.ts';
import { tilePath, widthOfTile } from '#platform/tlog/tiles.ts';
import { anEvent } from '#test/integration/audit/log-support.ts';
import { connectAs, freePort, type Started, startNetwork } from '#test/support/started.ts';

/** `TLOG_ENTRIES=1000000 npm run test:chaos -- test/chaos/audit-verified` for the long run: some 5 minutes, and 4 GB. */
const ENTRIES = Number(process.env['TLOG_ENTRIES'] ?? 20_000);
const FILL_MS = 60_000 + 3 * ENTRIES;
const RUN_MS = 60_000 + ENTRIES / 5;
const CITY = 'MTL';
/** Entries that are written as subgraphs write them; all others are such an entry again, under ids of their own. */
const WRITTEN = 1_000;
const BATCH = 500;
const CHUNK = 25_000;

/**
 * Entries `$1` to `$2` in one statement: the bytes of a real one, with another id and another request in the places of its own, of the same
 * lengths. What is sealed beside it opens under its own id alone, and is no part of the log.
 */
const FILL = `INSERT INTO audit.entry (${AUDIT_COLUMNS})
  SELECT $3, id, $4::timestamptz, $5, $6, $7::smallint, NULL, NULL, $8::bytea,
    convert_to(replace(replace(convert_from($9::bytea, 'UTF8'), $10, id), $11, gen_random_uuid()::text), 'UTF8')
  FROM (SELECT i, $3 || '-evt-' || upper(lpad(to_hex(i), 26, '0')) AS id FROM generate_series($1::bigint, $2::bigint) AS i) AS numbered ORDER BY i`;

const GOPATH = process.env['GOPATH'] ?? '/usr/share/gocode';
const GO = 'go';
const hasGo = spawnSync(GO, ['version']).status === 0 && existsSync(path.join(GOPATH, 'src/golang.org/x/mod/sumdb/tlog'));
if (!hasGo) console.warn('Go’s verifier is left out: it needs the Debian packages golang-go and golang-golang-x-mod-dev');

let folder: string;
let started: Started;
let copy: string;
let policy: string;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

type Told = {
  status: number;
  stderr: string;
  logs: { isSound: boolean; fault?: string; firstBadIndex?: number; shards: { size: number; checked: number }[] }[];
};
/** The command as a stranger runs it, in a process of its own. */
const verifyAudit = (...args: readonly string[]): Promise<Told> =>
  new Promise((resolve) => {
    const env = { ...process.env, NODE_OPTIONS: '', XDG_STATE_HOME: path.join(folder, 'states') };
    const options = { env, timeout: RUN_MS, maxBuffer: 10_000_000 };
    execFile(process.execPath, ['tools/verify-audit.ts', ...args, '--json'], options, (error, stdout, stderr) => {
      const logs = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
      resolve({ status: error ? Number(error.code ?? -1) : 0, stderr, logs });
    });
  });
const verifyWithGo = (): { readonly status: number | null; readonly told: string } => {
  const key = readFileSync(path.join(copy, '1', 'key'), 'utf8').trim();
  const note = parseNote(readFileSync(path.join(copy, '1', 'checkpoint')));
  const witnesses = policy.split('\n').flatMap((line) => {
    const [word, , vkey = ''] = line.split(' ');
    return word === 'witness' && note.signatures.some(({ name }) => vkey.startsWith(`${name}+`)) ? ['-witness', vkey] : [];
  });
  const ran = spawnSync(path.join(folder, 'go-verify'), ['-dir', path.join(copy, '1'), '-log', key, ...witnesses], {
    encoding: 'utf8',
    timeout: RUN_MS,
  });
  return { status: ran.status, told: `${ran.stdout}${ran.stderr}` };
};

beforeAll(
  async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'caregraph-verified-'));
    copy = path.join(folder, 'copy');
    const dataDir = path.join(folder, 'data');
    started = await startNetwork({ dataDir, port: await freePort(), withinMs: 120_000 });
    const { cities, secrets } = await readNetwork(dataDir);
    const { subjects: keys } = readStartConfig({ DATA_DIR: dataDir });
    const codes = cities.map(({ code }) => code);
    const subjects = await openSubjects(keys, { cities: codes, indexKey: secrets.subjectIndexKey, log: makeLog('test', 'silent') });
    const writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects });
    const from = performance.now();
    for (let at = 0; at < WRITTEN; at += BATCH)
      await appendAuditMany(
        writers.of(CITY),
        Array.from({ length: BATCH }, () => anEvent(CITY)),
      );
    await writers.stop();
    const event = anEvent(CITY);
    const [, eventId, recordedAt, act, action, outcome, , , sealed, body] = toAuditValues(event, subjects.of(CITY));
    const db = await connectAs(dataDir, CITY, 'postgres');
    try {
      for (let at = WRITTEN; at < ENTRIES; at += CHUNK)
        await db.query(FILL, [
          at,
          Math.min(at + CHUNK, ENTRIES) - 1,
          CITY,
          recordedAt,
          act,
          action,
          outcome,
          sealed,
          body,
          eventId,
          event.requestId,
        ]);
    } finally {
      await db.end();
    }
    say(`${ENTRIES} entries written in ${((performance.now() - from) / 1_000).toFixed(1)} s`);
    await subjects.stop();
    const sizeNow = async (): Promise<number> => {
      const note = await (await fetch(`${started.url}/audit/${CITY}/checkpoint`)).text();
      return parseCheckpoint(parseNote(note).text).size;
    };
    const end = Date.now() + FILL_MS;
    while ((await sizeNow()) < ENTRIES) {
      if (Date.now() > end) throw new Error('the entries were not logged in time');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    say(`${ENTRIES} entries written and logged in ${((performance.now() - from) / 1_000).toFixed(1)} s`);
    policy = await (await fetch(`${started.url}/audit/${CITY}/policy`)).text();
    writeFileSync(path.join(folder, 'policy'), policy);
    if (hasGo) {
      const env = { ...process.env, GO111MODULE: 'off', GOPATH, GOFLAGS: '', GOCACHE: path.join(folder, 'cache') };
      execFileSync(GO, ['build', '-o', path.join(folder, 'go-verify'), 'test/support/go-verifier/main.go'], { env, timeout: 120_000 });
    }
  },
  FILL_MS * 2 + 240_000,
);
afterAll(async () => {
  await started?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
}, 120_000);

describe(`a city's log of ${ENTRIES} entries`, () => {
  it(
    'is sound to our verifier over HTTP, and to Go’s over the copy that it kept',
    async () => {
      const from = performance.now();
      const told = await verifyAudit(started.url, '--city', CITY, '--policy', path.join(folder, 'policy'), '--mirror', copy);
      const seconds = (performance.now() - from) / 1_000;
      expect(told.stderr).toBe('');
      expect(told).toMatchObject({ status: 0, logs: [{ isSound: true }] });
      const size = told.logs[0]?.shards[0]?.size ?? 0;
      expect(size).toBeGreaterThanOrEqual(ENTRIES);
      expect(told.logs[0]?.shards[0]?.checked).toBe(size);
      say(`verified over HTTP in ${seconds.toFixed(1)} s: ${Math.round(size / seconds)} entries a second`);
      const again = performance.now();
      const next = await verifyAudit(started.url, '--city', CITY, '--policy', path.join(folder, 'policy'), '--mirror', copy);
      expect(next).toMatchObject({ status: 0, logs: [{ isSound: true }] });
      expect(next.logs[0]?.shards[0]?.checked).toBeLessThan(600);
      say(`and once more, what is new alone, in ${((performance.now() - again) / 1_000).toFixed(1)} s`);
      const local = performance.now();
      const offline = await verifyAudit(copy, '--policy', path.join(folder, 'policy'), '--full');
      expect(offline).toMatchObject({ status: 0, logs: [{ isSound: true }] });
      say(`over the copy in ${((performance.now() - local) / 1_000).toFixed(1)} s`);
      if (hasGo) {
        const at = performance.now();
        const { status, told: lines } = verifyWithGo();
        expect([status, lines]).toEqual([
          0,
          expect.stringMatching(new RegExp(`^signatures 3\\nentries ${next.logs[0]?.shards[0]?.size}\\n`)),
        ]);
        say(`Go verified the copy in ${((performance.now() - at) / 1_000).toFixed(1)} s`);
      }
    },
    RUN_MS * 4,
  );

  const sizeOfCopy = (): number => parseCheckpoint(parseNote(readFileSync(path.join(copy, '1', 'checkpoint'))).text).size;
  const last = Math.floor((ENTRIES - 1) / 256) - 1;
  type Flip = readonly [what: string, name: () => string, at: number | null, expected: Readonly<Record<string, unknown>>];
  const flips: readonly Flip[] = [
    ['an entry', () => tilePath({ level: 'entries', index: last, width: 256 }), 20, { fault: 'entry-changed', firstBadIndex: last * 256 }],
    [
      'a hash of a leaf',
      () => tilePath({ level: 0, index: 3, width: 256 }),
      32 * 9 + 1,
      { fault: 'tile-changed', firstBadIndex: 3 * 256 + 9 },
    ],
    [
      'a hash above',
      () => tilePath({ level: 1, index: 0, width: widthOfTile(1, 0, sizeOfCopy()) }),
      32 * 5,
      { fault: 'tile-changed', firstBadIndex: 5 * 256 },
    ],
    ['the signature of the log', () => 'checkpoint', null, { fault: 'bad-signature' }],
  ];
  it.each(flips)(
    'is refused by both with one bit flipped in %s',
    async (_what, name, at, expected) => {
      const file = path.join(copy, '1', name());
      const bytes = readFileSync(file);
      const changed = Buffer.from(bytes);
      // In a checkpoint the last bit of the first letter of the log's signature behind the key's id.
      const place = at ?? bytes.indexOf('— ') + bytes.subarray(bytes.indexOf('— ')).indexOf(' ', 4) + 12;
      changed[place] = at === null ? (changed[place] === 65 ? 66 : 65) : (changed[place] ?? 0) ^ 1;
      writeFileSync(file, changed);
      try {
        const state = path.join(folder, `state-${Math.random()}.json`);
        expect(await verifyAudit(copy, '--policy', path.join(folder, 'policy'), '--state', state)).toMatchObject({
          status: 1,
          logs: [{ isSound: false, ...expected }],
        });
        if (hasGo) expect(verifyWithGo().status).toBe(1);
      } finally {
        writeFileSync(file, bytes);
      }
    },
    RUN_MS * 2,
  );
});
