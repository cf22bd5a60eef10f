import { describe, expect, it } from '@jest/globals';
import { makeAuditPolicy } from '#audit/service/witness/audit-policy.ts';
import { formatCheckpoint, signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { makeCosigner } from '#platform/tlog/cosignature.ts';
import { hashLeaf } from '#platform/tlog/merkle.ts';
import { formatNote, makeNoteSigner } from '#platform/tlog/note.ts';
import { judgeCheckpoint, parsePolicy } from '#platform/tlog/policy.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';

const CITIES = ['AAA', 'BBB', 'CCC', 'DDD'] as const;
const keyOf = (n: number) => openSigningKey(new Uint8Array(32).fill(n));
const signers = new Map(CITIES.map((city, i) => [city, makeNoteSigner(`net.example/log/${city}`, keyOf(1 + i))]));
const cosigners = new Map(CITIES.map((city, i) => [city, makeCosigner(`net.example/witness/${city}`, keyOf(51 + i))]));
const outside = makeCosigner('elsewhere.example/w', keyOf(90));
type City = (typeof CITIES)[number];
const vkeyOf = (city: City): string => signers.get(city)?.vkey ?? '';
const witnessOf = (city: City): string => cosigners.get(city)?.vkey ?? '';
const partsOf = (count: number) => {
  const cities = CITIES.slice(0, count);
  return {
    logs: cities.map((city) => ({ city, vkey: vkeyOf(city) })),
    witnesses: cities.map((city) => ({ city, vkey: witnessOf(city) })),
  };
};
const make = (count: number, given: string | null = null) => {
  const { logs, witnesses } = partsOf(count);
  return makeAuditPolicy(given, logs, witnesses);
};
/** A checkpoint of a city with the lines of these. */
const noteOf = async (city: City, by: readonly (City | 'outside')[]): Promise<string> => {
  const checkpoint = { origin: `net.example/log/${city}`, size: 1, root: hashLeaf(Buffer.from('x')) };
  const signer = signers.get(city);
  if (!signer) throw new Error('no signer');
  const note = await signCheckpoint(checkpoint, signer);
  const lines = await Promise.all(
    by.map((each) => (each === 'outside' ? outside : (cosigners.get(each) ?? outside)).cosign(formatCheckpoint(checkpoint), new Date())),
  );
  return formatNote({ text: note.text, signatures: [...note.signatures, ...lines] });
};
const kindOf = async (policy: Parameters<typeof judgeCheckpoint>[1], city: City, by: readonly (City | 'outside')[]): Promise<string> =>
  (await judgeCheckpoint(await noteOf(city, by), policy)).kind;

describe('the policy of the cities', () => {
  it.each([
    [['BBB'], 'accepted'],
    [['CCC'], 'accepted'],
    [['BBB', 'CCC'], 'accepted'],
    [[], 'refused'],
    // Whoever holds the log of a city may hold its witness.
    [['AAA'], 'refused'],
  ] as const)('asks for one of the others: %j is %s', async (by, kind) => {
    expect(await kindOf(make(3).of('AAA', vkeyOf('AAA')), 'AAA', by)).toBe(kind);
  });
  it.each([
    [['BBB', 'CCC'], 'accepted'],
    [['AAA', 'BBB'], 'accepted'],
    [['AAA'], 'refused'],
    [['BBB'], 'refused'],
  ] as const)('as a whole file takes the own one for given: %j is %s', async (by, kind) => {
    expect(await kindOf(parsePolicy(make(3).text('')), 'AAA', by)).toBe(kind);
  });
  it('asks nobody where there is nobody else', async () => {
    expect(make(1).witnessesFor('AAA')).toEqual([]);
    expect(make(1).text('')).toContain('quorum none');
    // That a checkpoint is accepted does not make it a witnessed one.
    expect(await judgeCheckpoint(await noteOf('AAA', []), make(1).of('AAA', vkeyOf('AAA')))).toMatchObject({
      kind: 'accepted',
      witnesses: [],
    });
  });
  it('names addresses where there are any', () => {
    const policy = make(2);
    expect(policy.text('https://x.example/audit')).toContain(`log ${vkeyOf('AAA')} https://x.example/audit/AAA\n`);
    expect(policy.textOf('AAA', [{ vkey: vkeyOf('AAA'), path: 'AAA' }], 'https://x.example/audit')).toContain(
      `witness BBB ${witnessOf('BBB')} https://x.example/audit/BBB/witness\n`,
    );
    expect(policy.textOf('AAA', [{ vkey: vkeyOf('AAA'), path: 'AAA' }], '')).not.toContain('https');
  });
  it('names each public key once, under the newest shard that has it', () => {
    const under = (shard: string, n: number) => ({
      vkey: makeNoteSigner(`net.example/log/AAA${shard}`, keyOf(n)).vkey,
      path: `AAA${shard}`,
    });
    const [four, three, two, one] = [under('/4', 9), under('/3', 9), under('/2', 1), under('', 1)];
    const text = make(3).textOf('AAA', [four, three, two, one], 'https://x.example/audit');
    expect(text.split('\n').filter((line) => line.startsWith('log '))).toEqual([
      `log ${four.vkey} https://x.example/audit/AAA/4`,
      `log ${two.vkey} https://x.example/audit/AAA/2`,
    ]);
    expect(parsePolicy(text).logs.length).toBe(2);
  });
  it('lets a city, as a witness, know all logs but its own, and their shards', () => {
    const policy = make(3);
    const known = (origin: string): readonly string[] => policy.verifiersFor('AAA', origin).map(({ name }) => name);
    expect(known('net.example/log/BBB')).toEqual(['net.example/log/BBB']);
    expect(known('net.example/log/BBB/2')).toEqual(['net.example/log/BBB/2']);
    expect(known('net.example/log/BBB/10')).toEqual(['net.example/log/BBB/10']);
    for (const origin of [
      'net.example/log/AAA',
      'net.example/log/AAA/2',
      'net.example/log/BBB/1',
      'net.example/log/BBB/02',
      'net.example/log/BBB/2/3',
      'net.example/log/BBB/x',
      'net.example/log/BBBB',
      'net.example/log',
      '',
    ])
      expect([origin, known(origin)]).toEqual([origin, []]);
    expect([policy.cityOf('net.example/log/BBB/3'), policy.cityOf('net.example/log/none')]).toEqual(['BBB', null]);
  });
});

describe('a key that a city takes later', () => {
  const later = makeNoteSigner('net.example/log/BBB/2', keyOf(70));
  const known = (policy: ReturnType<typeof make>, city: string, origin: string): number => policy.verifiersFor(city, origin).length;
  it('is known to the others from then on, beside the older one, and still not to its own witness', () => {
    const policy = make(3);
    expect(known(policy, 'AAA', 'net.example/log/BBB/2')).toBe(1);
    policy.learn('BBB', later.vkey);
    policy.learn('BBB', later.vkey);
    expect(known(policy, 'AAA', 'net.example/log/BBB/2')).toBe(2);
    expect(known(policy, 'BBB', 'net.example/log/BBB/2')).toBe(0);
    expect(parsePolicy(policy.text('')).logs.map(({ verifier }) => verifier.name)).toEqual([
      'net.example/log/AAA',
      'net.example/log/BBB',
      'net.example/log/CCC',
      'net.example/log/BBB',
    ]);
  });
  it('is not taken for another city, nor into a policy that was configured', () => {
    const policy = make(3);
    policy.learn('AAA', later.vkey);
    expect(known(policy, 'CCC', 'net.example/log/BBB/2')).toBe(1);
    const given = `${CITIES.slice(0, 3)
      .map((city) => `log ${vkeyOf(city)}\n`)
      .join('')}quorum none\n`;
    const configured = make(3, given);
    configured.learn('BBB', later.vkey);
    expect([known(configured, 'AAA', 'net.example/log/BBB/2'), configured.text('')]).toEqual([1, given]);
  });
});

describe('a policy that was configured', () => {
  const lines = (count: number): string =>
    [
      ...CITIES.slice(0, count).map((city) => `log ${vkeyOf(city)}`),
      ...CITIES.slice(0, count).map((city) => `witness w${city} ${witnessOf(city)}`),
    ].join('\n');
  it.each([
    ['2 of four', 'group g 2 wAAA wBBB wCCC wDDD\nquorum g\n', ['BBB'], 'accepted'],
    ['3 of four', 'group g 3 wAAA wBBB wCCC wDDD\nquorum g\n', ['BBB'], 'refused'],
    ['3 of four', 'group g 3 wAAA wBBB wCCC wDDD\nquorum g\n', ['BBB', 'DDD'], 'accepted'],
    ['all', 'group g all wAAA wBBB wCCC wDDD\nquorum g\n', ['BBB', 'CCC'], 'refused'],
    ['all', 'group g all wAAA wBBB wCCC wDDD\nquorum g\n', ['BBB', 'CCC', 'DDD'], 'accepted'],
    ['one by name', 'quorum wCCC\n', ['BBB'], 'refused'],
    ['one by name', 'quorum wCCC\n', ['CCC'], 'accepted'],
    ['a group of groups', 'group a any wAAA\ngroup b any wBBB wCCC wDDD\ngroup g all a b\nquorum g\n', ['DDD'], 'accepted'],
    ['one elsewhere', `witness out ${outside.vkey} https://w.example/x\ngroup g all wBBB out\nquorum g\n`, ['BBB'], 'refused'],
    ['one elsewhere', `witness out ${outside.vkey} https://w.example/x\ngroup g all wBBB out\nquorum g\n`, ['BBB', 'outside'], 'accepted'],
  ] as const)('%s, without the own witness: %j', async (_title, rest, by, kind) => {
    const policy = make(4, `${lines(4)}\n${rest}`);
    expect(await kindOf(policy.of('AAA', vkeyOf('AAA')), 'AAA', by)).toBe(kind);
    // What strangers get is what is judged by.
    expect(await kindOf(parsePolicy(policy.textOf('AAA', [{ vkey: vkeyOf('AAA'), path: 'AAA' }], '')), 'AAA', by)).toBe(kind);
  });
  it('has witnesses elsewhere asked at their address', () => {
    const policy = make(2, `${lines(2)}\nwitness out ${outside.vkey} https://w.example/x\nquorum out\n`);
    expect(policy.witnessesFor('AAA').map(({ name, city, url }) => [name, city, url])).toEqual([
      ['wBBB', 'BBB', null],
      ['out', null, 'https://w.example/x'],
    ]);
  });
  it.each([
    ['lacks a log', `log ${vkeyOf('AAA')}\nquorum none\n`, /lacks a log of BBB/],
    ['cannot be read', 'log x\nquorum none\n', /line 1 of the policy/],
  ])('is refused where it %s', (_title, text, fault) => {
    expect(() => make(2, text)).toThrow(fault);
  });
});
