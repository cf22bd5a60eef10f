import { createCipheriv, createHash, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Agent, request } from 'undici';
import {
  beginSealing,
  CHUNK_BYTES,
  chunkCount,
  continueSealing,
  HEADER_BYTES,
  openStream,
  SEALED_CHUNK_BYTES,
  sealedSize,
} from '#platform/cipher/stream.ts';
import { makeUnsealer, readPublicKey, sealFor } from '#platform/sealing/seal.ts';
import { graphClient } from '../support/graph.ts';
import { DOWNLOAD, FINISH_UPLOAD, type KeptFile, REQUEST_UPLOAD, type UploadAddress } from '../support/large-files.ts';
import { freePort, type Started, startNetwork } from '../support/started.ts';

const MIB = 1_048_576;
const GIB = 1_073_741_824;
/** 5 GiB and a bit, so that the last chunk is a short one. `LARGE_GIB` makes it smaller for a try. */
const SIZE = Math.round(Number(process.env['LARGE_GIB'] ?? '5') * GIB) + 4_321;
/** Two copies at a time, and what databases and logs take: the first file is deleted before the second comes. */
const NEEDED_BYTES = 2 * SIZE + GIB;
/** Bytes by which the servers may grow while gigabytes pass, beyond what they have after a first 64 MiB each way. */
const MAX_GROWTH = 64 * MIB;
const TRANSFER_MS = 1_200_000;
const STEP_BYTES = 512 * MIB;

const say = (line: string): void => void process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${line}\n`);

const KEY = Buffer.alloc(16, 7);
const ZEROS = Buffer.alloc(CHUNK_BYTES);
const HEAD = Buffer.alloc(132);
HEAD.write('DICM', 128, 'latin1');

/** Bytes from `start` on of a content of `size` bytes that looks like a DICOM file: a key stream of AES-CTR, which never repeats and can be entered anywhere. */
async function* contentFrom(start: number, size = SIZE): AsyncGenerator<Buffer, void, void> {
  const counter = Buffer.alloc(16);
  counter.writeBigUInt64BE(BigInt(Math.floor(start / 16)), 8);
  const stream = createCipheriv('aes-128-ctr', KEY, counter);
  stream.update(ZEROS.subarray(0, start % 16));
  for (let at = start; at < size; ) {
    const bytes = stream.update(ZEROS.subarray(0, Math.min(CHUNK_BYTES, size - at)));
    if (at < HEAD.length) HEAD.subarray(at).copy(bytes);
    at += bytes.length;
    yield bytes;
  }
}
const hashOf = async (bytes: AsyncIterable<Uint8Array>): Promise<string> => {
  const hash = createHash('sha256');
  for await (const piece of bytes) hash.update(piece);
  return hash.digest('hex');
};

type Body = { readonly sizeBytes: number; readonly from: (offset: number) => AsyncIterable<Uint8Array> };
const plainBody = (size = SIZE): Body => ({ sizeBytes: size, from: (offset) => contentFrom(offset, size) });
const sealedBody = (key: Uint8Array, uploadId: string): Body => {
  const context = { upload: uploadId };
  const { header } = beginSealing(key, context);
  const last = chunkCount(SIZE) - 1;
  return {
    sizeBytes: sealedSize(SIZE),
    from: async function* (offset) {
      let index = offset === 0 ? 0 : (offset - HEADER_BYTES) / SEALED_CHUNK_BYTES;
      if (!Number.isInteger(index)) throw new Error('a sealed upload goes on at a chunk');
      if (offset === 0) yield header;
      const sealer = continueSealing(key, context, header);
      for await (const chunk of contentFrom(index * CHUNK_BYTES)) {
        yield sealer.seal(index, chunk, index === last);
        index++;
      }
    },
  };
};

/** Tells how far it is, and breaks the connection behind `breakAt` bytes. */
async function* watched(what: string, bytes: AsyncIterable<Uint8Array>, offset: number, of: number, breakAt = Number.POSITIVE_INFINITY) {
  let done = offset;
  let next = Math.ceil((done + 1) / STEP_BYTES) * STEP_BYTES;
  for await (const piece of bytes) {
    yield piece;
    done += piece.length;
    if (done >= next) {
      say(`${what} ${(done / GIB).toFixed(1)} of ${(of / GIB).toFixed(1)} GiB`);
      next += STEP_BYTES;
    }
    if (done - offset >= breakAt) throw new Error('broken off on purpose');
  }
}

const rssOf = (pid: number, name: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024;
const resetHighest = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, '5');

describe('5 GiB', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-large-'));
  const agent = new Agent({ headersTimeout: TRANSFER_MS, bodyTimeout: 120_000, pipelining: 0 });
  let started: Started;
  let graph: ReturnType<typeof graphClient>;
  let patientId = '';
  let hash = '';

  const tokenOf = (): Promise<string> => graph.login('MTLP0001');
  const ask = async <T>(query: string, variables: Readonly<Record<string, unknown>>): Promise<T> => {
    const { data, text, errors } = await graph.ask<T>(query, variables, { token: await tokenOf() });
    if (!data || errors.length > 0) throw new Error(`the graph answered ${text.slice(0, 300)}`);
    return data;
  };
  const addressFor = async (size: number, sha256: string, sealedKey: string | null): Promise<UploadAddress> => {
    const input = { patientId, name: `${randomUUID()}.dcm`, contentType: 'application/dicom', sizeBytes: size, sha256 };
    const { requestUpload } = await ask<{ requestUpload: { upload?: UploadAddress } }>(REQUEST_UPLOAD, {
      input: sealedKey === null ? input : { ...input, sealedKey },
    });
    if (!requestUpload.upload) throw new Error(`no address: ${JSON.stringify(requestUpload)}`);
    return requestUpload.upload;
  };
  const send = async (
    url: string,
    body: Body,
    offset: number,
    breakAt?: number,
  ): Promise<{ readonly status: number; readonly offset: number; readonly text: string }> => {
    const answer = await request(url, {
      method: 'PUT',
      dispatcher: agent,
      headers: {
        'content-length': String(body.sizeBytes - offset),
        ...(offset === 0 ? {} : { 'content-range': `bytes ${offset}-${body.sizeBytes - 1}/${body.sizeBytes}` }),
      },
      body: Readable.from(watched('sent', body.from(offset), offset, body.sizeBytes, breakAt), { objectMode: false }),
    });
    return { status: answer.statusCode, offset: Number(answer.headers['upload-offset']), text: await answer.body.text() };
  };
  /** Where an upload stands, once its receiver has noticed that the connection is gone. */
  const offsetOf = async (url: string): Promise<number> => {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const answer = await request(url, { method: 'HEAD', dispatcher: agent });
      await answer.body.dump();
      const offset = Number(answer.headers['upload-offset']);
      if (offset > 0 || Date.now() > deadline) return offset;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  };
  const sendWithBreak = async (address: UploadAddress, body: Body): Promise<KeptFile> => {
    const middle = Math.floor(body.sizeBytes / 2);
    await expect(send(address.url, body, 0, middle)).rejects.toThrow('broken off on purpose');
    let offset = await offsetOf(address.url);
    say(`broke off; goes on at ${(offset / GIB).toFixed(2)} GiB`);
    expect(offset).toBeGreaterThan(middle * 0.9);
    expect(offset).toBeLessThanOrEqual(middle + MIB);
    let sent = await send(address.url, body, offset);
    // 409 tells where to go on; whatever that is, it is asked for once more and no more.
    if (sent.status === 409) {
      say(`told to go on at ${sent.offset} instead of ${offset}: ${sent.text}`);
      offset = sent.offset;
      sent = await send(address.url, body, offset);
    }
    expect(sent).toMatchObject({ status: 201 });
    const { finishUpload } = await ask<{ finishUpload: { file?: KeptFile } }>(FINISH_UPLOAD, { id: address.id });
    if (!finishUpload.file) throw new Error(`not kept: ${JSON.stringify(finishUpload)}`);
    return finishUpload.file;
  };

  /** All bytes that an address gives: up to a break in the middle, then from there on. */
  async function* fetchWithBreak(url: string, size: number): AsyncGenerator<Uint8Array, void, void> {
    const middle = Math.floor(size / 2);
    let done = 0;
    const first = await request(url, { dispatcher: agent });
    expect(first.statusCode).toBe(200);
    for await (const piece of watched('fetched', first.body, 0, size)) {
      done += piece.length;
      yield piece;
      if (done >= middle) break;
    }
    first.body.destroy();
    say(`broke off; goes on at ${(done / GIB).toFixed(2)} GiB`);
    const deadline = Date.now() + 60_000;
    for (;;) {
      const rest = await request(url, { dispatcher: agent, headers: { range: `bytes=${done}-` } });
      // Until the server has noticed that the connection is gone, it does not know how far it came.
      if ((rest.statusCode === 409 || rest.statusCode === 416) && Date.now() < deadline) {
        await rest.body.dump();
        await new Promise((resolve) => setTimeout(resolve, 250));
        continue;
      }
      expect(rest.statusCode).toBe(206);
      for await (const piece of watched('fetched', rest.body, done, size)) {
        done += piece.length;
        yield piece;
      }
      break;
    }
    expect(done).toBe(size);
  }
  const downloadOf = async (id: string, key: string | null) =>
    (await ask<{ file: { download: { url: string; sizeBytes: number; sealedKey: string | null } } }>(DOWNLOAD, { id, key })).file.download;
  const deleteFile = async (id: string): Promise<void> => {
    await ask('mutation ($id: ID!) { deleteFile(id: $id) { __typename } }', { id });
    const deadline = Date.now() + 120_000;
    const { bavail, bsize } = statfsSync(folder);
    while (Date.now() < deadline) {
      const now = statfsSync(folder);
      if (now.bavail * now.bsize > bavail * bsize + SIZE) return;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    throw new Error('the deleted file was not destroyed in time');
  };
  const timed = async <T>(what: string, size: number, work: () => Promise<T>): Promise<T> => {
    const began = performance.now();
    const told = await work();
    const seconds = (performance.now() - began) / 1_000;
    say(`${what}: ${seconds.toFixed(1)} s, ${(size / 1e6 / seconds).toFixed(0)} MB/s`);
    return told;
  };
  /** Growth of the servers' memory over some work, checked where the kernel tells the highest. */
  const bounded = async (work: () => Promise<void>): Promise<void> => {
    const pid = started.process.pid ?? 0;
    if (process.platform !== 'linux') {
      say('memory is not looked at: only Linux tells the highest of a process');
      return work();
    }
    resetHighest(pid);
    const before = rssOf(pid, 'VmRSS');
    await work();
    const grown = rssOf(pid, 'VmHWM') - before;
    say(`the servers grew by ${(grown / MIB).toFixed(1)} MiB`);
    expect(grown).toBeLessThanOrEqual(MAX_GROWTH);
  };

  beforeAll(async () => {
    const { bavail, bsize } = statfsSync(folder);
    if (bavail * bsize < NEEDED_BYTES)
      throw new Error(
        `this test needs ${(NEEDED_BYTES / GIB).toFixed(0)} GiB of free space in the folder for temporary files (TMPDIR); there are ${((bavail * bsize) / GIB).toFixed(0)}`,
      );
    started = await startNetwork({ dataDir: path.join(folder, 'data'), port: await freePort(), withinMs: 180_000 });
    graph = graphClient(started.url);
    patientId = (await ask<{ me: { patient: { id: string } } }>('{ me { patient { id } } }', {})).me.patient.id;
    hash = await timed('made and hashed', SIZE, () => hashOf(contentFrom(0)));
    const size = 64 * MIB;
    const body = plainBody(size);
    const address = await addressFor(size, await hashOf(contentFrom(0, size)), null);
    const kept = await sendWithBreak(address, body);
    const { url } = await downloadOf(kept.id, null);
    expect(await hashOf(fetchWithBreak(url, size))).toBe(kept.sha256);
  }, 600_000);

  afterAll(async () => {
    await agent.destroy();
    await started?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  it(
    'comes back byte for byte by plain addresses, with a connection that breaks each way',
    () =>
      bounded(async () => {
        const body = plainBody();
        const address = await addressFor(SIZE, hash, null);
        const kept = await timed('upload', SIZE, () => sendWithBreak(address, body));
        expect(kept).toMatchObject({ sizeBytes: SIZE, sha256: hash });
        const { url, sizeBytes } = await downloadOf(kept.id, null);
        expect(sizeBytes).toBe(SIZE);
        expect(await timed('download', SIZE, () => hashOf(fetchWithBreak(url, SIZE)))).toBe(hash);
        await deleteFile(kept.id);
      }),
    2 * TRANSFER_MS,
  );

  it(
    'comes back byte for byte sealed from end to end, with a connection that breaks each way',
    () =>
      bounded(async () => {
        const transferKey = randomBytes(32);
        const { serverKey } = await ask<{ serverKey: { jwk: string } }>('{ serverKey { jwk } }', {});
        const address = await addressFor(SIZE, hash, await sealFor(await readPublicKey(serverKey.jwk), transferKey));
        const body = sealedBody(transferKey, address.id);
        expect(address.sizeBytes).toBe(body.sizeBytes);
        const kept = await timed('sealed upload', SIZE, () => sendWithBreak(address, body));
        expect(kept).toMatchObject({ sizeBytes: SIZE, sha256: hash });

        const { privateKey, publicKey } = generateKeyPairSync('x25519');
        const own = {
          kid: 'large',
          privateJwk: privateKey.export({ format: 'jwk' }) as Record<string, string>,
          publicJwk: publicKey.export({ format: 'jwk' }) as Record<string, string>,
        };
        const offered = await downloadOf(kept.id, JSON.stringify(own.publicJwk));
        const key = await makeUnsealer([own])(offered.sealedKey ?? '', 32);
        if (key === null) throw new Error('the key of the download does not open');
        const id = /\/download\/([^.]+)\./.exec(offered.url)?.[1] ?? '';
        const opened = openStream(key, { download: id }, fetchWithBreak(offered.url, offered.sizeBytes));
        expect(await timed('sealed download', SIZE, () => hashOf(opened))).toBe(hash);
        await deleteFile(kept.id);
      }),
    2 * TRANSFER_MS,
  );
});
