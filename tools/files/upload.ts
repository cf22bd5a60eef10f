import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import {
  beginSealing,
  CHUNK_BYTES,
  chunkCount,
  continueSealing,
  HEADER_BYTES,
  SEALED_CHUNK_BYTES,
  sealedSize,
} from '#platform/cipher/stream.ts';
import { readPublicKey, sealFor } from '#platform/sealing/seal.ts';
import { Failure } from './failure.ts';
import { type Graph, PASSING, REFUSAL, REFUSALS, toFailure, toTransferFailure } from './graph.ts';
import { guessType } from './guess-type.ts';
import { readText, send } from './http.ts';
import { makePatience } from './patience.ts';
import type { Progress } from './terminal.ts';

/** A file as the graph tells it after an upload. */
export type KeptFile = {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly contentType: string;
  readonly copies: readonly { readonly store: string; readonly state: string }[] | null;
};

export type UploadSettings = {
  readonly graph: Graph;
  readonly progress: Progress;
  readonly patientId: string;
  readonly priority: string;
  readonly type: string | null;
  readonly appointmentId: string | null;
  readonly isPlain: boolean;
  /** How long a transfer is tried without getting further, in milliseconds. */
  readonly patienceMs: number;
};

const MAX_SEALED_BYTES = 1024 * 1024;
const MAX_INLINE_BYTES = 256 * 1024;
const READ_BYTES = 256 * 1024;
const SILENCE_MS = 120_000;
const MAX_TEXT = 64 * 1024;

const KEPT = '... on UploadFileSuccess { file { id name version sizeBytes sha256 contentType copies { store state } } }';
const UPLOAD_FILE = `mutation ($input: UploadFileInput!) { uploadFile(input: $input) { ${REFUSALS} ${KEPT} } }`;
const BEGUN = '... on RequestUploadSuccess { upload { id url offsetBytes sizeBytes } }';
const REQUEST = `mutation ($input: RequestUploadInput!) { requestUpload(input: $input) { ${REFUSALS} ${BEGUN} } }`;
const RESUME = `mutation ($uploadId: ID!) { resumeUpload(uploadId: $uploadId) { ${REFUSAL} ${BEGUN} } }`;
const FINISH = `mutation ($uploadId: ID!) { finishUpload(uploadId: $uploadId) { ${REFUSALS} ... on UploadIncomplete { offsetBytes sizeBytes } ${KEPT} } }`;

type Begun = { readonly id: string; readonly url: string; readonly offsetBytes: number; readonly sizeBytes: number };
type Answer<T> = { readonly __typename: string; readonly message?: string } & Partial<T>;

/** The bytes of a body from an offset on; the same bytes whenever it is asked. */
type Body = { readonly sizeBytes: number; readonly from: (offset: number) => AsyncIterable<Uint8Array> };

/** An open file that has to stay what it is until all of it was sent. */
type Source = {
  readonly name: string;
  readonly sizeBytes: number;
  readonly read: (start: number) => AsyncGenerator<Uint8Array, void, void>;
  readonly requireSame: () => Promise<void>;
};

const CHANGED = new Failure('FILE_CHANGED', 'The file was changed while it was read.', 'Run the command again when nobody writes it.');

const openSource = async (file: string, handle: FileHandle): Promise<Source> => {
  const first = await handle.stat({ bigint: true });
  if (!first.isFile()) throw new Failure('NO_FILE', 'It is no plain file.', 'Name files, not folders or devices.');
  const sizeBytes = Number(first.size);
  const requireSame = async (): Promise<void> => {
    const now = await handle.stat({ bigint: true });
    if (now.size !== first.size || now.mtimeNs !== first.mtimeNs) throw CHANGED;
  };
  const read = async function* (start: number): AsyncGenerator<Uint8Array, void, void> {
    for (let at = start; at < sizeBytes; ) {
      const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, sizeBytes - at));
      let filled = 0;
      while (filled < buffer.length) {
        const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, at + filled);
        if (bytesRead === 0) throw CHANGED;
        filled += bytesRead;
      }
      at += filled;
      yield buffer;
    }
  };
  return { name: path.basename(file).normalize('NFC'), sizeBytes, read, requireSame };
};

const plainBody = ({ sizeBytes, read }: Source): Body => ({ sizeBytes, from: read });

/** The sealed stream of a content, under one transfer key and one header however often it is begun anew. */
const sealedBody = ({ sizeBytes, read }: Source, transferKey: Uint8Array, uploadId: string): Body => {
  const context = { upload: uploadId };
  const { header } = beginSealing(transferKey, context);
  const last = chunkCount(sizeBytes) - 1;
  return {
    sizeBytes: sealedSize(sizeBytes),
    from: async function* (offset) {
      if (offset < HEADER_BYTES) yield header.subarray(offset);
      const behindHeader = Math.max(0, offset - HEADER_BYTES);
      let index = Math.floor(behindHeader / SEALED_CHUNK_BYTES);
      let skip = behindHeader % SEALED_CHUNK_BYTES;
      if (index > last) return;
      const sealer = continueSealing(transferKey, context, header);
      const empty = new Uint8Array(0);
      const chunks = sizeBytes === 0 ? [empty] : read(index * CHUNK_BYTES);
      for await (const chunk of chunks) {
        const sealed = sealer.seal(index, chunk, index === last);
        index++;
        yield sealed.subarray(skip);
        skip = 0;
      }
    },
  };
};

const hashOf = async (source: Source, progress: Progress): Promise<string> => {
  const hash = createHash('sha256');
  let done = 0;
  progress.begin(`reading ${source.name}`, source.sizeBytes);
  for await (const bytes of source.read(0)) {
    hash.update(bytes);
    done += bytes.length;
    progress.at(done);
  }
  await source.requireSame();
  return hash.digest('hex');
};

/** SHA-256 (hex) and length of a local file. */
export const hashFile = async (file: string, progress: Progress): Promise<{ readonly sizeBytes: number; readonly sha256: string }> => {
  const handle = await open(file, 'r');
  try {
    const source = await openSource(file, handle);
    return { sizeBytes: source.sizeBytes, sha256: await hashOf(source, progress) };
  } finally {
    progress.end();
    await handle.close();
  }
};

const requireKept = (answer: Answer<{ file: KeptFile }> | null): KeptFile => {
  if (!answer) throw new Failure('NO_ANSWER', 'The graph gave no answer.', 'Look with: npm run files -- list. Then run the command again.');
  if (!answer.file) throw toFailure(answer);
  return answer.file;
};

const sealForServer = async (graph: Graph, bytes: Uint8Array): Promise<string> => {
  const { serverKey } = await graph.ask<{ serverKey: { jwk: string } | null }>('{ serverKey { jwk } }', {}, { again: true });
  if (!serverKey) throw new Failure('NO_ANSWER', 'The server gives no key to seal for.', 'Try again, or send it in the open: --plain.');
  return sealFor(await readPublicKey(serverKey.jwk), bytes);
};

/** Answers that another try does not change. */
const FINAL: readonly number[] = [400, 413, 415, 422, 507];

/** Sends a body from an offset on. Tells whether all of it was taken; throws Failure where another try does not help. */
const put = async (url: string, body: Body, offset: number, onSent: (bytes: number) => void): Promise<boolean> => {
  const left = body.sizeBytes - offset;
  const counted = async function* (): AsyncGenerator<Uint8Array, void, void> {
    let sent = offset;
    for await (const bytes of body.from(offset)) {
      yield bytes;
      sent += bytes.length;
      onSent(sent);
    }
  };
  let fault: unknown = null;
  const guarded = async function* (): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* counted();
    } catch (error) {
      fault = error;
      throw error;
    }
  };
  try {
    const answer = await send(url, {
      method: 'PUT',
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(left),
        ...(offset === 0 ? {} : { 'content-range': `bytes ${offset}-${body.sizeBytes - 1}/${body.sizeBytes}` }),
      },
      body: guarded(),
      silenceMs: SILENCE_MS,
    });
    const text = await readText(answer.body, MAX_TEXT);
    if (FINAL.includes(answer.status)) throw toTransferFailure(answer.status, text);
    return answer.status < 300;
  } catch (error) {
    // What the file itself did wrong is no fault of the connection.
    if (fault !== null) throw fault;
    if (error instanceof Failure) throw error;
    return false;
  }
};

/** Where an address stands, by `HEAD`; null where it tells nothing any more. */
const offsetAt = async (url: string): Promise<number | null> => {
  try {
    const answer = await send(url, { method: 'HEAD', headers: {}, silenceMs: SILENCE_MS });
    answer.body.resume();
    const told = answer.headers['upload-offset'];
    return answer.status < 300 && typeof told === 'string' && /^\d{1,16}$/.test(told) ? Number(told) : null;
  } catch {
    return null;
  }
};

const sendLarge = async (settings: UploadSettings, source: Source, input: Readonly<Record<string, unknown>>): Promise<KeptFile> => {
  const { graph, progress, isPlain } = settings;
  const transferKey = randomBytes(32);
  const sealedKey = isPlain ? null : await sealForServer(graph, transferKey);
  const asked = await graph.ask<{ requestUpload: Answer<{ upload: Begun }> | null }>(REQUEST, {
    input: { ...input, sizeBytes: source.sizeBytes, ...(sealedKey === null ? {} : { sealedKey }) },
  });
  if (!asked.requestUpload) throw new Failure('NO_ANSWER', 'The graph gave no answer.', 'Run the command again.');
  if (!asked.requestUpload.upload) throw toFailure(asked.requestUpload);
  let upload = asked.requestUpload.upload;
  const body = isPlain ? plainBody(source) : sealedBody(source, transferKey, upload.id);
  if (upload.sizeBytes !== body.sizeBytes)
    throw new Failure('SIZE', 'The server expects a body of another length.', 'This command and the server are of different releases.');
  const resume = async (): Promise<Begun> => {
    const { resumeUpload } = await graph.ask<{ resumeUpload: Answer<{ upload: Begun }> | null }>(
      RESUME,
      { uploadId: upload.id },
      { again: true },
    );
    if (!resumeUpload?.upload) throw resumeUpload ? toFailure(resumeUpload) : new Failure('NO_ANSWER', 'The graph gave no answer.');
    return resumeUpload.upload;
  };
  progress.begin(`sending ${source.name}`, body.sizeBytes);
  try {
    let offset = upload.offsetBytes;
    let last: Failure | null = null;
    const patience = makePatience(settings.patienceMs);
    do {
      last = null;
      try {
        const isTaken = offset >= body.sizeBytes || (await put(graph.resolve(upload.url), body, offset, progress.at));
        await source.requireSame();
        if (isTaken) {
          const { finishUpload } = await graph.ask<{ finishUpload: Answer<{ file: KeptFile }> | null }>(
            FINISH,
            { uploadId: upload.id },
            { again: true },
          );
          if (finishUpload?.__typename !== 'UploadIncomplete') return requireKept(finishUpload);
        }
        const told = await offsetAt(graph.resolve(upload.url));
        if (told === null) upload = await resume();
        offset = told ?? upload.offsetBytes;
        progress.at(offset);
      } catch (error) {
        // A part of the network that is down for a moment: what was sent stays, and patience decides.
        if (!(error instanceof Failure) || !PASSING.includes(error.code)) throw error;
        last = error;
      }
    } while (await patience.wait(offset));
    throw last ?? new Failure('BROKEN', 'The transfer broke off, and does not get further.', 'Try again when the network is better.');
  } finally {
    progress.end();
  }
};

/** Uploads one file: small ones within the graph, larger ones to an address, sealed for the server unless told otherwise. */
export const uploadFile = async (settings: UploadSettings, file: string): Promise<KeptFile> => {
  const { graph, progress, patientId, priority, appointmentId, isPlain } = settings;
  const handle = await open(file, 'r');
  try {
    const source = await openSource(file, handle);
    const beginning = (await source.read(0).next()).value ?? new Uint8Array(0);
    const contentType = settings.type ?? (await guessType(source.name, beginning));
    if (contentType === null)
      throw new Failure('TYPE', 'Neither name nor content tells what it is.', 'Say it, for example: --type application/pdf');
    const input = { patientId, name: source.name, contentType, priority, ...(appointmentId === null ? {} : { appointmentId }) };
    if (source.sizeBytes > (isPlain ? MAX_INLINE_BYTES : MAX_SEALED_BYTES))
      return await sendLarge(settings, source, { ...input, sha256: await hashOf(source, progress) });
    const parts: Uint8Array[] = [];
    for await (const bytes of source.read(0)) parts.push(bytes);
    const content = Buffer.concat(parts);
    const carried = isPlain ? { content: content.toString('base64') } : { sealed: await sealForServer(graph, content) };
    const answer = await graph.ask<{ uploadFile: Answer<{ file: KeptFile }> | null }>(UPLOAD_FILE, { input: { ...input, ...carried } });
    const kept = requireKept(answer.uploadFile);
    if (kept.sha256 !== createHash('sha256').update(content).digest('hex'))
      throw new Failure('HASH', 'The server kept other bytes than were sent.', 'Tell whoever runs the network.');
    return kept;
  } finally {
    progress.end();
    await handle.close();
  }
};
