import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { openLogKeeper } from '#audit/server.ts';
import { openWitnessWorld, until, type WitnessWorld, writeAll } from '#test/integration/audit/witness-support.ts';
import { auditEnv } from '#test/support/audit-env.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CITY = 'MTL';
let world: WitnessWorld;
let admin: pg.Client;
let folder: string;
let keeper: ReturnType<typeof openLogKeeper>;

type Run = { readonly code: number; readonly out: string; readonly err: string };
const run = (words: readonly string[], env: Readonly<Record<string, string>> = {}, tool = 'audit-log'): Promise<Run> =>
  new Promise((resolve) => {
    const options = { cwd: ROOT, env: { ...auditEnv(world.network), ...env }, timeout: 40_000 };
    execFile(process.execPath, [`tools/${tool}.ts`, ...words], options, (error, out, err) =>
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err }),
    );
  });
/** Everything that the commands can change. */
const everything = async (): Promise<unknown> =>
  (
    await admin.query(`select (select jsonb_agg(to_jsonb(o) order by o.shard) from audit.log_shard o where o.city = '${CITY}') as shards,
      (select count(*) from audit.entry) as entries, (select count(*) from audit.log_checkpoint) as checkpoints, (select count(*) from audit.log_tile) as tiles`)
  ).rows;

beforeAll(async () => {
  world = await openWitnessWorld();
  admin = await world.network.admin(CITY);
  folder = mkdtempSync(path.join(tmpdir(), 'caregraph-commands-'));
  const { cities, secrets } = world.network;
  keeper = openLogKeeper({ cities, secrets, log: world.log });
  await world.start();
  await writeAll(world.writers, CITY, 5);
  await until(
    async () => (await admin.query('select from audit.log_state where city = $1 and size = 5', [CITY])).rows.length === 1,
    20_000,
    'the log',
  );
  await world.stop();
  await keeper.beginShard(CITY);
}, 60_000);
afterAll(async () => {
  await keeper?.stop();
  await world?.end();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const ALL = 'check, rebuild, export, drill, shards, begin-shard, retire, alarms, close-alarm, check-evidence';
const NO_CITY = /^There is no such city; known are MTL, QUE, SHE\.$/;
describe('npm run audit-log, where its command line is wrong', () => {
  it.each<readonly [readonly string[], RegExp]>([
    [[], new RegExp(`^Say one of ${ALL}\\.$`)],
    [['bogus'], new RegExp(`^Say one of ${ALL}\\.$`)],
    [['--json', 'retire', CITY, '1'], /^Say retire first: npm run audit-log -- retire/],
    [['check', 'more'], /^There are too many words behind check\.$/],
    [['check', '--nope'], /^Unknown option '--nope'/],
    [['check', '--city'], /^Option '--city <value>' argument missing/],
    [['check', '--city', 'ABC'], /^--city: There is no such city; known are MTL, QUE, SHE\.$/],
    [['rebuild', '--shard', 'one'], /^--shard: is a number from 1 on\.$/],
    [['shards', 'ABC'], NO_CITY],
    [['shards', CITY, '1'], /^There are too many words\.$/],
    [['shards', '--new-key'], /^--new-key is not for shards\.$/],
    [['begin-shard'], /^Say which city\.$/],
    [['begin-shard', 'ABC'], NO_CITY],
    [['begin-shard', CITY, '--nope'], /^Unknown option '--nope'/],
    [['begin-shard', CITY, '--unseen'], /^--unseen goes with --after-restore\.$/],
    [['begin-shard', CITY, '--retention-days', '1'], /^--retention-days is not for begin-shard\.$/],
    [['begin-shard', CITY, '--new-key'], /^--new-key: put the new key last into AUDIT_LOG_KEYS/],
    [['retire', CITY], /^Say which shard, by its number\.$/],
    [['retire', CITY, '0'], /^Say which shard, by its number\.$/],
    [['retire', 'ABC', '1'], NO_CITY],
    [['retire', CITY, '1', '--retention-days', 'many'], /^--retention-days: is a number of days\.$/],
    [['retire', CITY, '1', '--archive'], /^Option '--archive <value>' argument missing/],
    [['retire', CITY, '1', '--retention-days', '0'], /^AUDIT_ARCHIVE_DIR is missing, and so is --archive\.$/],
    [['retire', CITY, '1', '--after-restore'], /^--after-restore is not for retire\.$/],
    [['alarms', 'ABC'], NO_CITY],
    [['alarms', '--reason', 'x'], /^--reason is not for alarms\.$/],
    [['close-alarm'], /^Say which alarm, by its ID: npm run audit-log -- alarms$/],
    [['close-alarm', 'QUE-alarm-1'], /^--reason: is missing/],
    [['check-evidence'], /^Say which file\.$/],
    [['check-evidence', 'x'], /^Say the public key of the log: --key KEY$/],
    [['check-evidence', 'x', '--key', 'y'], /^--key: is no public key/],
    [['drill', 'nonsense'], /^There is no drill nonsense\.$/],
    [['drill', '--nope'], /^Unknown option '--nope'/],
    [['export', '--nope'], /^Unknown option '--nope'/],
    [['export'], /^Say where to: --out FILE$/],
  ])(
    '%j: says what, ends with 2, and changes nothing',
    async (words, says) => {
      const before = await everything();
      const { code, out, err } = await run(words);
      expect([code, out, err.split('\n')[0]]).toEqual([2, '', expect.stringMatching(says)]);
      expect(await everything()).toEqual(before);
    },
    50_000,
  );
});

describe('a command where there is no network', () => {
  it.each<readonly [string, readonly string[]]>([
    ['audit-log', ['check']],
    ['audit-log', ['shards']],
    ['audit-log', ['begin-shard', CITY, '--new-key']],
    ['audit-log', ['retire', CITY, '1', '--archive', 'x', '--retention-days', '0']],
    ['audit-log', ['alarms']],
    ['audit-log', ['close-alarm', 'QUE-alarm-1', '--reason', 'x']],
    ['import', ['x.json']],
    ['keyring', ['subjects', 'init']],
    ['erase-residue', []],
  ])(
    '%s %j: says so in a line, ends with 2, and makes nothing',
    async (tool, words) => {
      const nowhere = path.join(folder, 'nowhere');
      const { code, out, err } = await run(words, { NODE_ENV: '', DATA_DIR: nowhere }, tool);
      expect([code, out, err]).toEqual([2, '', `There is no network in ${nowhere}. Start it first: npm start\n`]);
      expect(existsSync(nowhere)).toBe(false);
    },
    50_000,
  );
});

describe('a command where a city does not answer', () => {
  it.each<readonly [readonly string[], number, RegExp]>([
    [['check', '--city', CITY], 1, /^MTL: does not answer, or its log is busy: start the network \(npm start\)/],
    [['rebuild', '--city', CITY], 1, /^MTL: does not answer, or its log is busy/],
    [['shards'], 1, /^MTL: does not answer, or its log is busy/],
    [['begin-shard', CITY], 1, /^MTL: does not answer, or its log is busy/],
    [['retire', CITY, '1', '--archive', 'x', '--retention-days', '0'], 1, /^MTL: does not answer, or its log is busy/],
    [['alarms', CITY], 1, /^MTL: does not answer: start the network \(npm start\)/],
  ])(
    '%j: names it and the fix',
    async (words, code, says) => {
      const { CITIES = '[]' } = auditEnv(world.network);
      const cities = (JSON.parse(CITIES) as { code: string; dsn: string }[]).map((each) =>
        each.code === CITY ? { ...each, dsn: each.dsn.replace(/:\d+/g, ':9') } : each,
      );
      const before = await everything();
      const done = await run(words, { CITIES: JSON.stringify(cities) });
      const said = `${done.out}${done.err}`.split('\n').find((line) => line.startsWith(CITY));
      expect([done.code, said]).toEqual([code, expect.stringMatching(says)]);
      expect(await everything()).toEqual(before);
      // What the others have is told all the same.
      if (words[0] === 'shards') expect(done.out).toMatch(/^QUE {2}1 .*\nSHE {2}1 .*\n$/);
    },
    50_000,
  );
});

describe('npm run audit-log -- check', () => {
  it.each(['check', 'rebuild'])(
    '%s of a shard that is not there names it, and where they are listed',
    async (command) => {
      expect(await run([command, '--city', CITY, '--shard', '9'])).toEqual({
        code: 1,
        out: 'MTL: the log of city MTL has no shard 9; which there are: npm run audit-log -- shards MTL\n',
        err: '',
      });
    },
    50_000,
  );
});

describe('npm run audit-log -- begin-shard --after-restore', () => {
  it('is refused for a log that is whole, says what to do, and changes nothing', async () => {
    const before = await everything();
    const { code, out, err } = await run(['begin-shard', CITY, '--after-restore']);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(
      /^MTL: the log of city MTL is whole and nothing shows a restore, .*: leave --after-restore away, or, .*, say --unseen as well\n$/,
    );
    expect(await everything()).toEqual(before);
  }, 50_000);

  it('is refused for a log that is whole while a witness is silent, and asks for it first', async () => {
    const before = await everything();
    const sherbrooke = await world.network.admin('SHE');
    await sherbrooke.query('revoke select on audit.witness_log from sequencer');
    try {
      await expect(keeper.beginShard(CITY, { afterRestore: true })).rejects.toThrow(/; \S*SHE\S* did not answer, so ask again first$/);
    } finally {
      await sherbrooke.query('grant select on audit.witness_log to sequencer');
    }
    expect(await everything()).toEqual(before);
  }, 50_000);
});

describe('npm run audit-log -- retire', () => {
  const retire = (archive: string, more: readonly string[] = []) =>
    run(['retire', CITY, '1', '--retention-days', '0', '--archive', archive, ...more]);

  it('names a shard that is open, and one that is not there', async () => {
    const before = await everything();
    for (const [shard, says] of [
      ['2', 'MTL: shard 2 of the log of city MTL is open: begin another one first: npm run audit-log -- begin-shard MTL\n'],
      ['9', 'MTL: the log of city MTL has no shard 9; which there are: npm run audit-log -- shards MTL\n'],
    ] as const)
      expect(await run(['retire', CITY, shard, '--retention-days', '0', '--archive', folder])).toEqual({ code: 1, out: '', err: says });
    expect(await everything()).toEqual(before);
  }, 50_000);

  it('waits for the first entry of the next shard, and writes nothing before', async () => {
    const before = await everything();
    const archive = path.join(folder, 'too-early');
    const { code, out, err } = await retire(archive);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^MTL: the shard behind shard 1 of the log of city MTL has no entry yet, .*: start its sequencer \(npm start\)/);
    expect([await everything(), existsSync(archive)]).toEqual([before, false]);
    await world.start();
    const isFollowed = `select from audit.log_state where city = '${CITY}' and shard = 2 and size > 0`;
    await until(async () => (await admin.query(isFollowed)).rows.length === 1, 20_000, 'the first entry of the next shard');
    await world.stop();
  }, 50_000);

  it.each<readonly [string, () => string, RegExp]>([
    [
      'is a file',
      () => {
        const file = path.join(folder, 'a-file');
        writeFileSync(file, 'mine');
        return file;
      },
      /^MTL: the archive \S+a-file\/MTL\/1 is no folder, or lies in none \(E\w+\): mend that, or name another folder with --archive or AUDIT_ARCHIVE_DIR\n$/,
    ],
    [
      'lies where nothing can be made',
      () => '/proc/caregraph',
      /^MTL: the archive \/proc\/caregraph\/MTL\/1 \S.* \(E\w+\): mend that, or name another/,
    ],
  ])(
    'names an archive that %s, and deletes nothing',
    async (_what, makeArchive, says) => {
      const before = await everything();
      const { code, out, err } = await retire(makeArchive());
      expect([code, out, err]).toEqual([1, '', expect.stringMatching(says)]);
      expect(await everything()).toEqual(before);
      expect(readFileSync(path.join(folder, 'a-file'), 'utf8')).toBe('mine');
    },
    50_000,
  );

  it('says when a shard was retired before, with the hash of its archive, and names no folder that it did not look at', async () => {
    const archive = path.join(folder, 'archive');
    const first = await retire(archive);
    expect([first.code, first.out, first.err]).toEqual([0, `MTL: shard 1 is in ${archive}/MTL/1\n`, expect.any(String)]);
    const before = await everything();
    const [row] = await keeper.shards(CITY);
    const elsewhere = path.join(folder, 'elsewhere');
    const again = await retire(elsewhere);
    expect([again.code, again.err]).toEqual([0, '']);
    expect(again.out).toBe(
      `MTL: shard 1 was retired before, at ${row?.retiredAt?.toISOString()}; what was read back from its archive then has the SHA-256 ${row?.archiveSha256}. No archive was looked at: npm run verify-audit -- FOLDER/MTL/1\n`,
    );
    expect(row?.archiveSha256).toMatch(/^[0-9a-f]{64}$/);
    const inJson = await retire(elsewhere, ['--json']);
    expect(JSON.parse(inJson.out)).toEqual({
      city: CITY,
      shard: 1,
      folder: null,
      deleted: 0,
      retiredAt: row?.retiredAt?.toISOString(),
      archiveSha256: row?.archiveSha256,
    });
    expect(await everything()).toEqual(before);
    expect([existsSync(elsewhere), readdirSync(archive)]).toEqual([false, [CITY]]);
    const checked = await run(['check', '--city', CITY, '--shard', '1']);
    expect([checked.code, checked.out]).toEqual([
      1,
      expect.stringContaining('was retired; verify its archive: npm run verify-audit -- FOLDER/MTL/1'),
    ]);
  }, 50_000);
});
