import { generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { CompactEncrypt, compactDecrypt, importJWK } from 'jose';
import { openStream, sealedSize, sealStream } from '#platform/cipher/stream.ts';
import { startTestApp, type TestApp } from '#test/support/app.ts';
import { largeFiles, sha256Of } from '#test/support/large-files.ts';

const CHUNK = 262_144;
const KIB = 1_024;
const REAL = path.resolve('../shared/data/medical-files');
const TYPES: Readonly<Record<string, string>> = {
  '.dcm': 'application/dicom',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.txt': 'text/plain',
};
type Sample = { readonly name: string; readonly contentType: string; readonly bytes: Buffer };
const text = (size: number): Buffer =>
  Buffer.from(
    randomBytes(Math.ceil(size / 2))
      .toString('hex')
      .slice(0, size),
  );
const made: readonly Sample[] = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK, 5 * CHUNK + 1].map((size) => ({
  name: `${size} bytes.txt`,
  contentType: 'text/plain',
  bytes: text(size),
}));
/** Real documents beside the repository; see their SOURCE.md. */
const real: readonly Sample[] = existsSync(REAL)
  ? readdirSync(REAL).flatMap((name) => {
      const contentType = TYPES[path.extname(name)];
      return contentType === undefined ? [] : [{ name, contentType, bytes: readFileSync(path.join(REAL, name)) }];
    })
  : [];
if (real.length === 0) process.stderr.write('files.test.ts: no real documents, as ../shared/data/medical-files is not here\n');

let app: TestApp;
let at: ReturnType<typeof largeFiles>;
let token: string;
let patientId: string;
let serverKey: { readonly kid: string; readonly key: Awaited<ReturnType<typeof importJWK>> };
beforeAll(async () => {
  app = await startTestApp();
  at = largeFiles(app.graph);
  token = await app.tokenOf('MTLP0001');
  patientId = (await app.account('MTLP0001')).patientId ?? '';
  const answer = await app.graph.ask<{ serverKey: { kid: string; jwk: string } }>('{ serverKey { kid jwk } }', {}, { token });
  const { kid = '', jwk = '' } = answer.data?.serverKey ?? {};
  serverKey = { kid, key: await importJWK(JSON.parse(jwk), 'ECDH-ES') };
}, 60_000);
afterAll(() => app?.stop());

const sealForServer = (bytes: Uint8Array): Promise<string> =>
  new CompactEncrypt(bytes).setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', kid: serverKey.kid }).encrypt(serverKey.key);
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000);
}
const whole = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
};
const reader = (): { readonly publicKey: string; readonly privateKey: KeyObject } => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })), privateKey };
};
const idIn = (url: string): string => /\/([A-Z]{3}-[a-z]{3}-[0-9a-z]{26})\./.exec(url)?.[1] ?? '';

type File = { readonly id: string; readonly sha256: string };
const UPLOAD = `mutation ($input: UploadFileInput!) { uploadFile(input: $input) { __typename ... on Refusal { message }
  ... on UploadFileSuccess { file { id sha256 sizeBytes contentType } } } }`;
const inGraph = async (sample: Sample, content: Readonly<Record<string, unknown>>): Promise<File> => {
  const input = { patientId, name: `${randomUUID()} ${sample.name}`, contentType: sample.contentType, ...content };
  const answer = await app.graph.ask<{ uploadFile: { file?: File } | null }>(UPLOAD, { input }, { token });
  const file = answer.data?.uploadFile?.file;
  if (!file) throw new Error(`not kept: ${answer.text.slice(0, 500)}`);
  return file;
};
const byAddress = async (sample: Sample, sealed: boolean): Promise<File> => {
  const { name, contentType, bytes } = sample;
  const key = randomBytes(32);
  const input = { name: `${randomUUID()} ${name}`, contentType, ...(sealed ? { sealedKey: await sealForServer(key) } : {}) };
  const { id, url, sizeBytes } = await at.address(token, patientId, bytes, input);
  const body = sealed ? await whole(sealStream(key, { upload: id }, once(bytes))) : bytes;
  expect(sizeBytes).toBe(body.length);
  const sent = await at.put(url, body);
  expect([sent.status, await sent.json()]).toEqual([201, { uploadId: id, sizeBytes: bytes.length, sha256: sha256Of(bytes) }]);
  return at.finish(token, id);
};

/** Each way in, with the size up to which it goes. */
const waysIn: readonly (readonly [string, number, (sample: Sample) => Promise<File>])[] = [
  ['inside the graph', 256 * KIB, (sample) => inGraph(sample, { content: sample.bytes.toString('base64') })],
  ['inside the graph, sealed', 1_024 * KIB, async (sample) => inGraph(sample, { sealed: await sealForServer(sample.bytes) })],
  ['at an address', Number.POSITIVE_INFINITY, (sample) => byAddress(sample, false)],
  ['at an address, sealed', Number.POSITIVE_INFINITY, (sample) => byAddress(sample, true)],
];
/** Each way out. */
const waysOut: readonly (readonly [string, number, (id: string) => Promise<Buffer>])[] = [
  [
    'content',
    256 * KIB,
    async (id) => {
      const answer = await app.graph.ask<{ file: { content: string } }>(
        'query ($id: ID!) { file(id: $id) { content } }',
        { id },
        { token },
      );
      return Buffer.from(answer.data?.file.content ?? 'none', 'base64');
    },
  ],
  [
    'sealedContent',
    1_024 * KIB,
    async (id) => {
      const { publicKey, privateKey } = reader();
      const query = 'query ($id: ID!, $key: String!) { file(id: $id) { sealedContent(publicKey: $key) } }';
      const answer = await app.graph.ask<{ file: { sealedContent: string } }>(query, { id, key: publicKey }, { token });
      return Buffer.from((await compactDecrypt(answer.data?.file.sealedContent ?? '', privateKey)).plaintext);
    },
  ],
  [
    'an address',
    Number.POSITIVE_INFINITY,
    async (id) => {
      const got = await at.get((await at.download(token, id)).url);
      expect(got.status).toBe(200);
      return Buffer.from(await got.arrayBuffer());
    },
  ],
  [
    'a sealed address',
    Number.POSITIVE_INFINITY,
    async (id) => {
      const { publicKey, privateKey } = reader();
      const { url, sealedKey, sizeBytes } = await at.download(token, id, publicKey);
      const body = Buffer.from(await (await at.get(url)).arrayBuffer());
      expect(body.length).toBe(sizeBytes);
      const { plaintext } = await compactDecrypt(sealedKey ?? '', privateKey);
      return whole(openStream(plaintext, { download: idIn(url) }, once(body)));
    },
  ],
];

describe.each(waysIn)('a file that comes %s', (_way, largest, keep) => {
  const samples = [...made, ...real].filter(({ bytes }) => bytes.length <= largest);
  it.each(samples.map((sample) => [sample.name, sample] as const))('comes back byte for byte by every way: %s', async (_name, sample) => {
    const file = await keep(sample);
    expect(file.sha256).toBe(sha256Of(sample.bytes));
    let ways = 0;
    for (const [way, limit, fetchBack] of waysOut) {
      if (sample.bytes.length > limit) continue;
      ways++;
      expect([way, (await fetchBack(file.id)).equals(sample.bytes)]).toEqual([way, true]);
    }
    expect(ways).toBeGreaterThanOrEqual(2);
  });
});

it('sends what is larger than the graph takes to an address, and says so', async () => {
  const [large] = made.filter(({ bytes }) => bytes.length > 256 * KIB);
  if (!large) throw new Error('no large sample');
  const { id } = await byAddress(large, false);
  const answer = await app.graph.ask('query ($id: ID!) { file(id: $id) { content } }', { id }, { token });
  expect(answer.errors[0]?.extensions['code']).toBe('LIMIT_EXCEEDED');
  expect(answer.errors[0]?.message).toContain('downloadUrl');
  expect(sealedSize(large.bytes.length)).toBeGreaterThan(large.bytes.length);
});

it('serves a file as a thing that is kept, never as a page', async () => {
  const [note] = made;
  if (!note) throw new Error('no sample');
  const { id } = await byAddress({ ...note, name: 'Écho “cœur” <script>.txt'.replace(/[<>]/g, ''), bytes: Buffer.from('a note') }, false);
  const { url } = await at.download(token, id);
  expect(url.startsWith(`${app.graph.url}/files/download/`)).toBe(true);
  const got = await at.get(url, { range: 'bytes=2-' });
  expect([got.status, await got.text()]).toEqual([206, 'note']);
  expect(Object.fromEntries(got.headers)).toMatchObject({
    'content-type': 'text/plain',
    'content-length': '4',
    'content-range': 'bytes 2-5/6',
    'content-disposition': expect.stringMatching(/^attachment; filename=".*"; filename\*=UTF-8''/),
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
    'cache-control': 'no-store',
    'cross-origin-resource-policy': 'same-origin',
  });
  expect(got.headers.get('etag')).toBeNull();
});
