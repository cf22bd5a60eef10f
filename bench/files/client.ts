// A client in a process of its own, and the plain copies that it is compared with. Each message is a job, and is answered with its seconds.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { makeUnsealer, readPublicKey, sealFor } from '#platform/sealing/seal.ts';
import { load } from '../figure.ts';

/** A caller of the graph: a token, and the patient that it is of. */
export type Person = { readonly token: string; readonly patientId: string };
export type Job =
  /** Asks for an address, sends a content of `bytes` to it, and waits until `finishUpload` has answered; the value is the file's id. */
  | { readonly kind: 'upload'; readonly url: string; readonly bytes: number; readonly people: readonly Person[] }
  /** Asks for an address and takes all bytes of a file from it. */
  | { readonly kind: 'download'; readonly url: string; readonly bytes: number; readonly fileId: string; readonly person: Person }
  /** Writes the same bytes into two files of a folder, both at once, until both are flushed. */
  | { readonly kind: 'write'; readonly folder: string; readonly bytes: number }
  /** Reads one of the two. */
  | { readonly kind: 'read'; readonly folder: string }
  | { readonly kind: 'clear'; readonly folder: string }
  /** Uploads (or reads) contents of `bytes` within the graph for `ms`; gives how many a second. */
  | {
      readonly kind: 'inline-upload' | 'inline-download' | 'sealed-upload' | 'sealed-download';
      readonly url: string;
      readonly bytes: number;
      readonly ms: number;
      readonly person: Person;
      readonly fileIds: readonly string[];
    };
export type Told = { readonly seconds: number; readonly perSecond: number; readonly fileIds: readonly string[] };

/** Bytes that are given to a socket or a file at once. */
const PIECE_BYTES = 1_048_576;
const BLOCK_BYTES = 16 * PIECE_BYTES;
const INLINE_CLIENTS = 4;
/** Bytes that a read of a file gives at once: as many as a chunk of an encrypted content has. */
const READ_BYTES = 262_144;

/** Random bytes that begin like a DICOM file, again and again up to the length that is asked for. */
const BLOCK = randomBytes(BLOCK_BYTES).fill(0, 0, 128);
BLOCK.write('DICM', 128, 'latin1');
const pieceAt = (at: number, bytes: number): Buffer =>
  BLOCK.subarray(at % BLOCK_BYTES, (at % BLOCK_BYTES) + Math.min(PIECE_BYTES, bytes - at));
const hashes = new Map<number, string>();
const hashOf = (bytes: number): string => {
  const known = hashes.get(bytes);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  for (let at = 0; at < bytes; at += PIECE_BYTES) hash.update(pieceAt(at, bytes));
  const made = hash.digest('hex');
  hashes.set(bytes, made);
  return made;
};

const agent = new http.Agent({ keepAlive: true });
const ask = (url: string, method: string, headers: http.OutgoingHttpHeaders) => http.request(url, { method, headers, agent });
const answerTo = (request: http.ClientRequest): Promise<http.IncomingMessage> =>
  new Promise((resolve, reject) => request.once('response', resolve).once('error', reject));
const graph = async <T>(url: string, token: string, query: string, variables: object): Promise<T> => {
  const body = JSON.stringify({ query, variables });
  const request = ask(`${url}/graphql`, 'POST', {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    authorization: `Bearer ${token}`,
  });
  request.end(body);
  const answer = await text(await answerTo(request));
  const { data, errors } = JSON.parse(answer) as { data?: T; errors?: unknown };
  if (!data || errors) throw new Error(`the graph answered ${answer.slice(0, 300)}`);
  return data;
};

let serial = 0;
const named = (person: Person) => ({
  patientId: person.patientId,
  name: `${process.pid}-${serial++}.dcm`,
  contentType: 'application/dicom',
});
const REQUEST = `mutation ($input: RequestUploadInput!) { requestUpload(input: $input) { __typename ... on Refusal { message } ... on RequestUploadSuccess { upload { id url } } } }`;
const FINISH = `mutation ($id: ID!) { finishUpload(uploadId: $id) { __typename ... on Refusal { message } ... on UploadFileSuccess { file { id sha256 copies { state } } } } }`;
const DOWNLOAD = `query ($id: ID!) { file(id: $id) { download { url sizeBytes } } }`;
const KEPT = `__typename ... on Refusal { message } ... on UploadFileSuccess { file { id } }`;

const upload = async (url: string, bytes: number, person: Person): Promise<string> => {
  const { token } = person;
  const input = { ...named(person), sizeBytes: bytes, sha256: hashOf(bytes) };
  const asked = await graph<{ requestUpload: { upload?: { id: string; url: string } } }>(url, token, REQUEST, { input });
  const address = asked.requestUpload.upload;
  if (!address) throw new Error(`no address: ${JSON.stringify(asked)}`);
  const request = ask(address.url, 'PUT', { 'content-length': bytes });
  const answered = answerTo(request);
  for (let at = 0; at < bytes; at += PIECE_BYTES)
    if (!request.write(pieceAt(at, bytes))) await Promise.race([new Promise((resolve) => request.once('drain', resolve)), answered]);
  request.end();
  const answer = await answered;
  const said = await text(answer);
  if (answer.statusCode !== 201) throw new Error(`the upload was answered ${answer.statusCode}: ${said.slice(0, 300)}`);
  const finished = await graph<{ finishUpload: { file?: { id: string; sha256: string; copies: { state: string }[] } } }>(
    url,
    token,
    FINISH,
    {
      id: address.id,
    },
  );
  const { file } = finished.finishUpload;
  if (file?.sha256 !== input.sha256 || file.copies.some(({ state }) => state !== 'STORED'))
    throw new Error(`not kept in both stores: ${JSON.stringify(finished)}`);
  return file.id;
};

const download = async (url: string, bytes: number, fileId: string, { token }: Person): Promise<void> => {
  const asked = await graph<{ file: { download: { url: string } } }>(url, token, DOWNLOAD, { id: fileId });
  const request = ask(asked.file.download.url, 'GET', {});
  request.end();
  const answer = await answerTo(request);
  let came = 0;
  for await (const piece of answer) came += (piece as Buffer).length;
  if (answer.statusCode !== 200 || came !== bytes) throw new Error(`the download gave ${came} bytes and ${answer.statusCode}`);
};

const copiesIn = (folder: string) => ['a', 'b'].map((name) => path.join(folder, `copy-${name}`));
const write = async (folder: string, bytes: number): Promise<void> => {
  const handles = await Promise.all(copiesIn(folder).map((file) => open(file, 'w')));
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    const piece = pieceAt(at, bytes);
    await Promise.all(handles.map((handle) => handle.write(piece, 0, piece.length, at)));
  }
  await Promise.all(handles.map((handle) => handle.sync()));
  await Promise.all(handles.map((handle) => handle.close()));
};
const read = async (folder: string): Promise<void> => {
  const [file = ''] = copiesIn(folder);
  let count = 0;
  for await (const piece of createReadStream(file, { highWaterMark: READ_BYTES })) count += (piece as Buffer).length;
  if (count === 0) throw new Error('nothing was read');
};

const { privateKey, publicKey } = generateKeyPairSync('x25519');
const own = {
  kid: 'bench',
  privateJwk: privateKey.export({ format: 'jwk' }) as Record<string, string>,
  publicJwk: publicKey.export({ format: 'jwk' }) as Record<string, string>,
};
const unseal = makeUnsealer([own]);

const inline = async (job: Extract<Job, { fileIds: readonly string[] }>): Promise<Told> => {
  const { url, bytes, ms, person } = job;
  const { token } = person;
  const content = pieceAt(0, bytes);
  const { serverKey } = await graph<{ serverKey: { jwk: string } }>(url, token, '{ serverKey { jwk } }', {});
  const server = await readPublicKey(serverKey.jwk);
  const fileIds: string[] = [];
  const send = async (): Promise<void> => {
    const carried = job.kind === 'inline-upload' ? { content: content.toString('base64') } : { sealed: await sealFor(server, content) };
    const answer = await graph<{ uploadFile: { file?: { id: string } } }>(
      url,
      token,
      `mutation ($input: UploadFileInput!) { uploadFile(input: $input) { ${KEPT} } }`,
      { input: { ...named(person), ...carried } },
    );
    const { file } = answer.uploadFile;
    if (!file) throw new Error(`refused: ${JSON.stringify(answer)}`);
    fileIds.push(file.id);
  };
  let at = 0;
  const fetchOne = async (): Promise<void> => {
    const id = job.fileIds[at++ % job.fileIds.length] ?? '';
    if (job.kind === 'inline-download') {
      const { file } = await graph<{ file: { content: string } }>(url, token, 'query ($id: ID!) { file(id: $id) { content } }', { id });
      if (Buffer.from(file.content, 'base64').length !== bytes) throw new Error('another content came');
      return;
    }
    const { file } = await graph<{ file: { sealedContent: string } }>(
      url,
      token,
      'query ($id: ID!, $key: String!) { file(id: $id) { sealedContent(publicKey: $key) } }',
      { id, key: JSON.stringify(own.publicJwk) },
    );
    if ((await unseal(file.sealedContent, bytes))?.length !== bytes) throw new Error('another content came');
  };
  const { count, seconds } = await load(INLINE_CLIENTS, ms, job.kind.endsWith('upload') ? send : fetchOne);
  return { seconds, perSecond: count / seconds, fileIds };
};

const run = async (job: Job): Promise<Omit<Told, 'seconds' | 'perSecond'> & Partial<Told>> => {
  switch (job.kind) {
    case 'upload':
      return { fileIds: await Promise.all(job.people.map((person) => upload(job.url, job.bytes, person))) };
    case 'download':
      await download(job.url, job.bytes, job.fileId, job.person);
      return { fileIds: [job.fileId] };
    case 'write':
      await write(job.folder, job.bytes);
      return { fileIds: [] };
    case 'read':
      await read(job.folder);
      return { fileIds: [] };
    case 'clear':
      await Promise.all(copiesIn(job.folder).map((file) => rm(file, { force: true })));
      return { fileIds: [] };
    default:
      return inline(job);
  }
};

process.on('message', async (job: Job) => {
  if ('bytes' in job) hashOf(job.bytes);
  const began = performance.now();
  const told = await run(job);
  process.send?.({ seconds: (performance.now() - began) / 1_000, perSecond: 0, ...told } satisfies Told);
});
process.on('disconnect', () => process.exit(0));
