import { execFile, spawn } from 'node:child_process';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { endChild, interrupted, makeFolder } from '../ending.ts';
import { type Figure, makeFigure, median } from '../figure.ts';
import type { Measured } from './cipher-worker.ts';

const execute = promisify(execFile);
const run = (command: string, args: readonly string[], { timeout = 0 }: { readonly timeout?: number } = {}) =>
  execute(command, [...args], { timeout, signal: interrupted });
const ROUNDS = 5;
const DEADLINE_MS = 120_000;
const MIB = 1_048_576;
const SIZES = [
  { name: '64 KiB', bytes: 65_536, isGoal: false },
  { name: '1 MiB', bytes: MIB, isGoal: false },
  { name: '64 MiB', bytes: 64 * MIB, isGoal: true },
  { name: '1 GiB', bytes: 1_073_741_824, isGoal: true },
] as const;
const AGE_SIZES = SIZES.filter(({ isGoal }) => isGoal);
const GIB = 1_073_741_824;
/** Share of `openssl speed` that has to be reached, and bytes the process may grow by. */
const GOAL = 0.4;
const MAX_GROWTH_MIB = 32;

type Command = readonly [string, readonly string[]];

/** The command on one core, the last one, where the system has `taskset`. */
const makePinned = async (): Promise<(command: string, args: readonly string[]) => Command> => {
  const core = String(os.cpus().length - 1);
  const isThere = await run('taskset', ['-c', core, 'true']).then(
    () => true,
    () => false,
  );
  if (!isThere) console.error('taskset is not here: reference and measurement may run on different cores');
  return (command, args) => (isThere ? ['taskset', ['-c', core, command, ...args]] : [command, args]);
};

/** Bytes per second of processor time of AES-256-GCM on blocks of 256 KiB, in OpenSSL's own benchmark. */
const measureOpenssl = async ([command, args]: Command): Promise<number> => {
  const { stdout } = await run(command, args, { timeout: DEADLINE_MS });
  const thousands = /^AES-256-GCM\s+([\d.]+)k/im.exec(stdout)?.[1];
  if (thousands === undefined) throw new Error('openssl speed answers otherwise than expected');
  return Number(thousands) * 1_000;
};

const startWorker = ([command, args]: Command) => {
  interrupted.throwIfAborted();
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  endChild(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    measure: async (what: string, bytes: number): Promise<Measured> => {
      const deadline = setTimeout(() => child.kill(), DEADLINE_MS);
      child.stdin.write(`${what} ${bytes}\n`);
      const line = await lines.next();
      clearTimeout(deadline);
      if (line.done === true) throw new Error(`measuring ${what} of ${bytes} bytes failed`);
      return JSON.parse(line.value) as Measured;
    },
    stop: async () => {
      child.stdin.end();
      if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve));
    },
  };
};

/** Seconds that `age` takes to encrypt and to decrypt a file, its start included; null with a printed reason where it is not installed. */
const measureAge = async (pinned: (command: string, args: readonly string[]) => Command, folder: string, bytes: number) => {
  const [plain, sealed, identity] = ['plain', 'sealed', 'identity'].map((name) => path.join(folder, name)) as [string, string, string];
  const timed = async (args: readonly string[]): Promise<number> => {
    const [command, all] = pinned('age', args);
    const started = performance.now();
    await run(command, all, { timeout: DEADLINE_MS });
    return bytes / ((performance.now() - started) / 1_000);
  };
  try {
    const { stdout } = await run('age-keygen', []);
    writeFileSync(identity, stdout, { mode: 0o600 });
    const recipient = /age1[a-z0-9]+/.exec(stdout)?.[0] ?? '';
    writeFileSync(plain, '');
    truncateSync(plain, bytes);
    await timed(['-r', recipient, '-o', sealed, plain]);
    const encrypt = await timed(['-r', recipient, '-o', '/dev/null', plain]);
    return { encrypt, decrypt: await timed(['-d', '-i', identity, '-o', '/dev/null', sealed]) };
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code !== 'ENOENT') throw fault;
    console.error('age is not installed (Debian: age): figures against it are left out');
    return null;
  } finally {
    for (const file of [plain, sealed, identity]) rmSync(file, { force: true });
  }
};

/** Bytes that a process which has done little before grows by over 1 GiB. */
const measureGrowth = async (what: 'encrypt' | 'decrypt', start: () => ReturnType<typeof startWorker>): Promise<number> => {
  const worker = start();
  try {
    await worker.measure(what, 65_536);
    return (await worker.measure(what, GIB)).grownBytes;
  } finally {
    await worker.stop();
  }
};

/**
 * The cipher of files on one core: whole streams that come in pieces of 64 KiB, against `openssl speed` on blocks of 256 KiB in turns on the
 * same core (both by processor time, so that what else runs on the machine counts less), and against `age` by the clock; sealed payloads
 * of 1 MiB; and how far a process grows over 1 GiB.
 */
export const measureCipher = async (say: (line: string) => void): Promise<readonly Figure[]> => {
  const pinned = await makePinned();
  const { folder, remove } = makeFolder();
  const start = () => startWorker(pinned(process.execPath, [path.join(import.meta.dirname, 'cipher-worker.ts')]));
  const worker = start();
  const speeds = new Map<string, number[]>();
  const cpuSpeeds = new Map<string, number[]>();
  const ratios = new Map<string, number[]>();
  const references: number[] = [];
  const note = (into: Map<string, number[]>, name: string, value: number) => into.set(name, [...(into.get(name) ?? []), value]);
  const openssl = () => measureOpenssl(pinned('openssl', ['speed', '-seconds', '1', '-bytes', '262144', '-evp', 'aes-256-gcm']));
  try {
    for (const { bytes } of SIZES.slice(0, 3)) for (const what of ['encrypt', 'decrypt']) await worker.measure(what, bytes);
    for (let round = 0; round < ROUNDS; round++) {
      say(`files: cipher, round ${round + 1} of ${ROUNDS}`);
      for (const { name, bytes } of SIZES) {
        const reference = await openssl();
        references.push(reference);
        for (const what of ['encrypt', 'decrypt']) {
          const { seconds, cpuSeconds, bytes: done } = await worker.measure(what, bytes);
          note(speeds, `${what} ${name}`, done / seconds);
          note(cpuSpeeds, `${what} ${name}`, done / cpuSeconds);
          note(ratios, `${what} ${name}`, done / cpuSeconds / reference);
        }
      }
      for (const what of ['seal', 'unseal']) {
        const { seconds, bytes: done } = await worker.measure(what, MIB);
        note(speeds, what, done / seconds);
      }
      for (const { name, bytes } of round < 3 ? AGE_SIZES : []) {
        const age = await measureAge(pinned, folder, bytes);
        if (age === null) continue;
        note(speeds, `age encrypt ${name}`, age.encrypt);
        note(speeds, `age decrypt ${name}`, age.decrypt);
      }
    }
  } finally {
    await worker.stop();
    await remove();
  }
  const growth = [
    { what: 'encrypt', bytes: await measureGrowth('encrypt', start) },
    { what: 'decrypt', bytes: await measureGrowth('decrypt', start) },
  ];
  const of = (from: Map<string, number[]>, name: string): number => median(from.get(name) ?? []);
  const acts = ['encrypt', 'decrypt'].flatMap((what) => SIZES.map((size) => ({ ...size, name: `${what} ${size.name}` })));
  return [
    ...acts.map(({ name, isGoal }) => {
      // The reference that goes with the median of the ratios, as each round has its own.
      const value = of(cpuSpeeds, name) / 1e6;
      return makeFigure(
        `files: ${name}, openssl speed beside it`,
        value,
        'MB per CPU second',
        value / of(ratios, name),
        isGoal ? GOAL : undefined,
      );
    }),
    makeFigure('files: openssl speed -evp aes-256-gcm -bytes 262144', median(references) / 1e6, 'MB per CPU second'),
    ...acts
      .filter(({ name }) => speeds.has(`age ${name}`))
      .map(({ name }) => makeFigure(`files: ${name}, age beside it`, of(speeds, name) / 1e6, 'MB/s', of(speeds, `age ${name}`) / 1e6)),
    ...['seal', 'unseal'].map((what) => makeFigure(`files: ${what} 1 MiB (JWE, X25519)`, of(speeds, what) / 1e6, 'MB/s')),
    ...growth.map(({ what, bytes }) =>
      makeFigure(`files: ${what} 1 GiB, growth allowed over growth seen`, MAX_GROWTH_MIB, 'MiB', Math.max(1, bytes / MIB), 1),
    ),
  ];
};
