/**
 * Encrypts and decrypts on one core, as its parent asks: a line `encrypt|decrypt|seal|unseal BYTES` on standard input, answered by a line of
 * JSON: seconds it took, by the clock and by the processor (all threads, the system's part too), bytes it took them for, and how far the
 * process grew (bytes).
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { beginSealing, CHUNK_BYTES, chunkCount, openStream, SEALED_CHUNK_BYTES, sealStream } from '#platform/cipher/stream.ts';
import { makeUnsealer, readPublicKey, sealFor, serverKeyOf } from '#platform/sealing/seal.ts';

export type Measured = {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly bytes: number;
  readonly grownBytes: number;
};

/** What files and sockets give at once. */
const PIECE_BYTES = 65_536;
/** Contents up to here are held whole. */
const HELD_BYTES = 67_108_864;
const MIN_SECONDS = 0.3;
const DATA_KEY = randomBytes(32);
const CONTEXT = { city: 'MTL', patient: 'MTL-pat-1', file: 'MTL-fil-1', version: 'MTL-ver-1', key: 'MTL-blb-1' };
const PIECE = randomBytes(PIECE_BYTES);
/** What is encrypted or decrypted, chunk by chunk. */
const INTO = Buffer.alloc(SEALED_CHUNK_BYTES);
type Instant = { readonly clock: number; readonly cpu: number };
const now = (): Instant => {
  const { user, system } = process.cpuUsage();
  return { clock: performance.now() / 1_000, cpu: (user + system) / 1e6 };
};
const since = ({ clock, cpu }: Instant): { readonly seconds: number; readonly cpuSeconds: number } => {
  const end = now();
  return { seconds: end.clock - clock, cpuSeconds: end.cpu - cpu };
};

async function* plainOf(bytes: number): AsyncGenerator<Uint8Array, void, void> {
  for (let left = bytes; left > 0; left -= PIECE_BYTES) yield left >= PIECE_BYTES ? PIECE : PIECE.subarray(0, left);
}
async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

/** Reads a stream to its end and lets every piece go; tells the highest size of the process on the way. */
const drain = async (stream: AsyncIterable<Uint8Array>, expected: number | null): Promise<number> => {
  let [seen, pieces, highest] = [0, 0, 0];
  for await (const piece of stream) {
    seen += piece.length;
    if (pieces++ % 64 === 0) highest = Math.max(highest, process.memoryUsage.rss());
  }
  if (expected !== null && seen !== expected) throw new Error('the stream has another length');
  return highest;
};

const measureEncrypt = async (bytes: number): Promise<Measured> => {
  const before = process.memoryUsage.rss();
  const started = now();
  let [done, highest] = [0, 0];
  do {
    highest = Math.max(highest, await drain(sealStream(DATA_KEY, CONTEXT, plainOf(bytes), INTO), null));
    done += bytes;
  } while (since(started).seconds < MIN_SECONDS);
  return { ...since(started), bytes: done, grownBytes: highest - before };
};

const measureDecryptHeld = async (bytes: number): Promise<Measured> => {
  const parts: Uint8Array[] = [];
  for await (const part of sealStream(DATA_KEY, CONTEXT, plainOf(bytes))) parts.push(part);
  const sealed = Buffer.concat(parts.splice(0));
  const before = process.memoryUsage.rss();
  const started = now();
  let [done, highest] = [0, 0];
  do {
    highest = Math.max(highest, await drain(openStream(DATA_KEY, CONTEXT, piecesOf(sealed), INTO), bytes));
    done += bytes;
  } while (since(started).seconds < MIN_SECONDS);
  return { ...since(started), bytes: done, grownBytes: highest - before };
};

/** Seals each chunk just before it is asked for, and takes the time of that off, as the whole file is not held. */
const measureDecryptStreamed = async (bytes: number): Promise<Measured> => {
  const sealing = { seconds: 0, cpuSeconds: 0 };
  const plain = Buffer.concat(Array.from({ length: CHUNK_BYTES / PIECE_BYTES }, () => PIECE));
  const into = Buffer.alloc(SEALED_CHUNK_BYTES);
  async function* sealed(): AsyncGenerator<Uint8Array, void, void> {
    const sealer = beginSealing(DATA_KEY, CONTEXT);
    yield sealer.header;
    const chunks = chunkCount(bytes);
    for (let i = 0; i < chunks; i++) {
      const started = now();
      const chunk = sealer.seal(i, plain, i === chunks - 1, into);
      const taken = since(started);
      sealing.seconds += taken.seconds;
      sealing.cpuSeconds += taken.cpuSeconds;
      yield* piecesOf(chunk);
    }
  }
  const before = process.memoryUsage.rss();
  const started = now();
  const highest = await drain(openStream(DATA_KEY, CONTEXT, sealed(), INTO), bytes);
  const taken = since(started);
  return {
    seconds: taken.seconds - sealing.seconds,
    cpuSeconds: taken.cpuSeconds - sealing.cpuSeconds,
    bytes,
    grownBytes: highest - before,
  };
};

const { privateKey, publicKey } = generateKeyPairSync('x25519');
const own = {
  kid: 'bench',
  privateJwk: privateKey.export({ format: 'jwk' }) as Record<string, string>,
  publicJwk: publicKey.export({ format: 'jwk' }) as Record<string, string>,
};
const recipient = await readPublicKey(JSON.stringify(serverKeyOf([own])));
const unseal = makeUnsealer([own]);
const measureSealing = async (bytes: number, isSeal: boolean): Promise<Measured> => {
  const plain = randomBytes(bytes);
  const jwe = await sealFor(recipient, plain);
  const before = process.memoryUsage.rss();
  const started = now();
  let done = 0;
  do {
    const answer = isSeal ? await sealFor(recipient, plain) : await unseal(jwe, bytes);
    if (answer === null) throw new Error('a sealed payload does not open');
    done += bytes;
  } while (since(started).seconds < MIN_SECONDS);
  return { ...since(started), bytes: done, grownBytes: process.memoryUsage.rss() - before };
};

const measure = (what: string, bytes: number): Promise<Measured> => {
  switch (what) {
    case 'encrypt':
      return measureEncrypt(bytes);
    case 'decrypt':
      return bytes <= HELD_BYTES ? measureDecryptHeld(bytes) : measureDecryptStreamed(bytes);
    case 'seal':
    case 'unseal':
      return measureSealing(bytes, what === 'seal');
    default:
      throw new Error(`cannot measure ${what}`);
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  const [what = '', bytes = ''] = line.split(' ');
  await setImmediate();
  console.log(JSON.stringify(await measure(what, Number(bytes))));
}
