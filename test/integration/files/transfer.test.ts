import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compactDecrypt } from 'jose';
import { sealedSize } from '#platform/cipher/stream.ts';
import { ERASE_PATIENT } from '#test/support/erase-patient.ts';
import { type Harness, sha256Of, someText, startHarness } from './harness.ts';
import { CHUNK, idIn, openFlow, pieces, sealFlow, transfersOf } from './transfer-support.ts';

let house: Harness;
let at: ReturnType<typeof transfersOf>;
beforeAll(async () => {
  house = await startHarness();
  at = transfersOf(house);
});
afterAll(async () => {
  await house?.stop();
});

const SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 17];
const reader = () => {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return { publicKey: JSON.stringify(publicKey.export({ format: 'jwk' })), privateKey };
};
const told = (sent: { readonly status: number; readonly headers: Readonly<Record<string, string>> }) => [
  sent.status,
  sent.headers['upload-offset'],
];
const refusedAs = async (act: string, patientId: string): Promise<(readonly [number, string | null])[]> =>
  (await house.audits(patientId.slice(0, 3), act, patientId)).map(({ outcome, body }) => [
    outcome,
    (JSON.parse(body) as { reason?: string }).reason ?? null,
  ]);

describe('an upload at an address', () => {
  it.each(SIZES)('of %i bytes comes back byte for byte', async (size) => {
    const patient = await house.addPatient();
    const bytes = someText(size);
    const { id, url, sizeBytes } = await at.addressFor(patient, bytes);
    expect([sizeBytes, url]).toEqual([size, expect.stringMatching(/^http:\/\/127\.0\.0\.1:4000\/files\/upload\/MTL-upl-/)]);
    expect(told(await at.head(url))).toEqual([200, '0']);
    const sent = await at.put(url, bytes);
    expect([sent.status, sent.json]).toEqual([201, { uploadId: id, sizeBytes: size, sha256: sha256Of(bytes) }]);
    const kept = await at.finish(patient, id);
    expect(kept.file).toMatchObject({ sizeBytes: size, sha256: sha256Of(bytes), version: 1 });
    const { url: from, sizeBytes: given } = await at.download(patient, kept.file.id);
    const got = await at.get(from);
    expect([got.status, got.broken, given, got.body.equals(bytes)]).toEqual([200, null, size, true]);
    expect(got.headers).toMatchObject({
      'content-type': 'text/plain',
      'content-length': String(size),
      'accept-ranges': 'bytes',
      'content-disposition': expect.stringMatching(/^attachment; filename=/),
    });
  });
  it.each(SIZES)('of %i bytes comes back sealed both ways', async (size) => {
    const patient = await house.addPatient();
    const bytes = someText(size);
    const flow = await sealFlow(house, bytes);
    const { id, url, sizeBytes } = await at.addressFor(patient, bytes, { sealedKey: flow.sealedKey });
    const stream = await flow.stream(id);
    expect([sizeBytes, stream.length]).toEqual([sealedSize(size), sealedSize(size)]);
    expect((await at.put(url, stream)).status).toBe(201);
    const kept = await at.finish(patient, id);
    const { publicKey, privateKey } = reader();
    const { url: from, sizeBytes: given, sealedKey } = await at.download(patient, kept.file.id, publicKey);
    const got = await at.get(from);
    expect([got.status, got.headers['content-type'], got.body.length, given]).toEqual([
      200,
      'application/octet-stream',
      sealedSize(size),
      sealedSize(size),
    ]);
    const { plaintext } = await compactDecrypt(sealedKey ?? '', privateKey);
    expect((await openFlow(plaintext, idIn(from), got.body)).equals(bytes)).toBe(true);
    // Two addresses of one content have nothing in common.
    const other = await at.get((await at.download(patient, kept.file.id, publicKey)).url);
    expect(other.body.subarray(32).equals(got.body.subarray(32))).toBe(false);
  });
  it('may come without a length, in pieces of any size', async () => {
    const patient = await house.addPatient();
    const bytes = someText(2 * CHUNK + 3);
    const { id, url } = await at.addressFor(patient, bytes);
    expect((await at.put(url, pieces(bytes, 7_919))).status).toBe(201);
    expect((await at.finish(patient, id)).file.sha256).toBe(sha256Of(bytes));
  });
  it('is the newest version of its name, and again the same answer', async () => {
    const patient = await house.addPatient();
    await at.upload(patient, someText(10), { name: 'Note.txt' });
    const bytes = someText(20);
    const { id, url } = await at.addressFor(patient, bytes, { name: 'Note.txt' });
    await at.put(url, bytes);
    const first = await at.finish(patient, id);
    expect(first.file).toMatchObject({ version: 2, sha256: sha256Of(bytes) });
    expect(await at.finish(patient, id)).toEqual(first);
  });
  it('is not complete before all bytes are there', async () => {
    const patient = await house.addPatient();
    const bytes = someText(3 * CHUNK);
    const { id, url } = await at.addressFor(patient, bytes);
    expect(await at.finish(patient, id)).toMatchObject({ __typename: 'UploadIncomplete', offsetBytes: 0, sizeBytes: 3 * CHUNK });
    const sent = await at.put(url, bytes.subarray(0, CHUNK + 5));
    expect([sent.status, sent.headers['upload-offset'], sent.headers['upload-length']]).toEqual([202, String(CHUNK), String(3 * CHUNK)]);
    expect(await at.finish(patient, id)).toMatchObject({ __typename: 'UploadIncomplete', offsetBytes: CHUNK });
    expect(await house.sql('MTL', 'select version from files.file where patient_id = $1', [patient.patientId])).toEqual([{ version: 0 }]);
  });
  it('is nobody else’s', async () => {
    const [patient, other] = [await house.addPatient(), await house.addPatient()];
    const bytes = someText(10);
    const { id, url } = await at.addressFor(patient, bytes);
    await at.put(url, bytes);
    expect((await at.finish(other, id)).__typename).toBe('UploadNotFound');
    expect((await at.resume(other, id)).__typename).toBe('UploadNotFound');
    expect((await at.finish(patient, 'nonsense')).__typename).toBe('UploadNotFound');
    expect((await at.finish(patient, id)).__typename).toBe('UploadFileSuccess');
  });
});

describe('an upload that breaks off', () => {
  it('goes on behind its last whole chunk, wherever it broke', async () => {
    const patient = await house.addPatient();
    const size = 5 * CHUNK + 1_000;
    const bytes = someText(size);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: size - 1 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1_000, max: 200_000 }),
        async (breaks, step) => {
          const { id, url } = await at.addressFor(patient, bytes);
          let offset = 0;
          for (const broken of breaks.toSorted((a, b) => a - b)) {
            if (broken <= offset) continue;
            const headers = offset === 0 ? {} : { 'content-range': `bytes ${offset}-${size - 1}/${size}` };
            const body = pieces(bytes.subarray(offset), step, broken - offset);
            await expect(at.put(url, body, { headers })).rejects.toThrow('aborted');
            const [status, next] = told(await at.head(url));
            expect([status, Number(next) % CHUNK, Number(next) <= broken, Number(next) >= offset]).toEqual([200, 0, true, true]);
            // At most the chunk that waits for what follows is lost, beside the one that broke.
            expect(Number(next)).toBeGreaterThan(broken - 2 * CHUNK - step);
            offset = Number(next);
          }
          const sent = await at.put(url, bytes.subarray(offset), { headers: { 'content-range': `bytes ${offset}-${size - 1}/${size}` } });
          expect(sent.status).toBe(201);
          expect((await at.finish(patient, id)).file.sha256).toBe(sha256Of(bytes));
          const got = await at.get((await at.download(patient, (await at.finish(patient, id)).file.id)).url);
          expect(got.body.equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 12 },
    );
  }, 60_000);
  it('goes on sealed, at the chunk of the sealed body', async () => {
    const patient = await house.addPatient();
    const bytes = someText(4 * CHUNK + 99);
    const flow = await sealFlow(house, bytes);
    const { id, url } = await at.addressFor(patient, bytes, { sealedKey: flow.sealedKey });
    const stream = await flow.stream(id);
    await expect(at.put(url, pieces(stream, 50_000, 700_000))).rejects.toThrow('aborted');
    const [, next] = told(await at.head(url));
    expect([Number(next) > 64, (Number(next) - 64) % (CHUNK + 16)]).toEqual([true, 0]);
    const range = (from: number) => ({ headers: { 'content-range': `bytes ${from}-${stream.length - 1}/${stream.length}` } });
    expect((await at.put(url, stream.subarray(Number(next)), range(Number(next)))).status).toBe(201);
    expect((await at.finish(patient, id)).file.sha256).toBe(sha256Of(bytes));
  });
  it('goes on after a restart of the process, and after its death', async () => {
    const patient = await house.addPatient();
    const bytes = someText(4 * CHUNK);
    const { id, url } = await at.addressFor(patient, bytes);
    await expect(at.put(url, pieces(bytes, 64 * 1024, 3 * CHUNK - 1))).rejects.toThrow('aborted');
    const offset = Number((await at.head(url)).headers['upload-offset']);
    expect(offset).toBeGreaterThan(0);
    // As a process leaves it that dies: the lease not let go, and nothing noted.
    await house.sql(
      'MTL',
      `update files.upload set stored_bytes = 0, lease = 'MTL-lea-gone', lease_until = now() + interval '1 hour' where id = $1`,
      [id],
    );
    const rest = { headers: { 'content-range': `bytes ${offset}-${bytes.length - 1}/${bytes.length}` } };
    expect((await at.put(url, bytes)).status).toBe(409);
    await house.sql('MTL', `update files.upload set lease_until = now() where id = $1`, [id]);
    const again = await house.start();
    try {
      expect(told(await at.head(url, { of: again }))).toEqual([200, String(offset)]);
      expect(told(await at.put(url, bytes, { of: again }))).toEqual([409, String(offset)]);
      expect((await at.put(url, bytes.subarray(offset), { ...rest, of: again })).status).toBe(201);
      expect((await at.finish(patient, id, again)).file.sha256).toBe(sha256Of(bytes));
    } finally {
      await again.stop();
    }
  });
  it('gets a new address, and the old one ends', async () => {
    const patient = await house.addPatient();
    const bytes = someText(2 * CHUNK + 1);
    const { id, url } = await at.addressFor(patient, bytes);
    await expect(at.put(url, pieces(bytes, 64 * 1024, CHUNK + 100_000))).rejects.toThrow('aborted');
    const resumed = await at.resume(patient, id);
    expect(resumed.upload).toMatchObject({ id, offsetBytes: CHUNK, sizeBytes: bytes.length });
    const rest = { headers: { 'content-range': `bytes ${CHUNK}-${bytes.length - 1}/${bytes.length}` } };
    expect((await at.put(url, bytes.subarray(CHUNK), rest)).status).toBe(403);
    expect((await at.put(resumed.upload.url, bytes.subarray(CHUNK), rest)).status).toBe(201);
    expect((await at.resume(patient, id)).upload.offsetBytes).toBe(bytes.length);
  });
  it('takes one sender at a time, whose bytes nobody mixes with theirs', async () => {
    const patient = await house.addPatient();
    const bytes = someText(3 * CHUNK);
    const { id, url } = await at.addressFor(patient, bytes);
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = async function* () {
      yield bytes.subarray(0, 2 * CHUNK);
      await promise;
      yield bytes.subarray(2 * CHUNK);
    };
    const first = at.put(url, slow());
    const others = [];
    for (let i = 0; i < 5; i++) {
      await new Promise((done) => setTimeout(done, 20));
      others.push(await at.put(url, Buffer.alloc(bytes.length, 'x')));
    }
    resolve();
    expect(others.map(({ status }) => status)).toEqual([409, 409, 409, 409, 409]);
    expect(others.map(({ headers }) => headers['retry-after'])).toEqual(['5', '5', '5', '5', '5']);
    expect((await first).status).toBe(201);
    expect((await at.finish(patient, id)).file.sha256).toBe(sha256Of(bytes));
    const race = await at.addressFor(patient, bytes);
    const both = await Promise.all([at.put(race.url, pieces(bytes)), at.put(race.url, pieces(bytes))]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([201, 409]);
    expect((await at.finish(patient, race.id)).file.sha256).toBe(sha256Of(bytes));
  });
});

describe('bytes that do not fit', () => {
  it.each([
    ['one byte more', 1],
    ['ten chunks more', 10 * CHUNK],
  ])('are 413: %s, told or counted, and nothing beyond is kept', async (_what, more) => {
    const patient = await house.addPatient();
    const bytes = someText(CHUNK + 10);
    const long = Buffer.concat([bytes, Buffer.alloc(more, 'x')]);
    const { id, url } = await at.addressFor(patient, bytes);
    expect((await at.put(url, long)).status).toBe(413);
    expect(told(await at.head(url))).toEqual([200, '0']);
    const counted = await at.put(url, pieces(long, 100_000));
    expect([counted.status, counted.headers['upload-offset']]).toEqual([413, String(CHUNK)]);
    const rest = { headers: { 'content-range': `bytes ${CHUNK}-${bytes.length - 1}/${bytes.length}` } };
    expect((await at.put(url, long.subarray(CHUNK), rest)).status).toBe(413);
    expect((await at.put(url, bytes.subarray(CHUNK), rest)).status).toBe(201);
    expect((await at.finish(patient, id)).file.sha256).toBe(sha256Of(bytes));
    expect(await refusedAs('upload', patient.patientId)).toEqual(expect.arrayContaining([[4, 'TOO_LONG']]));
  });
  it('of an endless body are not read to their end', async () => {
    const patient = await house.addPatient();
    const { url } = await at.addressFor(patient, someText(CHUNK));
    let given = 0;
    const endless = async function* () {
      for (;;) {
        given += 65_536;
        yield Buffer.alloc(65_536, 'x');
      }
    };
    expect((await at.put(url, endless())).status).toBe(413);
    expect(given).toBeLessThanOrEqual(CHUNK + 65_536);
  });
  it.each([
    ['another total', 'bytes 0-9/21'],
    ['an end before the start', 'bytes 5-4/20'],
    ['an end beyond', 'bytes 0-20/20'],
    ['no total', 'bytes 0-9/*'],
    ['another unit', 'chunks 0-9/20'],
    ['nonsense', 'bytes=0-9'],
    ['numbers that are none', 'bytes 0-9999999999999999999999/20'],
    ['more than the body holds', 'bytes 0-14/20'],
  ])('are 400 with a Content-Range of %s', async (_what, range) => {
    const patient = await house.addPatient();
    const { id, url } = await at.addressFor(patient, someText(20));
    const sent = await at.put(url, someText(10), { headers: { 'content-range': range } });
    expect([sent.status, sent.json?.errors?.[0]?.extensions['code']]).toEqual([400, 'BAD_USER_INPUT']);
    expect((await at.finish(patient, id)).offsetBytes).toBe(0);
  });
  it.each([
    ['as long as a chunk', 3 * CHUNK, CHUNK],
    ['as long as a chunk, and less at the end', 2 * CHUNK + 9, CHUNK],
    ['of two chunks', 5 * CHUNK, 2 * CHUNK],
  ])('may come by ranges %s, each of which counts', async (_what, size, step) => {
    const patient = await house.addPatient();
    const bytes = someText(size);
    const { id, url } = await at.addressFor(patient, bytes);
    for (let from = 0; from < size; from += step) {
      const to = Math.min(size, from + step);
      const sent = await at.put(url, bytes.subarray(from, to), { headers: { 'content-range': `bytes ${from}-${to - 1}/${size}` } });
      expect([sent.status, sent.headers['upload-offset']]).toEqual([to === size ? 201 : 202, String(to)]);
    }
    expect((await at.finish(patient, id)).file.sha256).toBe(sha256Of(bytes));
  });
  it('from another place than the offset are 409 with the offset', async () => {
    const patient = await house.addPatient();
    const bytes = someText(3 * CHUNK);
    const { url } = await at.addressFor(patient, bytes);
    const range = (from: number, to: number) => ({ headers: { 'content-range': `bytes ${from}-${to - 1}/${bytes.length}` } });
    expect(told(await at.put(url, bytes.subarray(CHUNK), range(CHUNK, bytes.length)))).toEqual([409, '0']);
    expect(told(await at.put(url, bytes.subarray(0, CHUNK - 1), range(0, CHUNK - 1)))).toEqual([202, '0']);
    expect(told(await at.put(url, bytes.subarray(0, CHUNK), range(0, CHUNK)))).toEqual([202, String(CHUNK)]);
    expect(told(await at.put(url, bytes))).toEqual([409, String(CHUNK)]);
    expect(told(await at.put(url, bytes.subarray(2 * CHUNK), range(2 * CHUNK, bytes.length)))).toEqual([409, String(CHUNK)]);
  });
});

describe('a content that is not what it was said to be', () => {
  const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
  const bad = (bytes: Uint8Array, input: Record<string, unknown>, reason: string, stored: boolean) => ({ bytes, input, reason, stored });
  it.each([
    [
      'another type, seen at its beginning',
      bad(Buffer.concat([PNG, Buffer.alloc(CHUNK)]), { contentType: 'application/pdf' }, 'TYPE_MISMATCH', false),
    ],
    ['a type that is not kept', bad(Buffer.concat([Buffer.from('MZ\x90\x00'), Buffer.alloc(2 * CHUNK)]), {}, 'TYPE_NOT_ALLOWED', false)],
    ['bytes that are no text, seen at its end', bad(Buffer.concat([someText(2 * CHUNK), Buffer.from([0])]), {}, 'TYPE_MISMATCH', true)],
    ['another hash', bad(someText(2 * CHUNK), { sha256: 'a'.repeat(64) }, 'HASH_MISMATCH', true)],
  ])('is 422 and is cleared away: %s', async (_what, { bytes, input, reason, stored }) => {
    const patient = await house.addPatient();
    const { id, url } = await at.addressFor(patient, bytes, input);
    const before = await house.snapshot();
    const sent = await at.put(url, bytes);
    const { code, reason: why } = sent.json?.errors?.[0]?.extensions ?? {};
    expect([sent.status, code]).toEqual([422, 'BAD_USER_INPUT']);
    expect(['TYPE_NOT_ALLOWED', 'TYPE_MISMATCH'].includes(reason) ? ['TYPE_NOT_ALLOWED', 'TYPE_MISMATCH'] : [reason]).toContain(why);
    const after = await house.snapshot();
    if (!stored) expect([after['primary'], after['backup']]).toEqual([before['primary'], before['backup']]);
    expect((await at.put(url, bytes)).status).toBe(403);
    expect(await at.finish(patient, id)).toMatchObject({ __typename: 'ContentRefused', reason: why });
    expect((await at.resume(patient, id)).__typename).toBe('UploadNotFound');
    expect(await refusedAs('upload', patient.patientId)).toEqual(expect.arrayContaining([[4, why]]));
    expect(await house.sql('MTL', 'select state, expires_at <= now() as over from files.upload where id = $1', [id])).toEqual([
      { state: 'refused', over: true },
    ]);
  });
  it('is looked at whole, also where it came in two parts', async () => {
    const patient = await house.addPatient();
    const eicar = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$', 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join('');
    const bytes = Buffer.concat([someText(CHUNK - 30), Buffer.from(eicar), someText(2 * CHUNK)]);
    const { url } = await at.addressFor(patient, bytes);
    await expect(at.put(url, pieces(bytes, 64 * 1024, 2 * CHUNK + 50_000))).rejects.toThrow('aborted');
    const offset = Number((await at.head(url)).headers['upload-offset']);
    expect(offset).toBeGreaterThan(CHUNK);
    const sent = await at.put(url, bytes.subarray(offset), {
      headers: { 'content-range': `bytes ${offset}-${bytes.length - 1}/${bytes.length}` },
    });
    expect([sent.status, sent.json?.errors?.[0]?.extensions['reason']]).toEqual([422, 'MALWARE_SIGNATURE']);
  });
  it.each(['header', 'chunk', 'order', 'key', 'context'])('is 422 SEAL_BROKEN where the sealed stream is not whole: %s', async (what) => {
    const patient = await house.addPatient();
    const bytes = someText(3 * CHUNK);
    const flow = await sealFlow(house, bytes);
    const { id, url } = await at.addressFor(patient, bytes, { sealedKey: flow.sealedKey });
    const stream = Buffer.from(
      await (what === 'key' ? await sealFlow(house, bytes) : flow).stream(what === 'context' ? 'MTL-upl-other' : id),
    );
    const sealed = CHUNK + 16;
    if (what === 'header') stream[40] = (stream[40] ?? 0) ^ 1;
    if (what === 'chunk') stream[64 + sealed + 5] = (stream[64 + sealed + 5] ?? 0) ^ 1;
    if (what === 'order') {
      const first = Buffer.from(stream.subarray(64, 64 + sealed));
      stream.copy(stream, 64, 64 + sealed, 64 + 2 * sealed);
      first.copy(stream, 64 + sealed);
    }
    const sent = await at.put(url, stream);
    expect([sent.status, sent.json?.errors?.[0]?.extensions['reason']]).toEqual([422, 'SEAL_BROKEN']);
    expect((await at.finish(patient, id)).reason).toBe('SEAL_BROKEN');
  });
  it('is not even asked for where the transfer key does not open, or is of another length', async () => {
    const patient = await house.addPatient();
    const { sealedKey } = await sealFlow(house, someText(1));
    for (const key of ['nonsense', `${sealedKey.slice(0, -4)}AAAA`, sealedKey.repeat(40)]) {
      const before = await house.snapshot();
      expect(await at.request(patient, patient.patientId, someText(1), { sealedKey: key })).toMatchObject({
        __typename: 'ContentRefused',
        reason: 'SEAL_BROKEN',
      });
      expect(await house.snapshot()).toEqual(before);
    }
  });
});

describe('a download at an address', () => {
  const kept = async (size: number) => {
    const patient = await house.addPatient();
    const bytes = someText(size);
    return { patient, bytes, file: await at.upload(patient, bytes, { name: 'Écho “cœur” 心.txt' }) };
  };
  it('names the file for every client', async () => {
    const { patient, file } = await kept(10);
    const { headers } = await at.get((await at.download(patient, file.id)).url);
    expect(headers['content-disposition']).toContain("filename*=UTF-8''%C3%89cho%20%E2%80%9Cc%C5%93ur%E2%80%9D%20%E5%BF%83.txt");
  });
  it.each([
    ['bytes=0-9', 0, 10],
    ['bytes=5-', 5, null],
    ['bytes=-7', -7, null],
    ['bytes=262143-262144', CHUNK - 1, CHUNK + 1],
    ['bytes=300000-99999999', 300_000, null],
  ])('gives one range: %s', async (range, start, end) => {
    const { patient, bytes, file } = await kept(2 * CHUNK + 9);
    const got = await at.get((await at.download(patient, file.id)).url, { headers: { range } });
    const expected = bytes.subarray(start < 0 ? bytes.length + start : start, end ?? bytes.length);
    expect([got.status, got.headers['content-length'], got.body.equals(expected)]).toEqual([206, String(expected.length), true]);
    expect(got.headers['content-range']).toBe(
      `bytes ${start < 0 ? bytes.length + start : start}-${(end ?? bytes.length) - 1}/${bytes.length}`,
    );
    const [, last] = (await house.audits('MTL', 'download', patient.patientId)).map(({ body }) => JSON.parse(body));
    expect(last ?? (await house.audits('MTL', 'download', patient.patientId)).map(({ body }) => JSON.parse(body))[0]).toMatchObject({
      outcome: '0',
      entities: [
        { kind: 'MedicalFile', what: file.id, sha256: sha256Of(bytes) },
        { kind: 'Range', what: got.headers['content-range'] },
      ],
    });
  });
  it.each(['bytes=9-5', 'bytes=20-', 'bytes=-0', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=a-b', 'bytes=-', 'nonsense'])(
    'is 416 for %s',
    async (range) => {
      const { patient, file } = await kept(20);
      const { url } = await at.download(patient, file.id);
      const got = await at.get(url, { headers: { range } });
      expect([got.status, got.headers['content-range']]).toEqual([416, 'bytes */20']);
      expect((await at.get(url)).status).toBe(200);
    },
  );
  it('goes on by ranges where it broke off, gives the same bytes, and then is used up', async () => {
    for (const sealed of [false, true]) {
      const { patient, bytes, file } = await kept(3 * CHUNK + 5);
      const { publicKey, privateKey } = reader();
      const { url, sealedKey, sizeBytes } = await at.download(patient, file.id, sealed ? publicKey : null);
      const first = await at.get(url, { stopAfter: CHUNK / 2 });
      expect(first.body.length).toBeLessThan(sizeBytes);
      const state = () => house.sql('MTL', 'select handed_bytes, lease from files.download where id = $1', [idIn(url)]);
      const before = await state();
      expect((await at.get(url, { headers: { range: `bytes=${sizeBytes - 1}-` } })).status).toBe(416);
      expect(await state()).toEqual(before);
      const from = 1_000; // before what was handed out
      const second = await at.get(url, { headers: { range: `bytes=${from}-${first.body.length + 99}` } });
      expect([second.status, second.body.length]).toEqual([206, first.body.length + 100 - from]);
      const third = await at.get(url, { headers: { range: `bytes=${first.body.length + 100}-` } });
      expect(third.status).toBe(206);
      const whole = Buffer.concat([first.body.subarray(0, from), second.body, third.body]);
      const opened = sealed ? await openFlow((await compactDecrypt(sealedKey ?? '', privateKey)).plaintext, idIn(url), whole) : whole;
      expect(opened.equals(bytes)).toBe(true);
      for (const range of [undefined, 'bytes=0-', `bytes=${sizeBytes - 1}-`])
        expect((await at.get(url, { headers: range === undefined ? {} : { range } })).status).toBe(403);
    }
  });
  it('may begin anywhere, goes on from at most there, and gives the whole until its last byte was handed out', async () => {
    const { patient, bytes, file } = await kept(3 * CHUNK + 5);
    const { url, sizeBytes } = await at.download(patient, file.id);
    expect((await at.get(url, { headers: { range: 'bytes=500000-500009' } })).body.equals(bytes.subarray(500_000, 500_010))).toBe(true);
    const beyond = await at.get(url, { headers: { range: 'bytes=500011-' } });
    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, `bytes */${sizeBytes}`]);
    // The whole is what `bytes=0-` is: given, with its entry, while the last byte was not.
    const whole = await at.get(url);
    expect([whole.status, whole.headers['content-range'], whole.body.equals(bytes)]).toEqual([200, undefined, true]);
    for (const range of [undefined, 'bytes=0-', 'bytes=0-0', 'bytes=500000-500009', 'bytes=-1'])
      expect((await at.get(url, { headers: range === undefined ? {} : { range } })).status).toBe(403);
    const entries = (await house.audits('MTL', 'download', patient.patientId)).map(({ body }) => JSON.parse(body));
    const given = entries.filter(({ outcome }) => outcome === '0').map(({ entities }) => entities);
    expect(given).toHaveLength(2);
    for (const range of [`bytes 500000-500009/${sizeBytes}`, `bytes 0-${sizeBytes - 1}/${sizeBytes}`])
      expect(given).toContainEqual([
        { kind: 'MedicalFile', what: file.id, sha256: sha256Of(bytes) },
        { kind: 'Range', what: range },
      ]);
  });
  it('withholds the last bytes where it cannot be noted that the address is used up', async () => {
    const { patient, bytes, file } = await kept(2 * CHUNK);
    const { url } = await at.download(patient, file.id);
    await house.sql('MTL', `create function files.refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$`);
    await house.sql(
      'MTL',
      'create trigger refuse before update of handed_bytes on files.download for each row when (new.handed_bytes > 0) execute function files.refuse()',
    );
    try {
      const got = await at.get(url);
      expect([got.status, got.broken !== null, got.body.length < bytes.length]).toEqual([200, true, true]);
    } finally {
      await house.sql('MTL', 'drop function files.refuse() cascade');
    }
    // The lease was not let go either: it runs out.
    await house.sql('MTL', `update files.download set lease_until = now() where id = $1`, [idIn(url)]);
    expect((await at.get(url)).body.equals(bytes)).toBe(true);
    expect((await at.get(url, { headers: { range: 'bytes=0-' } })).status).toBe(403);
  });
  it('has its next range within an hour, and within a day of its address', async () => {
    const { patient, file } = await kept(20);
    const { url } = await at.download(patient, file.id);
    const left = async () => {
      const [row] = await house.sql('MTL', 'select extract(epoch from expires_at - now())::float8 as s from files.download where id = $1', [
        idIn(url),
      ]);
      return Number(row?.['s']);
    };
    const next = async () => (await at.get(url, { headers: { range: 'bytes=0-9' } })).status;
    expect(await next()).toBe(206);
    expect(Math.round((await left()) / 600)).toBe(6);
    await house.sql(
      'MTL',
      `update files.download set created_at = now() - interval '23 hours 50 minutes', expires_at = now() + interval '60 s' where id = $1`,
      [idIn(url)],
    );
    expect(await next()).toBe(206);
    expect(Math.round((await left()) / 600)).toBe(1);
    await house.sql('MTL', `update files.download set created_at = now() - interval '24 hours', expires_at = now() where id = $1`, [
      idIn(url),
    ]);
    expect(await next()).toBe(403);
  });
  it('gives the same ranges of a sealed stream wherever they begin and end', async () => {
    const { patient, file, bytes } = await kept(2 * CHUNK + 77);
    const { publicKey, privateKey } = reader();
    const { url, sealedKey, sizeBytes } = await at.download(patient, file.id, publicKey);
    const { plaintext } = await compactDecrypt(sealedKey ?? '', privateKey);
    let offset = 0;
    const parts: Buffer[] = [];
    for (const end of [1, 63, 64, 65, 64 + CHUNK, 64 + CHUNK + 16, 64 + CHUNK + 17, 64 + 2 * (CHUNK + 16), sizeBytes - 1, sizeBytes]) {
      const got = await at.get(url, { headers: { range: `bytes=${offset}-${end - 1}` } });
      expect([end, got.status, got.body.length]).toEqual([end, 206, end - offset]);
      parts.push(got.body);
      offset = end;
    }
    expect((await openFlow(plaintext, idIn(url), Buffer.concat(parts))).equals(bytes)).toBe(true);
  });
  it('serves one at a time', async () => {
    const { patient, bytes, file } = await kept(3 * CHUNK);
    const { url } = await at.download(patient, file.id);
    const { transfer } = house.subgraph;
    if (!transfer) throw new Error('no transfers');
    const path = url.slice(url.indexOf('/files/') + 7);
    const base = { method: 'GET' as const, path, body: pieces(Buffer.alloc(0)), caller: house.callerOf(null), sessionEnded: false };
    const first = await transfer({ ...base, headers: {}, signal: new AbortController().signal });
    const iterator = (first.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    await iterator.next();
    expect((await at.get(url, { headers: { range: 'bytes=0-9' } })).status).toBe(409);
    await iterator.return?.();
    expect((await at.get(url, { headers: { range: 'bytes=0-' } })).body.equals(bytes)).toBe(true);
  });
  it('is over when the patient is erased, the grant ends, or the file is deleted', async () => {
    const { patient, file } = await kept(10);
    const doctor = house.practitioner('QUE');
    await house.grant(patient.patientId, doctor.practitionerId);
    const { url: granted } = await at.download(doctor, file.id);
    await house.sql('MTL', 'delete from patients.access_grant where patient_id = $1', [patient.patientId]);
    expect((await at.get(granted)).status).toBe(403);
    const { url: deleted } = await at.download(patient, file.id);
    await house.ask(patient, 'mutation ($id: ID!) { deleteFile(id: $id) { __typename } }', { id: file.id });
    expect((await at.get(deleted)).status).toBe(403);
    const gone = await kept(10);
    const { url: erased } = await at.download(gone.patient, gone.file.id);
    const { url: waiting } = await at.addressFor(gone.patient, someText(10));
    await house.sql('MTL', ERASE_PATIENT, [gone.patient.patientId]);
    expect((await at.get(erased)).status).toBe(403);
    expect((await at.put(waiting, someText(10))).status).toBe(403);
  });
  it('is fail closed: without its entry no byte is given, and the address stays', async () => {
    const { patient, bytes, file } = await kept(10);
    const { url } = await at.download(patient, file.id);
    await house.sql('MTL', 'revoke insert on audit.entry from files');
    try {
      await expect(at.get(url)).rejects.toThrow('audit entry');
    } finally {
      await house.sql('MTL', 'grant insert on audit.entry to files');
    }
    expect((await at.get(url)).body.equals(bytes)).toBe(true);
  });
  it('breaks off where the content is not the one that was kept, with its last bytes withheld', async () => {
    const { patient, bytes, file } = await kept(2 * CHUNK);
    const { url } = await at.download(patient, file.id);
    await house.sql('MTL', 'update files.version set sha256 = $2 where file_id = $1', [file.id, 'b'.repeat(64)]);
    const got = await at.get(url);
    expect([(got.broken as Error).name, got.body.length < bytes.length]).toEqual(['IntegrityError', true]);
    expect(await refusedAs('download', patient.patientId)).toEqual(expect.arrayContaining([[12, 'INTEGRITY_ERROR']]));
  });
});

describe('where one store is down', () => {
  it('an upload is kept by the other, the debt is shown, and a download reads what there is', async () => {
    const dead = {
      kind: 's3',
      endpoint: 'http://127.0.0.1:9',
      region: 'none',
      bucket: 'none',
      accessKeyId: 'none',
      secretAccessKey: 'none-at-all',
      pathStyle: true,
    } as const;
    for (const [down, kept] of [
      ['backup', 'primary'],
      ['primary', 'backup'],
    ] as const) {
      const patient = await house.addPatient();
      const bytes = someText(2 * CHUNK + 1);
      const { id, url } = await at.addressFor(patient, bytes);
      const halved = await house.start({ files: { ...house.files, [down]: dead } });
      try {
        await expect(at.put(url, pieces(bytes, 64 * 1024, CHUNK + 200_000), { of: halved })).rejects.toThrow('aborted');
        expect(told(await at.head(url, { of: halved }))).toEqual([200, String(CHUNK)]);
        const rest = { headers: { 'content-range': `bytes ${CHUNK}-${bytes.length - 1}/${bytes.length}` } };
        expect((await at.put(url, bytes.subarray(CHUNK), { ...rest, of: halved })).status).toBe(201);
        const { file } = await at.finish(patient, id, halved);
        expect(file.copies).toEqual(
          expect.arrayContaining([
            { store: down, state: 'OWED' },
            { store: kept, state: 'STORED' },
          ]),
        );
        const got = await at.get((await at.download(patient, file.id)).url, { of: halved });
        expect([got.broken, got.body.equals(bytes)]).toEqual([null, true]);
      } finally {
        await halved.stop();
      }
    }
  }, 60_000);
});

describe('an address that does not hold', () => {
  /** Every part of an address changed, and addresses of others. */
  const forged = (url: string, other: string): Record<string, string> => {
    const [, head = '', id = '', expires = '', tag = '', mac = ''] =
      /^(.*\/)([^.]+)\.([^.]+)\.([^.]+)\.([^.]+)$/.exec(url.replace('127.0.0.1', 'HOST')) ?? [];
    const join = (...parts: string[]) => `${head}${parts.join('.')}`.replace('HOST', '127.0.0.1');
    const [, , otherId = ''] = /^(.*\/)([^.]+)\./.exec(other.replace('127.0.0.1', 'HOST')) ?? [];
    return {
      'a longer key': join(id, expires, tag, `${mac}A`),
      'a shorter key': join(id, expires, tag, mac.slice(0, -1)),
      'a key with its spare bits set': join(
        id,
        expires,
        tag,
        `${mac.slice(0, -1)}${String.fromCharCode(mac.charCodeAt(mac.length - 1) + 1)}`,
      ),
      'no key': join(id, expires, tag, ''),
      'a later end': join(id, String(Number(expires) + 60_000), tag, mac),
      'another session': join(id, expires, 'AAAAAAAAAAA', mac),
      'another id': join(otherId, expires, tag, mac),
      'another city': join(id.replace('MTL', 'QUE'), expires, tag, mac),
      'another kind': url.replace('/upload/', '/download/'),
      'a traversal': url.replace('/upload/', '/upload/../upload/'),
      'a query': `${url}?size=1`,
      capitals: url.toUpperCase().replace('HTTP://127.0.0.1:4000/FILES/', 'http://127.0.0.1:4000/files/'),
    };
  };
  it('is refused however it was changed, and nothing is looked up or written but the entry', async () => {
    const patient = await house.addPatient();
    const bytes = someText(10);
    const [{ url }, { url: other }] = [await at.addressFor(patient, bytes), await at.addressFor(patient, bytes)];
    const before = await house.snapshot();
    for (const [what, bad] of Object.entries(forged(url, other))) {
      const sent = await at.put(bad, bytes);
      expect([what, sent.status, sent.json?.errors?.[0]?.extensions['code']]).toEqual([what, 403, 'FORBIDDEN']);
    }
    for (const method of ['GET', 'OTHER'] as const) expect((await at.send(method, url)).status).toBe(403);
    expect(await house.snapshot()).toEqual(before);
    const { rows } = await (await house.network.admin('MTL')).query(
      `select count(*)::int as n from audit.entry where act = 'upload' and outcome = 8`,
    );
    expect(rows[0].n).toBeGreaterThanOrEqual(8);
    expect((await at.put(url, bytes)).status).toBe(201);
  });
  it('is refused once it has ended: used, late, replaced, or with its session', async () => {
    const patient = await house.addPatient();
    const bytes = someText(10);
    const { id, url } = await at.addressFor(patient, bytes);
    const late = await house.start({ clock: () => new Date(Date.now() + 5 * 60_000) });
    try {
      expect((await at.put(url, bytes, { of: late })).status).toBe(403);
      expect((await at.head(url, { of: late })).status).toBe(403);
      expect((await at.put(url, bytes, { sessionEnded: true })).status).toBe(403);
      expect((await at.put(url, bytes)).status).toBe(201);
      expect((await at.put(url, bytes)).status).toBe(403);
      expect((await at.head(url)).status).toBe(403);
      const { file } = await at.finish(patient, id);
      const { url: from } = await at.download(patient, file.id);
      expect((await at.get(from, { of: late })).status).toBe(403);
      expect((await at.get(from, { sessionEnded: true })).status).toBe(403);
      expect((await at.send('HEAD', from)).status).toBe(403);
      expect((await at.put(from, bytes)).status).toBe(403);
      expect((await at.get(from)).status).toBe(200);
      expect((await at.get(from)).status).toBe(403);
    } finally {
      await late.stop();
    }
    expect(await refusedAs('upload', patient.patientId)).toEqual([
      [8, 'ADDRESS_EXPIRED'],
      [8, 'ADDRESS_EXPIRED'],
      [8, 'SESSION_ENDED'],
      [0, null],
      [8, 'ADDRESS_USED'],
      [8, 'ADDRESS_USED'],
    ]);
    expect((await refusedAs('download', patient.patientId)).map(([outcome]) => outcome)).toEqual([8, 8, 0, 8]);
  });
  it('is refused to a token of another account, and not to one of its own', async () => {
    const [patient, other] = [await house.addPatient(), await house.addPatient()];
    const bytes = someText(10);
    const { id, url } = await at.addressFor(patient, bytes);
    const before = await house.snapshot();
    expect((await at.put(url, bytes, { caller: house.callerOf(other) })).status).toBe(403);
    expect(await house.snapshot()).toEqual(before);
    expect((await at.put(url, bytes, { caller: house.callerOf({ ...patient, sessionId: 'MTL-ses-another' }) })).status).toBe(201);
    const { file } = await at.finish(patient, id);
    const { url: from } = await at.download(patient, file.id);
    expect((await at.get(from, { caller: house.callerOf(other) })).status).toBe(403);
    expect((await at.get(from, { caller: house.callerOf(patient) })).status).toBe(200);
  });
  it('is one of eight that an account uses at once', async () => {
    const patient = await house.addPatient();
    const bytes = someText(CHUNK);
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = async function* () {
      yield bytes.subarray(0, 100);
      await promise;
      yield bytes.subarray(100);
    };
    const asked = await Promise.all(Array.from({ length: 9 }, () => at.addressFor(patient, bytes)));
    const first = asked.slice(0, 8).map(({ url }) => at.put(url, waiting()));
    await new Promise((done) => setTimeout(done, 300));
    const ninth = await at.put(asked[8]?.url ?? '', bytes);
    expect([ninth.status, ninth.headers['retry-after']]).toEqual([429, '5']);
    resolve();
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual(Array(8).fill(201));
    expect((await at.put(asked[8]?.url ?? '', bytes)).status).toBe(201);
  });
});
