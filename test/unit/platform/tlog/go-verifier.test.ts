import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { formatNote } from '#platform/tlog/note.ts';
import { type LogFolder, writeLogFolder } from '#test/support/log-folder.ts';
import { flip } from './builders.ts';

/** Where Debian's packages golang-golang-x-mod-dev and others lay their sources. */
const GOPATH = process.env['GOPATH'] ?? '/usr/share/gocode';
const SOURCE = path.resolve('test/support/go-verifier/main.go');
/** `TLOG_ENTRIES=1000000` checks a log of a million. */
const SIZE = Number(process.env['TLOG_ENTRIES'] ?? 70_000);
const BATCH = Math.ceil(SIZE / 67);

/** Changes a letter in the last word of a line, counted from zero. */
const changeLine = (content: Uint8Array, number: number): string =>
  Buffer.from(content)
    .toString()
    .split('\n')
    .map((line, i) => (i === number ? line.replace(/(.)(.{20})$/u, (_, letter, rest) => `${letter === 'A' ? 'B' : 'A'}${rest}`) : line))
    .join('\n');

const run = promisify(execFile);
const isOnPath = (process.env['PATH'] ?? '').split(path.delimiter).some((folder) => existsSync(path.join(folder, 'go')));
const isReady = isOnPath && existsSync(path.join(GOPATH, 'src/golang.org/x/mod/sumdb/note'));
if (!isReady) console.warn('12 tests left out: they need the Debian packages golang-go and golang-golang-x-mod-dev');

(isReady ? describe : describe.skip)('a verifier in Go that shares no line with ours', () => {
  let folder = '';
  let log: LogFolder;
  const verify = async (): Promise<string> => {
    const witnesses = log.witnessKeys.flatMap((key) => ['-witness', key]);
    try {
      const { stdout } = await run(path.join(folder, 'verify'), ['-dir', folder, '-log', log.logKey, ...witnesses], { timeout: 120_000 });
      return stdout;
    } catch (error) {
      if (typeof error === 'object' && error !== null && 'stderr' in error && 'code' in error && error.code === 1)
        return `refused: ${String(error.stderr)}`;
      throw error;
    }
  };
  /** What it says while one file is another. */
  const verifyWith = async (file: string, change: (content: Uint8Array) => Uint8Array | string): Promise<string> => {
    const target = path.join(folder, file);
    const content = new Uint8Array(await readFile(target));
    await writeFile(target, change(content));
    try {
      return await verify();
    } finally {
      await writeFile(target, content);
    }
  };
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'tlog-'));
    const env = { ...process.env, GO111MODULE: 'off', GOPATH, GOCACHE: path.join(folder, 'cache'), GOFLAGS: '' };
    await run('go', ['build', '-o', path.join(folder, 'verify'), SOURCE], { env, timeout: 100_000 });
    log = await writeLogFolder(folder, SIZE, BATCH);
  }, 240_000);
  afterAll(async () => {
    if (folder !== '') await rm(folder, { recursive: true, force: true });
  }, 60_000);

  it('agrees on signatures, cosignatures, every entry, the root, inclusions, consistencies and proof files', async () => {
    const started = performance.now();
    const step = Math.floor(SIZE / 1_000) + 1;
    expect(await verify()).toBe(
      [
        `signatures 3`,
        `entries ${SIZE}`,
        `inclusions ${Math.ceil(SIZE / step)}`,
        `consistencies ${log.sizes.length}`,
        `proofs ${log.proofs.length}`,
        '',
      ].join('\n'),
    );
    process.stdout.write(`Go checked ${SIZE} entries in ${((performance.now() - started) / 1_000).toFixed(2)} s\n`);
  }, 130_000);

  const bit = (at: number) => (content: Uint8Array) => flip(content, at);
  it.each([
    ['an entry', 'tile/entries/017', bit(8 * 100), /^refused: hash 435[2-9] of level 0: is not that of the entries/],
    ['a length before an entry', 'tile/entries/017', bit(8 + 1), /^refused: entry 4352: tile\/entries\/017 /],
    ['a hash of a leaf', 'tile/0/017', bit(8 * 40), /^refused: hash 4353 of level 0: is not that of the entries/],
    ['a hash above', 'tile/1/000', bit(8 * 40), /^refused: hash 1 of level 1: is not that of the entries/],
    [
      'the signature of the log',
      'checkpoint',
      (content: Uint8Array) => changeLine(content, 4),
      /^refused: the checkpoint: invalid signature for key city/,
    ],
    [
      'a cosignature',
      'checkpoint',
      (content: Uint8Array) => changeLine(content, 6),
      /^refused: the checkpoint: invalid signature for key witness3/,
    ],
    [
      'an earlier checkpoint',
      `checkpoints/${BATCH}`,
      (content: Uint8Array) => changeLine(content, 2),
      /^refused: checkpoint \d+: invalid signature/,
    ],
    ['a hash of a proof', 'proofs/255.tlog-proof', (content: Uint8Array) => changeLine(content, 4), /^refused: proof 255.tlog-proof: /],
    [
      'the index of a proof',
      'proofs/255.tlog-proof',
      (content: Uint8Array) => Buffer.from(content).toString().replace('index 255', 'index 254'),
      /^refused: proof 255/,
    ],
  ])('refuses %s changed by a letter or bit', async (_name, file, change, message) => {
    expect(await verifyWith(file, change)).toMatch(message);
  });

  it('refuses a checkpoint that one of the witnesses did not cosign', async () => {
    const content = await verifyWith('checkpoint', (note) =>
      Buffer.from(note)
        .toString()
        .replace(/— witness2[^\n]*\n/, ''),
    );
    expect(content).toMatch(/^refused: the checkpoint: witness2.example did not sign/);
  });

  it('refuses an earlier checkpoint of another past, though the log signed it', async () => {
    const forged = await signCheckpoint({ origin: log.signer.name, size: 100, root: new Uint8Array(32).fill(7) }, log.signer);
    expect(await verifyWith(`checkpoints/${BATCH}`, () => formatNote(forged))).toMatch(/^refused: checkpoint \d+: /);
  });
});
