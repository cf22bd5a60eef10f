import { describe, expect, it } from '@jest/globals';
import { formatCheckpoint, signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { makeCosigner } from '#platform/tlog/cosignature.ts';
import { hashLeaf } from '#platform/tlog/merkle.ts';
import { formatNote, makeNoteSigner, type NoteSignature } from '#platform/tlog/note.ts';
import { judgeCheckpoint, parsePolicy } from '#platform/tlog/policy.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import { anEntry, aSigningKey, flip } from './builders.ts';

const log = makeNoteSigner('example.com/log', aSigningKey(1));
const names = ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'];
const witnesses = names.map((name, i) => makeCosigner(`${name.toLowerCase()}.example`, aSigningKey(10 + i)));
const checkpoint = { origin: log.name, size: 1, root: hashLeaf(anEntry(0)) };
const text = formatCheckpoint(checkpoint);
const at = new Date('2027-02-10T14:00:00Z');

/** The example of https://c2sp.org/tlog-policy (CC BY 4.0) with keys. */
const POLICY = `# two levels
log ${log.vkey} https://log.example/

witness X1 ${witnesses[0]?.vkey}
witness X2\t ${witnesses[1]?.vkey} https://x2.example/
witness X3 ${witnesses[2]?.vkey}
group X-witnesses 2 X1 X2 X3

  witness Y1 ${witnesses[3]?.vkey}
witness Y2 ${witnesses[4]?.vkey}
witness Y3 ${witnesses[5]?.vkey}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

const cosignedBy = async (...who: readonly string[]): Promise<string> => {
  const note = await signCheckpoint(checkpoint, log);
  const signatures: NoteSignature[] = [];
  for (const [i, witness] of witnesses.entries()) if (who.includes(names[i] ?? '')) signatures.push(await witness.cosign(text, at));
  return formatNote({ text: note.text, signatures: [...note.signatures, ...signatures] });
};

describe('a policy', () => {
  it('of the specification is read', () => {
    const policy = parsePolicy(POLICY);
    expect(policy.logs).toMatchObject([{ verifier: { name: log.name }, url: 'https://log.example/' }]);
    expect(policy.witnesses.map(({ name, url }) => [name, url])).toEqual(
      names.map((name) => [name, name === 'X2' ? 'https://x2.example/' : null]),
    );
    expect(policy.groups.map(({ name, threshold }) => [name, threshold])).toEqual([
      ['X-witnesses', 2],
      ['Y-witnesses', 1],
      ['X-and-Y', 2],
    ]);
    expect(policy.quorum).toBe('X-and-Y');
    expect(parsePolicy('quorum none\n')).toEqual({ logs: [], witnesses: [], groups: [], quorum: null });
  });

  it('believes exactly those sets of witnesses that make the quorum', async () => {
    const policy = parsePolicy(POLICY);
    for (let set = 0; set < 64; set++) {
      const who = names.filter((_, i) => (set >> i) & 1);
      const isEnough = who.filter((name) => name.startsWith('X')).length >= 2 && who.some((name) => name.startsWith('Y'));
      const judgement = await judgeCheckpoint(await cosignedBy(...who), policy);
      expect([who, judgement.kind]).toEqual([who, isEnough ? 'accepted' : 'refused']);
      expect(judgement).toMatchObject(isEnough ? { checkpoint } : { reason: 'no-quorum' });
      expect(judgement).toMatchObject({ witnesses: who.map((name) => ({ name, at })) });
    }
  });

  it('without a quorum is content with the log, and names no witness that is none', async () => {
    const policy = parsePolicy(`log ${log.vkey}\nquorum none\n`);
    expect(await judgeCheckpoint(await cosignedBy(), policy)).toMatchObject({ kind: 'accepted', witnesses: [] });
    expect(await judgeCheckpoint(await cosignedBy('X1', 'Y1'), policy)).toMatchObject({ kind: 'accepted', witnesses: [] });
  });

  it('counts a witness once, however often it cosigned, by its latest time', async () => {
    const policy = parsePolicy(
      `log ${log.vkey}\nwitness a ${witnesses[0]?.vkey}\nwitness b ${witnesses[1]?.vkey}\ngroup g 2 a b\nquorum g\n`,
    );
    const note = await signCheckpoint(checkpoint, log);
    const twice = await Promise.all([at, new Date(at.getTime() + 5_000)].map((each) => witnesses[0]?.cosign(text, each)));
    const signatures = [...note.signatures, ...twice.flatMap((each) => each ?? [])];
    expect(signatures).toHaveLength(3);
    expect(await judgeCheckpoint(formatNote({ text, signatures }), policy)).toEqual({
      kind: 'refused',
      reason: 'no-quorum',
      witnesses: [{ name: 'a', at: new Date('2027-02-10T14:00:05Z') }],
    });
  });

  it('refuses what no listed log signed, and what a known key did not sign', async () => {
    const policy = parsePolicy(POLICY);
    const all = await cosignedBy(...names);
    expect(await judgeCheckpoint(all, policy)).toMatchObject({ kind: 'accepted' });
    expect(await judgeCheckpoint(all.replace(/— example[^\n]*\n/, ''), policy)).toEqual({ kind: 'refused', reason: 'unknown-log' });
    expect(await judgeCheckpoint(all.replace(/\n— [\s\S]*$/, '\n— someone.example AAAAAAAA\n'), policy)).toEqual({
      kind: 'refused',
      reason: 'unknown-log',
    });
    expect(await judgeCheckpoint(all.replace('\n1\n', '\n2\n'), policy)).toEqual({ kind: 'refused', reason: 'bad-signature' });
    expect(await judgeCheckpoint(all.slice(0, -1), policy)).toEqual({ kind: 'refused', reason: 'malformed' });
    // A log that is listed signs for its own origin alone.
    const other = makeNoteSigner('example.com/other', aSigningKey(3));
    const both = parsePolicy(`log ${log.vkey}\nlog ${other.vkey}\nquorum none\n`);
    expect(await judgeCheckpoint(formatNote(await signCheckpoint(checkpoint, other)), both)).toEqual({
      kind: 'refused',
      reason: 'unknown-log',
    });
    const bytes = new Uint8Array(Buffer.from(all));
    for (let bit = 0; bit < text.length * 8; bit += 3)
      expect(await judgeCheckpoint(flip(bytes, bit), policy)).toMatchObject({ kind: 'refused' });
  });

  const key = witnesses[0]?.vkey ?? '';
  const key2 = witnesses[1]?.vkey ?? '';
  it.each([
    ['no quorum', `log ${log.vkey}\n`, 'no quorum'],
    ['two quorums', 'quorum none\nquorum none\n', 'line 2'],
    ['a quorum of nobody', 'quorum X\n', 'line 1'],
    ['a quorum that comes too early', `quorum X\nwitness X ${key}\n`, 'line 1'],
    ['a log twice', `log ${log.vkey}\nlog ${log.vkey}\nquorum none\n`, 'line 2'],
    ['the key of a log under two names', `log ${log.vkey}\nlog ${makeNoteSigner('other', aSigningKey(1)).vkey}\nquorum none\n`, 'line 2'],
    ['a witness twice', `witness a ${key}\nwitness b ${key}\nquorum none\n`, 'line 2'],
    ['a name twice', `witness a ${key}\nwitness a ${key2}\nquorum none\n`, 'line 2'],
    ['a witness named none', `witness none ${key}\nquorum none\n`, 'line 1'],
    ['a group named as a witness', `witness a ${key}\ngroup a any a\nquorum a\n`, 'line 2'],
    ['a group of none', 'group g any none\nquorum g\n', 'line 1'],
    ['a group of itself', 'group g any g\nquorum g\n', 'line 1'],
    ['a group without members', `witness a ${key}\ngroup g any\nquorum g\n`, 'line 2'],
    ['a member twice in a group', `witness a ${key}\ngroup g any a a\nquorum g\n`, 'line 2'],
    ['a member in two groups', `witness a ${key}\ngroup g any a\ngroup h any a\nquorum g\n`, 'line 3'],
    ['a threshold of 0', `witness a ${key}\ngroup g 0 a\nquorum g\n`, 'line 2'],
    ['a threshold beyond its members', `witness a ${key}\ngroup g 2 a\nquorum g\n`, 'line 2'],
    ['a threshold that is no decimal', `witness a ${key}\ngroup g 0x1 a\nquorum g\n`, 'line 2'],
    ['a log where a witness belongs', `witness a ${log.vkey}\nquorum none\n`, 'line 1'],
    ['a witness where a log belongs', `log ${key}\nquorum none\n`, 'line 1'],
    ['a key with a wrong id', `log ${log.vkey.replace(/\+./, '+x')}\nquorum none\n`, 'line 1'],
    ['a word too many', `log ${log.vkey} url more\nquorum none\n`, 'line 1'],
    ['a word that it does not know', 'logs x\nquorum none\n', 'line 1'],
    ['a comment behind a line', 'quorum none # all\n', 'line 1'],
    ['no last newline', 'quorum none', 'newline'],
    ['carriage returns', 'quorum none\r\n', 'control'],
    ['nothing in it', '', 'no quorum'],
  ])('is none with %s', (_name, policy, message) => {
    expect(() => parsePolicy(policy)).toThrow(TlogError);
    expect(() => parsePolicy(policy)).toThrow(message);
  });

  it('takes 32 logs, 32 witnesses and 32 groups', () => {
    const lines = Array.from({ length: 32 }, (_, i) => [
      `log ${makeNoteSigner(`log${i}`, aSigningKey(100 + i)).vkey}`,
      `witness w${i} ${makeCosigner(`w${i}`, aSigningKey(150 + i)).vkey}`,
      `group g${i} all w${i}${i === 0 ? '' : ` g${i - 1}`}`,
    ]).flat();
    expect(parsePolicy(`${lines.join('\n')}\nquorum g31\n`).groups).toHaveLength(32);
  });

  it('tells a name from another that looks like it', () => {
    expect(() => parsePolicy(`witness K ${key}\nquorum \u212a\n`)).toThrow('line 2');
    expect(parsePolicy(`witness \u212a ${key}\nquorum \u212a\n`).quorum).toBe('\u212a');
  });
});
