import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileHandle, link, lstat, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { CHUNK_BYTES, CipherError, HEADER_BYTES, openRange, SEALED_CHUNK_BYTES, sealedSize } from '#platform/cipher/stream.ts';
import { makeUnsealer } from '#platform/sealing/seal.ts';
import { Failure, sayFolderFault } from './failure.ts';
import { type Graph, toTransferFailure } from './graph.ts';
import { readText, send } from './http.ts';
import { onInterrupt } from './interrupt.ts';
import { toLocalName } from './names.ts';
import { makePatience } from './patience.ts';
import type { Progress } from './terminal.ts';

/** One version of a file as the graph tells it. */
export type Version = { readonly name: string; readonly version: number; readonly sizeBytes: number; readonly sha256: string };
/** A version and where to ask for its content: the cursor in front of it in the file's list, null for the newest. */
export type Place = Version & { readonly fileId: string; readonly after: string | null };

type Ways = { readonly content?: string | null; readonly sealedContent?: string | null; readonly download?: Address | null };
type Address = { readonly url: string; readonly sizeBytes: number; readonly sealedKey: string | null };

const MAX_SEALED_BYTES = 1024 * 1024;
const MAX_INLINE_BYTES = 256 * 1024;
const SILENCE_MS = 120_000;
const MAX_TEXT = 64 * 1024;
const WIDTH = 100;

const FIND = `query ($id: ID!, $first: Int!, $after: String) {
  file(id: $id) { versions(first: $first, after: $after) { edges { cursor node { name version sizeBytes sha256 } } pageInfo { hasNextPage } } }
}`;
type Found = {
  readonly file: {
    readonly versions: {
      readonly edges: readonly { readonly cursor: string; readonly node: Version }[];
      readonly pageInfo: { readonly hasNextPage: boolean };
    } | null;
  } | null;
};

const NOT_FOUND = new Failure(
  'NOT_FOUND',
  'There is no such file, or this login may not see it.',
  'Look for the id with: npm run files -- list',
);

/** Finds a version by its number, the newest where none is given. Throws Failure where there is none. */
export const findVersion = async (graph: Graph, fileId: string, version: number | null): Promise<Place> => {
  let after: string | null = null;
  for (;;) {
    const { file }: Found = await graph.ask<Found>(FIND, { id: fileId, first: version === null ? 1 : WIDTH, after }, { again: true });
    if (!file?.versions) throw NOT_FOUND;
    for (const { cursor, node } of file.versions.edges) {
      if (version === null || node.version === version) return { ...node, fileId, after };
      after = cursor;
    }
    if (!file.versions.pageInfo.hasNextPage || file.versions.edges.length === 0)
      throw new Failure('NOT_FOUND', `The file has no version ${version}.`, 'Leave --version out for the newest one.');
  }
};

/** Asks for one way to a version's content. */
const askFor = async (graph: Graph, { fileId, after, version }: Place, way: string, publicKey: string | null): Promise<Ways> => {
  const keyed = publicKey === null ? '' : ', $publicKey: String!';
  const query = `query ($id: ID!, $after: String${keyed}) { file(id: $id) { versions(first: 1, after: $after) { nodes { version ${way} } } } }`;
  type Answer = { file: { versions: { nodes: (Ways & { version: number })[] } | null } | null };
  const { file } = await graph.ask<Answer>(query, { id: fileId, after, ...(publicKey === null ? {} : { publicKey }) }, { again: true });
  const node = file?.versions?.nodes[0];
  // A newer version may have come meanwhile, and the newest is asked for by its place.
  if (node?.version !== version) throw new Failure('CHANGED', 'The file got a new version meanwhile.', 'Run the command again.');
  return node;
};

/** A key pair that serves for this one download. */
const makeRecipient = () => {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  const publicJwk = publicKey.export({ format: 'jwk' }) as Record<string, string>;
  const unseal = makeUnsealer([{ kid: 'once', publicJwk, privateJwk: privateKey.export({ format: 'jwk' }) as Record<string, string> }]);
  const open = async (jwe: string, maxBytes: number): Promise<Uint8Array> => {
    const bytes = await unseal(jwe, maxBytes);
    if (!bytes) throw new Failure('SEAL_BROKEN', 'What the server sealed does not open.', 'Tell whoever runs the network.');
    return bytes;
  };
  return { publicKey: JSON.stringify({ ...publicJwk, kid: 'once' }), open };
};

const lost = (way: string): Failure => new Failure('NO_ANSWER', `The graph gives no ${way}.`, 'Run the command again.');

const brokenOff = (code: string): Failure =>
  new Failure(code, 'The transfer broke off, and does not get further.', 'Try again when the network is better.');
/** An address ends with its last byte, wherever that is by then; the login is asked for again with the next address. */
const endedAddress = (): Failure => brokenOff('ADDRESS_ENDED');

/** Answers of an address that will go on: it is in use, or has not noticed yet that a connection ended. */
const BUSY: readonly number[] = [408, 409, 416, 429, 503];

/** What is left of a content from an offset of it on. */
type Fetching = (from: number) => AsyncIterable<Uint8Array>;

const get = async (url: string, start: number, end: number, isWhole: boolean): Promise<AsyncIterable<Uint8Array>> => {
  const answer = await send(url, {
    method: 'GET',
    headers: { accept: '*/*', ...(isWhole ? {} : { range: `bytes=${start}-${end - 1}` }) },
    silenceMs: SILENCE_MS,
  });
  const isRight = isWhole ? answer.status === 200 : answer.status === 206;
  if (isRight) return answer.body;
  const failure = toTransferFailure(answer.status, await readText(answer.body, MAX_TEXT));
  if (answer.status === 403) throw endedAddress();
  throw BUSY.includes(answer.status) ? new Failure('BUSY', failure.message, failure.next) : failure;
};

/** The id that stands in an address: `/files/download/{id}.…`. */
const idIn = (url: string): string => /^\/files\/download\/([^/.]+)\./.exec(new URL(url).pathname)?.[1] ?? '';

/** Fetches by an address, which may be asked again from where it broke off. */
const openAddress = async (graph: Graph, place: Place, isPlain: boolean): Promise<Fetching> => {
  const recipient = isPlain ? null : makeRecipient();
  const way = recipient ? 'download(publicKey: $publicKey) { url sizeBytes sealedKey }' : 'download { url sizeBytes sealedKey }';
  const { download } = await askFor(graph, place, way, recipient?.publicKey ?? null);
  if (!download || (recipient !== null && download.sealedKey === null)) throw lost('address');
  const total = recipient ? sealedSize(place.sizeBytes) : place.sizeBytes;
  if (download.sizeBytes !== total)
    throw new Failure('SIZE', 'The address gives another length.', 'This command and the server are of different releases.');
  const url = graph.resolve(download.url);
  const read = (start: number, end: number): Promise<AsyncIterable<Uint8Array>> =>
    start >= end ? Promise.resolve((async function* () {})()) : get(url, start, end, start === 0 && end === total);
  if (recipient === null || download.sealedKey === null)
    return async function* (from) {
      yield* await read(from, total);
    };
  const transferKey = await recipient.open(download.sealedKey, 32);
  const context = { download: idIn(download.url) };
  let header: Uint8Array | null = null;
  /** The header of the stream serves again when a transfer goes on; it is asked for once. */
  const keepHeader = async (start: number, end: number): Promise<AsyncIterable<Uint8Array>> => {
    if (header !== null && start === 0 && end === HEADER_BYTES)
      return (async function* (bytes) {
        yield bytes;
      })(header);
    const source = await read(start, end);
    if (start > 0 || header !== null) return source;
    return (async function* () {
      const first: Uint8Array[] = [];
      let length = 0;
      for await (const bytes of source) {
        if (length < HEADER_BYTES) {
          first.push(bytes.slice(0, HEADER_BYTES - length));
          length += bytes.length;
          if (length >= HEADER_BYTES) header = Buffer.concat(first);
        }
        yield bytes;
      }
    })();
  };
  let isFresh = true;
  return async function* (from) {
    // The first range of an address may begin anywhere, later ones no further than it has come: and the header is read first.
    const at = HEADER_BYTES + Math.floor(from / CHUNK_BYTES) * SEALED_CHUNK_BYTES;
    if (isFresh && from > 0) for await (const _byte of await read(at, at + 1));
    isFresh = false;
    yield* openRange(transferKey, context, keepHeader, place.sizeBytes, from, place.sizeBytes);
  };
};

/** Failures that neither another try nor another address changes. */
const FINAL: readonly string[] = ['INTEGRITY_ERROR', 'SIZE', 'SEAL_BROKEN', 'CHANGED', 'NOT_FOUND', 'UNAUTHENTICATED'];

export type FetchSettings = {
  readonly isPlain: boolean;
  /** How long a transfer is tried without getting further, in milliseconds. */
  readonly patienceMs: number;
};

/**
 * The content of a version, in pieces: small ones within the graph, larger ones by an address, sealed for a key of this download unless told
 * otherwise. A transfer that breaks off goes on. Throws Failure where it does not come to its end.
 */
export async function* fetchContent(
  graph: Graph,
  place: Place,
  { isPlain, patienceMs }: FetchSettings,
): AsyncGenerator<Uint8Array, void, void> {
  const { sizeBytes } = place;
  if (isPlain && sizeBytes <= MAX_INLINE_BYTES) {
    const { content } = await askFor(graph, place, 'content', null);
    if (typeof content !== 'string') throw lost('content');
    yield Buffer.from(content, 'base64');
    return;
  }
  if (!isPlain && sizeBytes <= MAX_SEALED_BYTES) {
    const { publicKey, open: unseal } = makeRecipient();
    const { sealedContent } = await askFor(graph, place, 'sealedContent(publicKey: $publicKey)', publicKey);
    if (typeof sealedContent !== 'string') throw lost('sealed content');
    yield await unseal(sealedContent, MAX_SEALED_BYTES);
    return;
  }
  let fetching: Fetching | null = null;
  let done = 0;
  let last: unknown = null;
  const patience = makePatience(patienceMs);
  do {
    try {
      fetching ??= await openAddress(graph, place, isPlain);
      for await (const bytes of fetching(done)) {
        done += bytes.length;
        yield bytes;
      }
      if (done >= sizeBytes) return;
      last = null;
    } catch (error) {
      if (error instanceof CipherError)
        throw new Failure('SEAL_BROKEN', 'The bytes that came are not what the server sealed.', 'Tell whoever runs the network.');
      if (error instanceof Failure && FINAL.includes(error.code)) throw error;
      // An address that refuses to go on has ended: the next one begins where this one stopped.
      if (error instanceof Failure && error.code !== 'BUSY') fetching = null;
      last = error;
    }
  } while (await patience.wait(done));
  throw last instanceof Failure ? last : brokenOff('BROKEN');
}

/** Runs a content through hash and length; throws Failure where they are not those of the record. */
const verified = async (
  content: AsyncIterable<Uint8Array>,
  place: Place,
  progress: Progress,
  take: (bytes: Uint8Array) => Promise<void>,
): Promise<void> => {
  const hash = createHash('sha256');
  let done = 0;
  progress.begin(place.name, place.sizeBytes);
  try {
    for await (const bytes of content) {
      hash.update(bytes);
      done += bytes.length;
      if (done > place.sizeBytes) break;
      await take(bytes);
      progress.at(done);
    }
  } finally {
    progress.end();
  }
  if (done !== place.sizeBytes || hash.digest('hex') !== place.sha256)
    throw new Failure(
      'INTEGRITY_ERROR',
      'What came is not what the record says; nothing was kept.',
      'Try again; if it stays so, tell whoever runs the network.',
    );
};

/** Downloads a content and checks it, keeping nothing. */
export const checkContent = (graph: Graph, place: Place, says: FetchSettings, progress: Progress): Promise<void> =>
  verified(fetchContent(graph, place, says), place, progress, async () => {});

const writeAll = async (handle: FileHandle, bytes: Uint8Array): Promise<void> => {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
};

/** Where to write: the given file, or the server's name in the given folder or in this one. */
export const toTarget = async (given: string | null, name: string): Promise<string> => {
  if (given === null) return path.resolve(toLocalName(name));
  const isFolder = (await lstat(given).catch(() => null))?.isDirectory() === true || /[/\\]$/.test(given);
  return isFolder ? path.resolve(given, toLocalName(name)) : path.resolve(given);
};

const exists = (file: string): Promise<boolean> =>
  lstat(file).then(
    () => true,
    () => false,
  );

/**
 * Downloads a version into a file. It is written beside its place, under a name of its own, and shown when all of it is there and has the
 * hash of the record. A file that is there already is replaced only with `isForced`; a link is replaced, never followed.
 */
export const downloadTo = async (
  graph: Graph,
  place: Place,
  target: string,
  says: FetchSettings & { readonly isForced: boolean; readonly progress: Progress },
): Promise<void> => {
  const taken = new Failure(
    'EXISTS',
    `${path.basename(target)} is there already; it was left as it is.`,
    'Name another file (-o FILE), or replace it: --force',
  );
  if (!says.isForced && (await exists(target))) throw taken;
  const draft = path.join(path.dirname(target), `.${randomBytes(9).toString('base64url')}.part`);
  const handle = await open(draft, 'wx', 0o600).catch((error: unknown) => {
    const fault = sayFolderFault(error);
    throw fault === null
      ? error
      : new Failure(
          'FILE',
          `--output: the folder ${path.dirname(target)} ${fault}.`,
          'Name a file or a folder that can be written: -o FILE',
        );
  });
  const done = onInterrupt(() => rmSync(draft, { force: true }));
  try {
    try {
      await verified(fetchContent(graph, place, says), place, says.progress, (bytes) => writeAll(handle, bytes));
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (says.isForced) {
      await rename(draft, target);
      return;
    }
    try {
      // A link fails where somebody made the file meanwhile; a rename would replace it.
      await link(draft, target);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST' || (await exists(target))) throw taken;
      await rename(draft, target);
    }
  } finally {
    await rm(draft, { force: true });
    done();
  }
};
