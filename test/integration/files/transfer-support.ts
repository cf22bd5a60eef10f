import { randomBytes, randomUUID } from 'node:crypto';
import type { Files } from '#files/server.ts';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { openStream, sealStream } from '#platform/cipher/stream.ts';
import type { TransferRequest } from '#platform/http/transfer.ts';
import { readPublicKey, sealFor } from '#platform/sealing/seal.ts';
import { type Harness, sha256Of } from './harness.ts';

export const CHUNK = 262_144;

const REQUEST = `mutation ($input: RequestUploadInput!) { requestUpload(input: $input) { __typename
  ... on Refusal { message } ... on ContentRefused { reason } ... on QuotaExceeded { usedBytes limitBytes }
  ... on RequestUploadSuccess { upload { id url expiresAt offsetBytes sizeBytes } } } }`;
const RESUME = `mutation ($id: ID!) { resumeUpload(uploadId: $id) { __typename
  ... on Refusal { message } ... on RequestUploadSuccess { upload { id url expiresAt offsetBytes sizeBytes } } } }`;
const FINISH = `mutation ($id: ID!) { finishUpload(uploadId: $id) { __typename
  ... on Refusal { message } ... on UploadIncomplete { offsetBytes sizeBytes } ... on ContentRefused { reason }
  ... on UploadFileSuccess { file { id name sizeBytes sha256 version copies { store state } } } } }`;
const DOWNLOAD =
  'query ($id: ID!, $key: String) { file(id: $id) { downloadUrl download(publicKey: $key) { url expiresAt sizeBytes sealedKey } } }';

/** What came of a transfer: its answer with the whole body, or how the body broke off. */
export type Sent = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly json: { readonly uploadId?: string; readonly errors?: readonly { readonly extensions: Record<string, string> }[] } | null;
  readonly broken: unknown;
};

export type BodyOf = Uint8Array | AsyncIterable<Uint8Array>;
/** Bytes in pieces of a size, and perhaps the end of the connection in the place of the rest. */
export async function* pieces(bytes: Uint8Array, size = 64 * 1024, breakAt = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    if (at + size > breakAt) {
      if (at < breakAt) yield Buffer.from(bytes.subarray(at, breakAt));
      throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
    }
    yield Buffer.from(bytes.subarray(at, at + size));
  }
}
const isBytes = (body: BodyOf): body is Uint8Array => body instanceof Uint8Array;

/** Large files as a client of the subgraph sends and fetches them. */
export const transfersOf = (house: Harness) => {
  const nobody = (): Caller => house.callerOf(null);
  /** Sends to an address; one that is given as `url` loses its origin, as a gateway would do it. */
  const send = async (
    method: TransferRequest['method'],
    url: string,
    {
      body = new Uint8Array(0),
      headers = {},
      caller = nobody(),
      sessionEnded = false,
      of = house.subgraph,
      stopAfter,
    }: {
      readonly body?: BodyOf;
      readonly headers?: TransferRequest['headers'];
      readonly caller?: Caller;
      readonly sessionEnded?: boolean;
      readonly of?: Files;
      /** Bytes after which the client takes no more. */
      readonly stopAfter?: number;
    } = {},
  ): Promise<Sent> => {
    const { transfer } = of;
    if (!transfer) throw new Error('no transfers');
    const signal = new AbortController();
    const answer = await transfer({
      method,
      path: url.slice(url.indexOf('/files/') + '/files/'.length),
      headers: { ...(isBytes(body) && method === 'PUT' ? { 'content-length': String(body.length) } : {}), ...headers },
      body: isBytes(body) ? pieces(body) : body,
      caller,
      sessionEnded,
      signal: signal.signal,
    });
    const parts: Uint8Array[] = [];
    let broken: unknown = null;
    if (typeof answer.body === 'string') parts.push(Buffer.from(answer.body));
    else if (answer.body) {
      let taken = 0;
      try {
        for await (const piece of answer.body) {
          parts.push(piece);
          taken += piece.length;
          if (stopAfter !== undefined && taken >= stopAfter) {
            signal.abort();
            break;
          }
        }
      } catch (error) {
        broken = error;
      }
    }
    const whole = Buffer.concat(parts);
    const isJson = answer.headers['content-type']?.startsWith('application/json') === true && typeof answer.body === 'string';
    return { status: answer.status, headers: answer.headers, body: whole, json: isJson ? JSON.parse(whole.toString()) : null, broken };
  };
  const put = (url: string, body: BodyOf, options: Omit<Parameters<typeof send>[2] & object, 'body'> = {}) =>
    send('PUT', url, { ...options, body });
  const get = (url: string, options: Parameters<typeof send>[2] = {}) => send('GET', url, options);
  const head = (url: string, options: Parameters<typeof send>[2] = {}) => send('HEAD', url, options);

  const request = async (
    who: Viewer,
    patientId: string,
    bytes: Uint8Array,
    input: Readonly<Record<string, unknown>> = {},
    of = house.subgraph,
  ) => {
    const { data, errors } = await house.ask(
      who,
      REQUEST,
      {
        input: {
          patientId,
          name: `${randomUUID()}.txt`,
          contentType: 'text/plain',
          sizeBytes: bytes.length,
          sha256: sha256Of(bytes),
          ...input,
        },
      },
      { of },
    );
    if (!data?.requestUpload) throw new Error(JSON.stringify(errors));
    return data.requestUpload;
  };
  /** An address for bytes; throws where there is none. */
  const addressFor = async (
    who: Viewer & { readonly patientId: string },
    bytes: Uint8Array,
    input: Readonly<Record<string, unknown>> = {},
  ): Promise<{ readonly id: string; readonly url: string; readonly sizeBytes: number }> => {
    const asked = await request(who, who.patientId, bytes, input);
    if (!asked.upload) throw new Error(JSON.stringify(asked));
    return asked.upload;
  };
  const resume = async (who: Viewer, id: string, of = house.subgraph) => (await house.ask(who, RESUME, { id }, { of })).data?.resumeUpload;
  const finish = async (who: Viewer, id: string, of = house.subgraph) => (await house.ask(who, FINISH, { id }, { of })).data?.finishUpload;
  const download = async (who: Viewer, id: string, key: string | null = null) => {
    const { data, errors } = await house.ask(who, DOWNLOAD, { id, key });
    if (!data?.file) throw new Error(JSON.stringify(errors));
    return data.file.download as { url: string; expiresAt: string; sizeBytes: number; sealedKey: string | null };
  };
  /** Sends and keeps; gives the file. */
  const upload = async (who: Viewer & { readonly patientId: string }, bytes: Uint8Array, input: Readonly<Record<string, unknown>> = {}) => {
    const { id, url } = await addressFor(who, bytes, input);
    const sent = await put(url, bytes);
    if (sent.status !== 201) throw new Error(`the upload was answered with ${sent.status} ${sent.body}`);
    const kept = await finish(who, id);
    if (!kept?.file) throw new Error(JSON.stringify(kept));
    return kept.file as { id: string; name: string; sizeBytes: number; sha256: string; version: number; copies: unknown[] };
  };
  return { send, put, get, head, request, addressFor, resume, finish, download, upload };
};

/** A transfer key sealed for the server, and the stream that it seals. */
export const sealFlow = async (house: Harness, bytes: Uint8Array) => {
  const key = randomBytes(32);
  const [first] = house.network.secrets.sealingKeys;
  const recipient = await readPublicKey(JSON.stringify({ ...first?.publicJwk, kid: first?.kid }));
  return {
    key,
    sealedKey: await sealFor(recipient, key),
    stream: async (uploadId: string): Promise<Buffer> => Buffer.concat(await collect(sealStream(key, { upload: uploadId }, pieces(bytes)))),
  };
};
export const openFlow = async (key: Uint8Array, downloadId: string, sealed: Uint8Array): Promise<Buffer> =>
  Buffer.concat(await collect(openStream(key, { download: downloadId }, pieces(sealed))));
const collect = async (source: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> => {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(Buffer.from(part));
  return parts;
};
/** The id in an address. */
export const idIn = (url: string): string => /\/([A-Z]{3}-[a-z]{3}-[0-9a-z]{26})\./.exec(url)?.[1] ?? '';
