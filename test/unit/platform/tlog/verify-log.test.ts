import { beforeAll, describe, expect, it } from '@jest/globals';
import { makeEntryCheck } from '#platform/audit/check-entries.ts';
import { type LogState, parseLogState } from '#platform/tlog/log-state.ts';
import { type LogReport, type VerifyLogOptions, verifyLog } from '#platform/tlog/verify-log.ts';
import { anEntry, type Files, logSigner, ORIGIN, policyOf, publish, someEntries, sourceOf } from '#test/support/published-log.ts';
import { flip } from './builders.ts';

const policy = policyOf();
const NOW = new Date('2026-03-20T00:00:00Z');
/** Runs the verifier, and takes its state through JSON as a file would. */
const verify = async (files: Files, known: LogState | null = null, more: Partial<VerifyLogOptions> = {}): Promise<LogReport> => {
  const makeCheck = makeEntryCheck({ city: 'MTL', now: NOW });
  const report = await verifyLog({ source: sourceOf(files), policy, known, makeEntryCheck: makeCheck, ...more });
  const { state } = report;
  return { ...report, state: state && parseLogState(JSON.parse(JSON.stringify(state))) };
};
const COUNT = 700;
let entries: Uint8Array[];
let files: Files;
let known: LogState;
beforeAll(async () => {
  entries = someEntries(COUNT);
  files = await publish(entries);
  const { state } = await verify(files);
  if (!state) throw new Error('the log is not sound');
  known = state;
});
const without = (index: number): Uint8Array[] => entries.filter((_each, i) => i !== index);
const withOne = (index: number, entry = anEntry(90_000 + index, { recorded: '2026-03-01T08:00:00.000Z' })): Uint8Array[] => [
  ...entries.slice(0, index),
  entry,
  ...entries.slice(index),
];
const changed = (index: number): Uint8Array[] => entries.map((each, i) => (i === index ? anEntry(i, { act: 'cancelAppointment' }) : each));
const swapped = (index: number): Uint8Array[] =>
  entries.map((each, i) => (i === index ? entries[i + 1] : i === index + 1 ? entries[i - 1] : null) ?? each);
const more = (count: number, of = entries): Uint8Array[] => [
  ...of,
  ...Array.from({ length: count }, (_none, i) => anEntry(of.length + 1_000 + i)),
];

/** The files of a log, some of them others. */
const putting = (changes: Readonly<Record<string, Uint8Array | null>>, of = files): Files => {
  const all = new Map(of);
  for (const [path, bytes] of Object.entries(changes)) {
    if (!all.has(path)) throw new Error(`${path} is none of the log's files`);
    if (bytes) all.set(path, bytes);
    else all.delete(path);
  }
  return all;
};
const file = (path: string, of = files): Uint8Array => {
  const bytes = of.get(path);
  if (!bytes) throw new Error(`${path} is not there`);
  return bytes;
};
/** Byte of an entry behind its own length within its bundle. */
const byteOf = (index: number): number => {
  let at = 0;
  for (let i = index - (index % 256); i < index; i++) at += 2 + (entries[i]?.length ?? 0);
  return at + 2 + 20;
};
const letter = (path: string, line: number): Uint8Array =>
  Buffer.from(
    Buffer.from(file(path))
      .toString()
      .split('\n')
      .map((each, i) => (i === line ? each.replace(/(.)(.{20})$/u, (_all, one, rest) => `${one === 'A' ? 'B' : 'A'}${rest}`) : each))
      .join('\n'),
  );

describe('a log as it was published', () => {
  it.each([0, 1, 2, 255, 256, 257, 511, 512, 700])('of %i entries is sound', async (size) => {
    const report = await verify(await publish(entries.slice(0, size)));
    expect(report).toMatchObject({ isSound: true, fault: null, size, checked: size, origin: ORIGIN, warnings: [] });
    expect(report.witnesses.map(({ name }) => name)).toEqual(['w0', 'w1']);
  });

  it('is gone on with from what was kept, at every pair of sizes, and only what is new is fetched', async () => {
    const sizes = [0, 1, 255, 256, 257, 300, 512, 700];
    for (const [i, before] of sizes.entries())
      for (const after of sizes.slice(i)) {
        const first = await verify(await publish(entries.slice(0, before)));
        const later = await publish(entries.slice(0, after));
        const asked: string[] = [];
        const report = await verify(later, first.state, {
          source: async (path) => {
            asked.push(path);
            return later.get(path) ?? null;
          },
        });
        expect([before, after, report.isSound, report.fault]).toEqual([before, after, true, null]);
        if (before === after) expect(asked).toEqual(['checkpoint']);
        const full = await verify(later, first.state, { isFull: true });
        expect(full.isSound).toBe(true);
        expect(full.state).toEqual(report.state);
        for (let n = 0; n < Math.floor(before / 256); n++) expect(asked).not.toContain(`tile/entries/00${n}`);
      }
  }, 60_000);

  it('of more than 65,536 entries is sound through a tile of level 2, also in two runs', async () => {
    const many = someEntries(66_100);
    const all = await publish(many);
    const half = await verify(await publish(many.slice(0, 65_700)));
    const report = await verify(all, half.state);
    expect(report).toMatchObject({ isSound: true, checked: 66_100 - 65_536 });
    expect({ ...report.state, checkpoints: [] }).toEqual({ ...(await verify(all)).state, checkpoints: [] });
    const hit = flip(file('tile/2/000.p/1', all), 3);
    expect((await verify(putting({ 'tile/2/000.p/1': hit }, all))).fault).toEqual(
      expect.objectContaining({ kind: 'tile-changed', firstBadIndex: 0, isExact: true }),
    );
    const rewritten = await verify(
      await publish(many.map((each, i) => (i === 65_555 ? anEntry(i, { act: 'x' }) : each)).concat(anEntry(66_100))),
      report.state,
    );
    expect(rewritten.fault).toMatchObject({ kind: 'rewritten', firstBadIndex: 65_536, isExact: false });
  }, 60_000);

  it('is remembered by one hash for 65,536 of its older entries, and a past that was rewritten there is told by it', async () => {
    const many = someEntries(66_400);
    const all = await publish(many);
    const folding = {
      foldAt: 257,
      makeEntryCheck: () => ({ take: () => {}, finish: async () => ({ faults: [], warnings: [] }), memory: () => ({}) }),
    };
    const whole = await verify(all, null, folding);
    const { spans = '', bundles = '' } = whole.state ?? {};
    expect(Buffer.from(spans, 'base64')).toEqual(Buffer.from(file('tile/2/000.p/1', all)));
    expect(Buffer.from(bundles, 'base64')).toEqual(Buffer.from(file('tile/1/001.p/3', all)));
    // At every place where the folding can fall between two runs, what is kept is the same.
    for (const size of [65_791, 65_792]) {
      const half = await verify(await publish(many.slice(0, size)), null, folding);
      expect([size, half.state?.spans]).toEqual([size, size < 65_792 ? '' : spans]);
      const rest = await verify(all, half.state, folding);
      expect({ ...rest.state, checkpoints: [] }).toEqual({ ...whole.state, checkpoints: [] });
    }
    const copy = sourceOf(all);
    for (const [index, first] of [
      [65_535, 0],
      [65_536, 65_536],
    ] as const) {
      const other = await publish([...many.map((each, i) => (i === index ? anEntry(i, { act: 'x' }) : each)), anEntry(66_400)]);
      const told = await verify(other, whole.state, folding);
      expect([index, told.fault]).toEqual([index, expect.objectContaining({ kind: 'rewritten', firstBadIndex: first, isExact: false })]);
      expect((await verify(other, whole.state, { ...folding, copy })).fault).toMatchObject({ firstBadIndex: index, isExact: true });
    }
  }, 60_000);

  it('is sound without any witness where the policy asks for none, and is not called witnessed', async () => {
    const report = await verify(await publish(entries, { witnesses: 0 }), null, { policy: policyOf('none') });
    expect(report).toMatchObject({ isSound: true, witnesses: [] });
  });

  it('may serve a full file where a partial one is asked for', async () => {
    const longer = await publish(more(68));
    for (const [path, full] of [
      ['tile/0/002.p/188', 'tile/0/002'],
      ['tile/entries/002.p/188', 'tile/entries/002'],
    ] as const)
      expect([path, (await verify(new Map([...putting({ [path]: null }), [full, file(full, longer)]]))).isSound]).toEqual([path, true]);
  });
});

describe('files that are not as published', () => {
  const at = (index: number) => (bytes: Uint8Array) => flip(bytes, 8 * byteOf(index));
  const cases: readonly (readonly [
    what: string,
    path: string,
    change: (bytes: Uint8Array) => Uint8Array | null,
    kind: string,
    index: number,
  ])[] = [
    ['an entry', 'tile/entries/000', at(37), 'entry-changed', 37],
    ['the first entry', 'tile/entries/000', at(0), 'entry-changed', 0],
    ['the last entry', 'tile/entries/002.p/188', at(699), 'entry-changed', 699],
    ['the length of an entry', 'tile/entries/001', (bytes) => flip(bytes, 8 * (byteOf(300) - 21)), 'entry-changed', 300],
    ['a bundle cut off', 'tile/entries/001', (bytes) => bytes.subarray(0, byteOf(400)), 'entry-missing', 400],
    [
      'a bundle with an entry more',
      'tile/entries/002.p/188',
      (bytes) => Buffer.concat([bytes, Buffer.from([0, 2, 123, 125])]),
      'entry-changed',
      699,
    ],
    ['a bundle gone', 'tile/entries/001', () => null, 'entry-missing', 256],
    ['an empty bundle', 'tile/entries/002.p/188', () => new Uint8Array(0), 'entry-missing', 512],
    ['a full tile of leaves', 'tile/0/001', (bytes) => flip(bytes, 8 * 32 * 5 + 3), 'tile-changed', 261],
    ['the last tile of leaves', 'tile/0/002.p/188', (bytes) => flip(bytes, 8 * 32 * 187), 'tile-changed', 699],
    ['a tile above', 'tile/1/000.p/2', (bytes) => flip(bytes, 8 * 33), 'tile-changed', 256],
    ['a tile cut off', 'tile/0/000', (bytes) => bytes.subarray(0, 100), 'tile-changed', 0],
    ['a tile gone', 'tile/0/001', () => null, 'tile-missing', 256],
    ['a tile above gone', 'tile/1/000.p/2', () => null, 'tile-missing', 0],
  ];
  it.each(cases)('%s: found, named and told by its index', async (_what, path, change, kind, index) => {
    const bad = putting({ [path]: change(file(path)) });
    const report = await verify(bad);
    expect(report).toMatchObject({ isSound: false, fault: { kind, firstBadIndex: index, isExact: true }, state: null });
    // Whoever has seen the log before sees it as well, and keeps what was seen.
    const again = await verify(bad, known, { isFull: true });
    expect(again.fault).toEqual(report.fault);
    expect(again.state).toEqual(known);
  });

  it('every bit of the last bundle and of each tile is under the root: one flipped at random is found where it is', async () => {
    for (let round = 0; round < 60; round++) {
      const paths = [...files.keys()].filter((path) => path !== 'checkpoint');
      const path = paths[round % paths.length] ?? '';
      const bytes = file(path);
      const report = await verify(
        putting({ [path]: flip(bytes, Math.floor((((round * 7_919 + 13) % 1_000) / 1_000) * 8 * bytes.length)) }),
      );
      expect([path, report.isSound, report.fault?.isExact]).toEqual([path, false, true]);
    }
  });

  it('an entry and its tile, both changed to fit each other: the tile above tells which', async () => {
    const forged = await publish(changed(37));
    const bad = putting({ 'tile/entries/000': file('tile/entries/000', forged), 'tile/0/000': file('tile/0/000', forged) });
    expect((await verify(bad)).fault).toMatchObject({ firstBadIndex: 0, kind: 'tile-changed' });
    const all = new Map([...forged, ['checkpoint', file('checkpoint')]]);
    expect((await verify(all)).fault).toMatchObject({ firstBadIndex: 0, isExact: false, kind: 'root-changed' });
    expect((await verify(all, known, { isFull: true })).fault).toMatchObject({ kind: 'root-changed' });
  });
});

describe('a checkpoint', () => {
  const refused = async (checkpoint: Uint8Array | null, state: LogState | null = known) => {
    const report = await verify(putting({ checkpoint }), state);
    expect(report.isSound).toBe(false);
    expect(report.state).toEqual(state);
    return report.fault;
  };
  it.each([
    ['whose signature was changed', () => letter('checkpoint', 4), 'bad-signature'],
    ['whose cosignature was changed', () => letter('checkpoint', 6), 'bad-cosignature'],
    ['whose root was changed', () => letter('checkpoint', 2), 'bad-signature'],
    [
      'whose size was changed',
      () => Buffer.from(Buffer.from(file('checkpoint')).toString().replace('\n700\n', '\n701\n')),
      'bad-signature',
    ],
    ['that is none', () => Buffer.from('hello'), 'malformed'],
    [
      'that only one witness cosigned',
      () => Buffer.from(Buffer.from(file('checkpoint')).toString().split('\n').slice(0, 6).join('\n').concat('\n')),
      'no-quorum',
    ],
  ])('%s is refused, and says from where on nothing vouches', async (_what, make, kind) => {
    expect(await refused(make())).toMatchObject({ kind, firstBadIndex: COUNT });
    expect(await refused(make(), null)).toMatchObject({ kind, firstBadIndex: 0 });
  });
  it('of another key or another origin is refused', async () => {
    expect(await refused(file('checkpoint', await publish(entries, { key: 9 })))).toMatchObject({ kind: 'unknown-log' });
    expect(await refused(file('checkpoint', await publish(entries, { origin: 'other.example/log' })))).toMatchObject({
      kind: 'unknown-log',
    });
    const both = policyOf('both', `${logSigner(9, 'other.example/log').vkey}`);
    const other = await publish(entries, { key: 9, origin: 'other.example/log' });
    expect((await verify(other, known, { policy: both })).fault).toMatchObject({
      kind: 'other-log',
      notes: [expect.any(String), expect.any(String)],
    });
  });
  it('that is gone is told where there was one, and is no log where there was none', async () => {
    expect(await refused(null)).toMatchObject({ kind: 'gone', firstBadIndex: 0 });
    await expect(verify(putting({ checkpoint: null }))).rejects.toThrow('no log');
  });
});

describe('a past that was changed by whoever holds the keys', () => {
  const copyOf = () => ({ copy: sourceOf(files) });
  const PASTS: readonly (readonly [what: string, make: () => Uint8Array[], first: number, bundle: number])[] = [
    ['an entry changed', () => more(20, changed(300)), 300, 256],
    ['an entry taken away', () => more(20, without(37)), 37, 0],
    ['an entry put in', () => withOne(400), 400, 256],
    ['two entries swapped', () => more(1, swapped(100)), 100, 0],
    ['an entry of the last bundle changed', () => more(300, changed(690)), 690, 512],
  ];
  it.each(PASTS)('%s is called rewritten, and told within a bundle, with a copy exactly', async (_what, make, first, bundle) => {
    const forged = await publish(make());
    for (const isFull of [false, true]) {
      const report = await verify(forged, known, { isFull });
      expect(report.fault).toMatchObject({ kind: 'rewritten', firstBadIndex: bundle, isExact: false });
      expect(report.fault?.notes).toEqual([known.note, report.note]);
      expect(report.state).toEqual(known);
      expect((await verify(forged, known, { isFull, ...copyOf() })).fault).toMatchObject({
        kind: 'rewritten',
        firstBadIndex: first,
        isExact: true,
      });
    }
    // Whoever comes for the first time cannot know.
    expect((await verify(forged)).fault).toBeNull();
  });
  it('behind the same size is a fork, with both notes for evidence', async () => {
    const forged = await publish(changed(300));
    expect((await verify(forged, known)).fault).toEqual({
      kind: 'fork',
      firstBadIndex: 256,
      isExact: false,
      notes: [known.note, Buffer.from(file('checkpoint', forged)).toString()],
    });
    expect((await verify(forged, known, copyOf())).fault).toMatchObject({ kind: 'fork', firstBadIndex: 300, isExact: true });
  });
  it('that is shorter is told: signed anew, an older checkpoint again, or another tree of an older size', async () => {
    const shorter = await publish(entries.slice(0, 600));
    expect((await verify(shorter, known)).fault).toMatchObject({ kind: 'truncated', firstBadIndex: 600 });
    const older = (await verify(files, (await verify(shorter)).state)).state;
    expect(older?.checkpoints.map(({ size }) => size)).toEqual([600, 700]);
    expect((await verify(shorter, older)).fault).toMatchObject({ kind: 'rolled-back', firstBadIndex: 600 });
    const forked = await publish(changed(300).slice(0, 600));
    expect((await verify(forked, older)).fault).toMatchObject({ kind: 'fork', firstBadIndex: 256 });
    expect((await verify(await publish(changed(20).slice(0, 650)), older)).fault).toMatchObject({ kind: 'truncated', firstBadIndex: 0 });
    expect((await verify(await publish([]), older)).fault).toMatchObject({ kind: 'truncated', firstBadIndex: 0 });
  });
  it('is found as well when it is mended at the end: an older checkpoint no longer holds', async () => {
    const older = (await verify(await publish(entries.slice(0, 600)))).state;
    const report = await verify(await publish(changed(599)), older, { isFull: true });
    expect(report.fault).toMatchObject({ kind: 'rewritten', firstBadIndex: 512 });
  });
});

describe('entries that say what cannot be', () => {
  const told = async (of: Uint8Array[], state: LogState | null = null) => {
    const { isSound, fault, warnings } = await verify(await publish(of), state);
    return { isSound, kind: fault?.kind, at: fault?.firstBadIndex, warnings };
  };
  const replaced = (index: number, entry: Uint8Array): Uint8Array[] => entries.map((each, i) => (i === index ? entry : each));
  it.each([
    ['another order of names', Buffer.from('{"id":"MTL-evt-5","city":"MTL","recorded":"2026-03-01T08:00:05.000Z"}'), 'entry-malformed'],
    ['white space', Buffer.from(`${Buffer.from(anEntry(5)).toString()} `), 'entry-malformed'],
    ['no time', Buffer.from('{"city":"MTL","id":"MTL-evt-5"}'), 'entry-malformed'],
    ['no UTF-8', Uint8Array.of(0xff, 0xfe), 'entry-malformed'],
    ['another city', anEntry(5, { city: 'QUE' }), 'entry-foreign'],
    ['an id of another entry', anEntry(5, { id: 'MTL-evt-3' }), 'entry-twice'],
  ])('%s', async (_what, entry, kind) => {
    expect(await told(replaced(5, entry))).toEqual({ isSound: false, kind, at: 5, warnings: [] });
  });
  it('tells of a clock that was turned back, once for each time, also between two runs, and finds the log sound', async () => {
    const back = entries.map((_each, i) =>
      anEntry(i, i >= 400 ? { recorded: new Date(Date.parse('2026-02-28T00:00:00Z') + i).toISOString() } : {}),
    );
    const warning = [{ kind: 'clock-back', index: 400, count: 1 }];
    expect(await told(back)).toEqual({ isSound: true, kind: undefined, at: undefined, warnings: warning });
    const before = (await verify(await publish(back.slice(0, 400)))).state;
    expect((await told(back, before)).warnings).toEqual(warning);
    expect((await told(replaced(9, anEntry(9, { recorded: '2030-01-01T00:00:00.000Z' })))).warnings).toEqual([
      { kind: 'clock-ahead', index: 9, count: 1 },
      { kind: 'clock-back', index: 10, count: 1 },
    ]);
  });
  it('tells of a witness whose clock was turned back', async () => {
    const { warnings, isSound } = await verify(await publish(more(5), { at: new Date('2026-03-01T23:00:00Z') }), known);
    expect([isSound, warnings]).toEqual([
      true,
      [
        { kind: 'witness-clock-back', index: 705, count: 1 },
        { kind: 'witness-clock-back', index: 705, count: 1 },
      ],
    ]);
  });
});

it('remembers a hundred checkpoints at most, the first and the newest among them, and no state that was spoilt', async () => {
  let state: LogState | null = null;
  for (let size = 1; size <= 160; size++) state = (await verify(await publish(entries.slice(0, size)), state)).state;
  expect(state?.checkpoints.length).toBe(100);
  const sizes = state?.checkpoints.map(({ size }) => size) ?? [];
  expect([sizes[0], ...sizes.slice(-50)]).toEqual([1, ...Array.from({ length: 50 }, (_none, i) => 111 + i)]);
  for (const spoilt of [
    null,
    {},
    { ...known, size: -1 },
    { ...known, edges: ['x'] },
    { ...known, bundles: '' },
    { ...known, checkpoints: [1] },
  ])
    expect(() => parseLogState(spoilt)).toThrow('state');
}, 60_000);

it('gives every file that it found right, the checkpoint last, and can be run over these alone', async () => {
  const copy: Files = new Map();
  const onFile = async (path: string, bytes: Uint8Array) => void copy.set(path, Uint8Array.from(bytes));
  expect((await verify(files, null, { onFile })).isSound).toBe(true);
  expect([...copy.keys()].sort()).toEqual([...files.keys()].sort());
  expect([...copy.keys()].at(-1)).toBe('checkpoint');
  expect(await verify(copy)).toMatchObject({ isSound: true, size: COUNT });
});
