import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DrillStep } from '#tools/audit-log/drills/drills.ts';

/** Where the drills make their own folder. */
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'caregraph-drills-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = async (args: readonly string[]): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> => {
  const child = spawn(process.execPath, ['tools/audit-log.ts', 'drill', ...args], {
    cwd: new URL('../../', import.meta.url),
    env: { ...process.env, NODE_OPTIONS: '', TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.on('data', (piece) => out.push(String(piece)));
  child.stderr.on('data', (piece) => err.push(String(piece)));
  const late = setTimeout(() => child.kill('SIGINT'), 280_000);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(late);
  return { code, out: out.join(''), err: err.join('') };
};

/** Each thing that is done, and what has to be said of it: by the sequencer, the verifier, the witnesses. */
const EXPECTED: readonly (readonly [drill: string, first: number, sequencer: RegExp | null, verifier: RegExp, witnesses: RegExp | null])[] =
  [
    ['change', 137, /^broken$/, /^entry-changed$/, null],
    ['change', 137, /^broken: \w+ holds 530 entries$/, /^rewritten$/, /422.*422; alarm rewritten$/],
    ['delete', 300, /^broken$/, /^entry-changed$/, null],
    ['delete', 300, /^broken: \w+ holds 530 entries$/, /^rewritten$/, /422.*422; alarm rewritten$/],
    ['insert', 260, /^broken$/, /^entry-changed$/, null],
    ['insert', 260, /^broken: \w+ holds 530 entries$/, /^rewritten$/, /422.*422; alarm rewritten$/],
    ['reorder', 100, /^broken$/, /^entry-changed$/, null],
    ['reorder', 100, /^broken: \w+ holds 530 entries$/, /^rewritten$/, /422.*422; alarm rewritten$/],
    ['truncate', 400, /^broken$/, /^entry-missing$/, null],
    ['truncate', 400, /^broken: \w+ holds 530 entries$/, /^truncated$/, /^QUE 409, SHE 409$/],
    ['truncate', 400, /^broken: \w+ holds 530 entries$/, /^rewritten$/, /422.*422; alarm rewritten$/],
    ['fork', 200, null, /^fork$/, /409.*409; alarm fork$/],
    ['restore-old-backup', 300, /^broken: \w+ holds 530 entries$/, /^rolled-back$/, null],
    ['restore-old-backup', 300, /^broken: \w+ holds 530 entries$/, /^rewritten$/, /422.*422; alarm rewritten$/],
    ['clock-back', 530, null, /^clock-back, once$/, null],
  ];

describe('npm run audit-log -- drill', () => {
  it('tampers with a log in every way, and each is found, named and shown', async () => {
    const { code, out, err } = await run(['all', '--json']);
    const steps = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as DrillStep);
    expect({ err, steps: steps.map(({ drill, firstBadIndex, isFound }) => [drill, firstBadIndex, isFound]) }).toEqual({
      err: '',
      steps: EXPECTED.map(([drill, first]) => [drill, first, true]),
    });
    for (const [i, [drill, first, sequencer, verifier, witnesses]] of EXPECTED.entries()) {
      const { found, must } = steps[i] as DrillStep;
      const said = {
        drill,
        sequencer: found.sequencer?.said ?? null,
        verifier: found.verifier?.said,
        witnesses: found.witnesses?.said ?? null,
      };
      expect(said).toEqual({
        drill,
        sequencer: sequencer === null ? null : expect.stringMatching(sequencer),
        verifier: expect.stringMatching(verifier),
        witnesses: witnesses === null ? null : expect.stringMatching(witnesses),
      });
      // Whoever remembers the entries names the very one; a bundle that is not whole is named by its first.
      expect(found.verifier?.firstBadIndex).toBe(verifier.test('entry-missing') ? 256 : first);
      if (!witnesses && found.sequencer) expect(found.sequencer.firstBadIndex).toBe(first);
      expect(must).toContain('verifier');
    }
    expect(code).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  }, 300_000);

  it('says what a drill is that is not there', async () => {
    const { code, out, err } = await run(['nonsense']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^There is no drill nonsense\.\n\nnpm run audit-log -- drill /);
  }, 60_000);
});
