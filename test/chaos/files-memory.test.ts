import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { sealStream } from '#platform/cipher/stream.ts';
import { type GraphClient, graphClient } from '#test/support/graph.ts';
import { FINISH_UPLOAD, largeFiles, REQUEST_UPLOAD, type UploadAddress } from '#test/support/large-files.ts';

const MIB = 1024 ** 2;
const SIZE = 1024 * MIB;
const BOUND = 32 * MIB;
const PIECE = Buffer.from(randomBytes(MIB / 2).toString('hex'));

const clusters = async (file: 'global-setup' | 'global-teardown'): Promise<void> => {
  const { default: run } = (await import(`../support/${file}.mjs`)) as { readonly default: () => Promise<void> };
  await run();
};
let server: ChildProcess;
let graph: GraphClient;
let world: { readonly url: string; readonly token: string; readonly patientId: string };
/** The next thing that the server says. */
const heard = async <T>(ask?: 'mark' | 'peak'): Promise<T> => {
  const answer = once(server, 'message', { signal: AbortSignal.timeout(60_000) });
  if (ask) server.send(ask);
  return ((await answer) as [T])[0];
};
beforeAll(async () => {
  await clusters('global-setup');
  const script = fileURLToPath(new URL('../support/app-process.ts', import.meta.url));
  server = spawn(process.execPath, ['--expose-gc', script], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  world = await heard();
  graph = graphClient(world.url);
}, 120_000);
afterAll(async () => {
  if (server?.exitCode === null) {
    const ended = once(server, 'exit', { signal: AbortSignal.timeout(30_000) });
    server.send('stop');
    await ended.catch(() => server.kill('SIGKILL'));
  }
  await clusters('global-teardown');
}, 60_000);

/** Text of so many bytes, a whole number of MiB, that nobody holds. */
async function* text(sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let left = sizeBytes; left > 0; left -= PIECE.length) yield PIECE;
}
const hashOf = (sizeBytes: number): string => {
  const digest = createHash('sha256');
  for (let left = sizeBytes; left > 0; left -= PIECE.length) digest.update(PIECE);
  return digest.digest('hex');
};
const { put } = largeFiles(graphClient('http://127.0.0.1'));

const upload = async (sizeBytes: number, sealed: boolean): Promise<string> => {
  const { token, patientId } = world;
  const key = randomBytes(32);
  const input = { patientId, name: `${sealed}-${sizeBytes}.txt`, contentType: 'text/plain', sizeBytes, sha256: hashOf(sizeBytes) };
  let sealedKey: string | undefined;
  if (sealed) {
    const { CompactEncrypt, importJWK } = await import('jose');
    const answer = await graph.ask<{ serverKey: { kid: string; jwk: string } }>('{ serverKey { kid jwk } }', {}, { token });
    const { kid = '', jwk = '{}' } = answer.data?.serverKey ?? {};
    const recipient = await importJWK(JSON.parse(jwk), 'ECDH-ES');
    sealedKey = await new CompactEncrypt(key).setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', kid }).encrypt(recipient);
  }
  const asked = await graph.ask<{ requestUpload: { upload: UploadAddress } }>(
    REQUEST_UPLOAD,
    { input: { ...input, ...(sealedKey === undefined ? {} : { sealedKey }) } },
    { token },
  );
  const address = asked.data?.requestUpload.upload;
  if (!address) throw new Error(asked.text);
  const body = sealed ? sealStream(key, { upload: address.id }, text(sizeBytes)) : text(sizeBytes);
  const sent = await put(address.url, body);
  if (sent.status !== 201) throw new Error(`${sent.status} ${await sent.text()}`);
  await sent.arrayBuffer();
  const kept = await graph.ask<{ finishUpload: { file: { id: string } } }>(FINISH_UPLOAD, { id: address.id }, { token });
  return kept.data?.finishUpload.file.id ?? '';
};
const download = async (id: string): Promise<{ readonly sizeBytes: number; readonly sha256: string }> => {
  const { url } = await largeFiles(graph).download(world.token, id);
  const digest = createHash('sha256');
  let sizeBytes = 0;
  for await (const piece of (await fetch(url)).body ?? []) {
    digest.update(piece as Uint8Array);
    sizeBytes += (piece as Uint8Array).length;
  }
  return { sizeBytes, sha256: digest.digest('hex') };
};

it.each([false, true])(
  'carries 1 GiB in and out within 32 MiB of memory (sealed: %s)',
  async (sealed) => {
    await download(await upload(64 * MIB, sealed));
    await heard('mark');
    const id = await upload(SIZE, sealed);
    const { peak: up } = await heard<{ peak: number }>('peak');
    await heard('mark');
    expect(await download(id)).toEqual({ sizeBytes: SIZE, sha256: hashOf(SIZE) });
    const { peak: down } = await heard<{ peak: number }>('peak');
    process.stderr.write(
      `files-memory: sealed ${sealed}, growth for 1 GiB in ${(up / MIB).toFixed(1)} MiB, out ${(down / MIB).toFixed(1)} MiB\n`,
    );
    expect([up <= BOUND, down <= BOUND]).toEqual([true, true]);
  },
  240_000,
);
