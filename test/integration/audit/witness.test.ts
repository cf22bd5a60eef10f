import { randomInt } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { originHash } from '#audit/service/witness/ask-witness.ts';
import { openWitness, type Witness } from '#audit/service/witness/witness.ts';
import { MAX_ALARMS } from '#audit/store/witness-store.ts';
import type { SigningKey } from '#platform/config/secrets.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import type { Log } from '#platform/observability/log.ts';
import { type Checkpoint, signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { makeCosignatureVerifier, makeCosigner } from '#platform/tlog/cosignature.ts';
import { type Hash, type HashReader, hashLeaf, openTree, proveConsistency, verifyConsistency } from '#platform/tlog/merkle.ts';
import { formatNote, makeNoteSigner, makeNoteVerifier, type NoteSigner, openNote, parseNote } from '#platform/tlog/note.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';
import { addCosignatures, formatAddCheckpoint, type WitnessAnswer } from '#platform/tlog/witness.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { aSigningKey } from '#test/support/signing-key.ts';
import { until } from './log-support.ts';

const CITY = 'QUE';
let network: TestNetwork;
let [writers, readers] = [] as unknown as [Cities, Cities];
const opened = new Set<Witness>();

beforeAll(async () => {
  network = await testNetwork();
  const { databasePasswords } = network.secrets;
  const { cities, subjects } = network;
  writers = openCities(cities, { role: 'sequencer', password: databasePasswords.sequencer, maxConnections: 8 });
  readers = openCities(cities, { role: 'audit', password: databasePasswords.audit, maxConnections: 4, subjects });
});
afterEach(async () => {
  for (const each of opened) await each.stop();
  opened.clear();
});
afterAll(async () => {
  await writers?.stop();
  await readers?.stop();
  await network?.stop();
});

const seedOf = ({ privateJwk }: SigningKey): Uint8Array => Buffer.from(privateJwk['d'] ?? '', 'base64url');
const readerOver =
  (leaves: readonly Hash[]): HashReader =>
  async (nodes) =>
    nodes.map(({ level, index }) => {
      const tree = openTree();
      for (const leaf of leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)) tree.append(leaf);
      return tree.root();
    });
const leavesOf = (name: string, count = 120): Hash[] => Array.from({ length: count }, (_none, i) => hashLeaf(Buffer.from(`${name} ${i}`)));
const rootOf = (leaves: readonly Hash[]): Hash => {
  const tree = openTree();
  for (const leaf of leaves) tree.append(leaf);
  return tree.root();
};

let count = 0;
/** A log with a key of its own. `past` are its leaves; another past is that of a log that was rewritten from index `at` on. */
const makeLog = () => {
  const origin = `log.example/${++count}`;
  const signer = makeNoteSigner(origin, openSigningKey(seedOf(aSigningKey(origin))));
  const honest = leavesOf(origin);
  const rewritten = (at: number): Hash[] => honest.map((leaf, i) => (i < at ? leaf : hashLeaf(Buffer.from(`other ${i}`))));
  const checkpointAt = (size: number, past: readonly Hash[] = honest): Checkpoint => ({ origin, size, root: rootOf(past.slice(0, size)) });
  const noteAt = (size: number, past: readonly Hash[] = honest, by: NoteSigner = signer) => signCheckpoint(checkpointAt(size, past), by);
  const request = async (
    oldSize: number,
    size: number,
    { past = honest, proof, by = signer }: { past?: readonly Hash[]; proof?: readonly Hash[]; by?: NoteSigner } = {},
  ): Promise<string> =>
    formatAddCheckpoint({
      oldSize,
      proof: proof ?? (oldSize > size ? [] : await proveConsistency(oldSize, size, readerOver(past))),
      note: await noteAt(size, past, by),
    });
  return { origin, vkey: signer.vkey, honest, rewritten, checkpointAt, noteAt, request };
};
type TestLog = ReturnType<typeof makeLog>;

/** What was logged, by level. */
const listen = () => {
  const lines: { level: string; message: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const at =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      void lines.push({ level, message, fields });
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { log, of: (level: string) => lines.filter((line) => line.level === level) };
};

const key = makeCosigner('city.example/witness', openSigningKey(seedOf(aSigningKey('city.example/witness'))));
const verifier = makeCosignatureVerifier(key.vkey);
const open = (
  logs: readonly TestLog[],
  more: { database?: CityDatabase; alarms?: CityDatabase; tilesOf?: (checkpoint: Checkpoint) => HashReader | null } = {},
) => {
  const heard = listen();
  const witness = openWitness({
    database: more.database ?? writers.of(CITY),
    alarms: more.alarms ?? readers.of(CITY),
    cosigner: key,
    verifiersOf: (origin) => logs.filter((each) => each.origin === origin).map(({ vkey }) => makeNoteVerifier(vkey)),
    openLog: async (checkpoint) => more.tilesOf?.(checkpoint) ?? null,
    log: heard.log,
    retryMs: 20,
  });
  opened.add(witness);
  const ask = (body: string): Promise<WitnessAnswer> => witness.addCheckpoint(Buffer.from(body));
  return { witness, ask, heard };
};
const standing = async (origin: string): Promise<{ size: number; note: string; at: Date } | null> => {
  const { rows } = await (await network.admin(CITY)).query(
    'select size::int, note, at from audit.witness_log where city = $1 and origin = $2',
    [CITY, origin],
  );
  return rows[0] ?? null;
};
type AlarmRow = {
  kind: string;
  known_size: string;
  known_root: Buffer;
  known_note: string;
  size: string;
  root: Buffer;
  note: string;
  found_root: Buffer | null;
  proof: Buffer;
};
const alarmsOf = async (origin: string): Promise<AlarmRow[]> =>
  (await (await network.admin(CITY)).query('select * from audit.witness_alarm where city = $1 and origin = $2 order by id', [CITY, origin]))
    .rows;
const entriesOf = async (origin: string): Promise<{ act: string; reason: string; outcome: string }[]> => {
  const { rows } = await (await network.admin(CITY)).query<{ body: Buffer }>(
    `select body from audit.entry where city = $1 and act = 'witnessAlarm' order by id`,
    [CITY],
  );
  return rows.map(({ body }) => JSON.parse(body.toString())).filter(({ entities }) => entities[0].what === origin);
};
const hashesOf = (proof: Buffer): Hash[] =>
  Array.from({ length: proof.length / 32 }, (_none, i) => new Uint8Array(proof.subarray(i * 32, (i + 1) * 32)));

describe('a city as a witness', () => {
  let log: TestLog;
  let at: ReturnType<typeof open>;
  beforeEach(() => {
    log = makeLog();
    at = open([log]);
  });

  it('cosigns a log that only grows, and stands where it cosigned last', async () => {
    let before = 0;
    for (const size of [0, 1, 1, 2, 3, 64, 100]) {
      const answer = await at.ask(await log.request(before, size));
      expect([size, answer.status]).toEqual([size, 200]);
      const cosigned = await addCosignatures(await log.noteAt(size), answer.body, verifier);
      expect(cosigned.signatures.map(({ name }) => name)).toEqual([log.origin, key.name]);
      before = size;
      expect(await standing(log.origin)).toMatchObject({ size });
    }
    const latest = (await at.witness.latestOf(originHash(log.origin))) ?? '';
    expect((await openNote(parseNote(latest), [makeNoteVerifier(log.vkey), verifier])).verified).toHaveLength(2);
    expect(await at.witness.latestOf(originHash('log.example/none'))).toBeNull();
    expect(at.witness.alarmCounts()).toEqual([]);
  });

  it('writes nothing for the same checkpoint once more', async () => {
    await at.ask(await log.request(0, 10));
    const before = await standing(log.origin);
    expect((await at.ask(await log.request(10, 10))).status).toBe(200);
    expect(await standing(log.origin)).toEqual(before);
  });

  it('keeps no lines of strangers', async () => {
    const other = makeNoteSigner('canary.example/stranger', openSigningKey(seedOf(aSigningKey('x'))));
    const note = await signCheckpoint(log.checkpointAt(7), other);
    const own = await log.noteAt(7);
    const both = { text: own.text, signatures: [...own.signatures, ...note.signatures] };
    expect((await at.ask(formatAddCheckpoint({ oldSize: 0, proof: [], note: both }))).status).toBe(200);
    expect((await standing(log.origin))?.note).not.toContain('canary');
  });

  it.each([
    ['an unknown origin', 404, async (): Promise<string> => makeLog().request(0, 5)],
    [
      'the key of a stranger',
      403,
      async (): Promise<string> => log.request(10, 12, { by: makeNoteSigner(log.origin, openSigningKey(seedOf(aSigningKey('y')))) }),
    ],
    ['an old size beyond the checkpoint', 400, async (): Promise<string> => log.request(12, 11)],
    ['another old size', 409, async (): Promise<string> => log.request(9, 12)],
    ['no old size', 409, async (): Promise<string> => log.request(0, 12)],
    ['an older checkpoint', 409, async (): Promise<string> => log.request(5, 7)],
    ['a proof for the same size', 422, async (): Promise<string> => log.request(10, 10, { proof: [log.honest[0] as Hash] })],
    ['no proof', 422, async (): Promise<string> => log.request(10, 12, { proof: [] })],
    ['no body', 400, async (): Promise<string> => ''],
    [
      '64 hashes',
      400,
      async (): Promise<string> => log.request(10, 12, { proof: Array.from({ length: 64 }, () => log.honest[0] as Hash) }),
    ],
  ] as const)('refuses %s with %d, and stays where it is', async (_title, status, body) => {
    await at.ask(await log.request(0, 10));
    const before = await standing(log.origin);
    const answer = await at.ask(await body());
    expect(answer.status).toBe(status);
    if (status === 409) expect(answer).toMatchObject({ contentType: 'text/x.tlog.size', body: '10\n' });
    else expect(answer.contentType).toBe('text/plain; charset=utf-8');
    expect(await standing(log.origin)).toEqual(before);
    expect((await alarmsOf(log.origin)).filter(({ kind }) => kind !== 'unexplained')).toEqual([]);
  });

  it('asks its database nothing for what no trusted key signed', async () => {
    let asked = 0;
    const database = {
      ...writers.of(CITY),
      named: (): Promise<never> => {
        asked++;
        return Promise.reject(new Error('asked'));
      },
    } as unknown as CityDatabase;
    const { ask } = open([log], { database });
    expect((await ask(await makeLog().request(0, 3))).status).toBe(404);
    expect((await ask(await log.request(0, 3, { by: makeNoteSigner(log.origin, openSigningKey(seedOf(aSigningKey('z')))) }))).status).toBe(
      403,
    );
    expect(asked).toBe(0);
    await expect(ask(await log.request(0, 3))).rejects.toThrow('asked');
  });

  it('gives one answer to many that come at once, and never goes back', async () => {
    await at.ask(await log.request(0, 10));
    for (let round = 0; round < 5; round++) {
      const from = (await standing(log.origin))?.size ?? 0;
      const sizes = [3, 1, 7, 2, 9, 4, 5, 6].map((more) => from + more);
      const second = open([log]);
      const answers = await Promise.all(
        sizes.map(async (size, i) => ({ size, ...(await (i % 2 ? at : second).ask(await log.request(from, size))) })),
      );
      const won = answers.filter(({ status }) => status === 200);
      expect(won).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 409).map(({ body }) => body)).toEqual(Array(7).fill(`${won[0]?.size}\n`));
      expect((await standing(log.origin))?.size).toBe(won[0]?.size);
    }
    expect(await alarmsOf(log.origin)).toEqual([]);
  });

  it('goes on when it died between keeping a checkpoint and answering', async () => {
    await at.ask(await log.request(0, 10));
    const own = writers.of(CITY);
    const database = {
      ...own,
      named: async (statement: { name: string; text: string }, values: readonly unknown[]): Promise<unknown[]> => {
        const rows = await own.named(statement, values);
        if (statement.name === 'witness_go_on') throw new Error('died');
        return rows;
      },
    } as unknown as CityDatabase;
    await expect(open([log], { database }).ask(await log.request(10, 12))).rejects.toThrow('died');
    expect((await standing(log.origin))?.size).toBe(12);
    // The log does not know; the witness tells it, and cosigns what it kept.
    expect(await at.ask(await log.request(10, 12))).toMatchObject({ status: 409, body: '12\n' });
    expect((await at.ask(await log.request(12, 12))).status).toBe(200);
    expect((await at.ask(await log.request(12, 20))).status).toBe(200);
  });

  it('takes a body in any state without an error, and cosigns none that was changed', async () => {
    await at.ask(await log.request(0, 10));
    const sound = Buffer.from(await log.request(10, 13));
    const changed = fc
      .tuple(fc.nat(sound.length - 1), fc.integer({ min: 1, max: 255 }), fc.constantFrom('flip', 'cut', 'drop', 'double'))
      .map(([place, by, how]) => {
        if (how === 'cut') return sound.subarray(0, place);
        if (how === 'drop') return Buffer.concat([sound.subarray(0, place), sound.subarray(place + 1)]);
        if (how === 'double') return Buffer.concat([sound.subarray(0, place), sound.subarray(Math.max(0, place - 8))]);
        const copy = Buffer.from(sound);
        copy[place] = (copy[place] ?? 0) ^ by;
        return copy;
      })
      .filter((body) => !body.equals(sound));
    const anything = fc.oneof(
      changed,
      fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes)),
      fc.string({ maxLength: 300 }).map((text) => Buffer.from(`old 10\n${text}`)),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (body) => {
        const { status, body: said } = await at.witness.addCheckpoint(body);
        expect([400, 403, 404, 409, 422]).toContain(status);
        expect(said.length).toBeLessThan(300);
      }),
      { numRuns: 300 },
    );
    expect((await standing(log.origin))?.size).toBe(10);
    expect((await alarmsOf(log.origin)).filter(({ kind }) => kind !== 'unexplained')).toEqual([]);
  });
});

describe('what speaks against a log', () => {
  it('two roots of one size: refused, kept with both signed notes, told and recorded, once', async () => {
    const log = makeLog();
    const { ask, witness, heard } = open([log]);
    await ask(await log.request(0, 10));
    const other = log.rewritten(3);
    for (const body of [
      await log.request(10, 10, { past: other }),
      await log.request(0, 10, { past: other }),
      await log.request(10, 10, { past: other }),
    ])
      expect(await ask(body)).toMatchObject({ status: 409, body: '10\n' });
    await until(() => witness.alarmCounts().some(({ origin }) => origin === log.origin));
    await witness.stop();
    const [alarm, ...more] = await alarmsOf(log.origin);
    expect(more).toEqual([]);
    expect(alarm).toMatchObject({ kind: 'fork', known_size: '10', size: '10' });
    // Anybody can see that the log signed both.
    for (const text of [alarm?.known_note ?? '', alarm?.note ?? ''])
      expect((await openNote(parseNote(text), [makeNoteVerifier(log.vkey)])).verified.length).toBeGreaterThan(0);
    expect(alarm?.note.split('\n')[2]).not.toBe(alarm?.known_note.split('\n')[2]);
    expect(witness.alarmCounts().filter(({ origin }) => origin === log.origin)).toEqual([{ origin: log.origin, kind: 'fork', count: 1 }]);
    expect(heard.of('error')).toEqual([
      {
        level: 'error',
        message: 'a log contradicts what this witness cosigned',
        fields: { city: CITY, origin: log.origin, alarm: 'fork', knownSize: 10, size: 10 },
      },
    ]);
    expect(await entriesOf(log.origin)).toMatchObject([{ act: 'witnessAlarm', reason: 'LOG_FORKED', outcome: '12' }]);
    expect((await standing(log.origin))?.size).toBe(10);
  });

  it.each([
    ['by the proof that it sends', 10, false],
    ['by its files, where the older size is a power of two and the proof shows nothing', 16, true],
    ['by its files, where it sends no proof', 10, true],
  ] as const)('a past that was rewritten: found %s, with evidence that anybody can check', async (_title, oldSize, isLookedUp) => {
    const log = makeLog();
    const other = log.rewritten(5);
    const { ask, witness } = open([log], isLookedUp ? { tilesOf: () => readerOver(other) } : {});
    await ask(await log.request(0, oldSize));
    const asking = await log.request(oldSize, 40, isLookedUp && oldSize === 10 ? { past: other, proof: [] } : { past: other });
    expect((await ask(asking)).status).toBe(422);
    await until(async () => (await alarmsOf(log.origin)).length > 0);
    await witness.stop();
    const [alarm] = await alarmsOf(log.origin);
    expect(alarm).toMatchObject({ kind: 'rewritten', known_size: String(oldSize), size: '40' });
    const found = new Uint8Array(alarm?.found_root ?? []);
    expect(verifyConsistency(oldSize, 40, found, new Uint8Array(alarm?.root ?? []), hashesOf(alarm?.proof ?? Buffer.alloc(0)))).toBe(true);
    expect(Buffer.from(found).equals(alarm?.known_root ?? Buffer.alloc(0))).toBe(false);
    expect(await entriesOf(log.origin)).toMatchObject([{ reason: 'LOG_REWRITTEN' }]);
    expect((await standing(log.origin))?.size).toBe(oldSize);
  });

  it('a stranger who sends a sound checkpoint with a worthless proof raises nothing', async () => {
    const log = makeLog();
    let looked = 0;
    const tilesOf = (): HashReader => {
      looked++;
      return readerOver(log.honest);
    };
    const { ask, witness, heard } = open([log], { tilesOf });
    await ask(await log.request(0, 10));
    for (let i = 0; i < 20; i++) {
      const proof = Array.from({ length: 1 + randomInt(6) }, () => log.honest[randomInt(100)] as Hash);
      expect((await ask(await log.request(10, 40, { proof }))).status).toBe(422);
    }
    await witness.stop();
    // At most one look a second, however many ask.
    expect(looked).toBeGreaterThan(0);
    expect(looked).toBeLessThan(20);
    expect([await alarmsOf(log.origin), await entriesOf(log.origin), heard.of('error')]).toEqual([[], [], []]);
    // And the log goes on.
    expect((await ask(await log.request(10, 40))).status).toBe(200);
  });

  it('what the files do not explain is kept and is no alarm', async () => {
    const log = makeLog();
    const { ask, witness, heard } = open([log]);
    await ask(await log.request(0, 10));
    expect((await ask(await log.request(10, 40, { proof: [] }))).status).toBe(422);
    await until(async () => (await alarmsOf(log.origin)).length > 0);
    await witness.stop();
    expect(await alarmsOf(log.origin)).toMatchObject([{ kind: 'unexplained', found_root: null }]);
    expect([await entriesOf(log.origin), heard.of('error')]).toEqual([[], []]);
    expect(heard.of('warn')).toHaveLength(1);
  });

  it('is kept up to a bound, however many forks there are', async () => {
    const log = makeLog();
    const { ask, witness } = open([log]);
    await ask(await log.request(0, 10));
    for (let i = 0; i < MAX_ALARMS + 10; i++) {
      const past = [...leavesOf(`fork ${i}`, 10)];
      expect((await ask(await log.request(10, 10, { past }))).status).toBe(409);
    }
    await witness.stop();
    // Those that were written side by side may each have seen one place left.
    const kept = (await alarmsOf(log.origin)).length;
    expect(kept).toBeGreaterThanOrEqual(MAX_ALARMS);
    expect(kept).toBeLessThanOrEqual(MAX_ALARMS + 4);
    expect(await entriesOf(log.origin)).toHaveLength(kept);
  });

  it('is written down by one transaction, however often it is sent meanwhile', async () => {
    const log = makeLog();
    const own = readers.of(CITY);
    const taken = Promise.withResolvers<void>();
    let transactions = 0;
    const alarms = {
      ...own,
      transaction: async (run: never) => {
        transactions++;
        await taken.promise;
        return own.transaction(run);
      },
    } as unknown as CityDatabase;
    const { ask, witness } = open([log], { alarms });
    await ask(await log.request(0, 10));
    const fork = await log.request(10, 10, { past: log.rewritten(2) });
    for (let time = 0; time < 20; time++) expect((await ask(fork)).status).toBe(409);
    expect(transactions).toBe(1);
    taken.resolve();
    await witness.stop();
    expect(await alarmsOf(log.origin)).toHaveLength(1);
    expect(await entriesOf(log.origin)).toHaveLength(1);
  });

  it('is written down later where the city does not take it at once', async () => {
    const log = makeLog();
    const own = readers.of(CITY);
    let failures = 3;
    const alarms = {
      ...own,
      transaction: (run: never) => (failures-- > 0 ? Promise.reject(new Error('full')) : own.transaction(run)),
    } as unknown as CityDatabase;
    const { ask, heard } = open([log], { alarms });
    await ask(await log.request(0, 10));
    expect((await ask(await log.request(10, 10, { past: log.rewritten(2) }))).status).toBe(409);
    await until(async () => (await entriesOf(log.origin)).length === 1);
    expect(await alarmsOf(log.origin)).toHaveLength(1);
    expect(heard.of('error').map(({ message }) => message)).toEqual([
      'a witness cannot write an alarm down',
      'a log contradicts what this witness cosigned',
    ]);
  });
});

describe('the state of a witness', () => {
  it.each([
    ['a smaller size', `UPDATE audit.witness_log SET size = size - 1`, '23514'],
    ['another root of the same size', `UPDATE audit.witness_log SET root = sha256('x')`, '23514'],
    ['nothing', `DELETE FROM audit.witness_log`, '42501'],
    ['another log', `UPDATE audit.witness_log SET origin = 'x'`, '42501'],
    ['an alarm', `INSERT INTO audit.witness_alarm (city) VALUES ('QUE')`, '42501'],
  ] as const)('cannot be set by its own role to %s', async (_title, text, code) => {
    const log = makeLog();
    await open([log]).ask(await log.request(0, 10));
    const before = await standing(log.origin);
    await expect(writers.of(CITY).named({ name: `forge_${text.length}_${code}_${_title.length}`, text }, [])).rejects.toMatchObject({
      code,
    });
    expect(await standing(log.origin)).toEqual(before);
  });
  it.each(['patients', 'scheduling', 'files', 'audit'] as const)('is written by no other role: %s', async (role) => {
    const own = openCities(network.cities, { role, password: network.secrets.databasePasswords[role] } as never);
    try {
      for (const [i, text] of [
        `INSERT INTO audit.witness_log (city, origin, size, root, note) VALUES ('QUE', 'x', 0, sha256('x'), 'x')`,
        `UPDATE audit.witness_log SET size = size + 1`,
        `DELETE FROM audit.witness_alarm`,
        `UPDATE audit.witness_alarm SET kind = kind`,
      ].entries())
        await expect(own.of(CITY).named({ name: `forge_${i}`, text }, [])).rejects.toMatchObject({ code: '42501' });
    } finally {
      await own.stop();
    }
  });
  it('lost with its database, it begins again where the log is', async () => {
    const log = makeLog();
    const { ask } = open([log]);
    await ask(await log.request(0, 10));
    await (await network.admin(CITY)).query('delete from audit.witness_log where origin = $1', [log.origin]);
    expect(await ask(await log.request(10, 20))).toMatchObject({ status: 409, body: '0\n' });
    expect((await ask(await log.request(0, 20))).status).toBe(200);
    expect(formatNote(parseNote((await standing(log.origin))?.note ?? ''))).toContain(key.name);
  });
});
