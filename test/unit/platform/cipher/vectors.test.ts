import { execFile, spawnSync } from 'node:child_process';
import { createCipheriv, createDecipheriv, createHash, createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { expandSha256 } from '#platform/cipher/hkdf.ts';
import { CipherError, openStream } from '#platform/cipher/stream.ts';
import { applyChanges, type FileVectors, makeFileVectors, patternOf, sealWhole } from '#test/unit/platform/vectors/file-vectors.ts';
import { readWycheproof } from '#test/unit/platform/vectors/shared.ts';

const { vectors, refused, about } = JSON.parse(readFileSync('docs/vectors/file-format-v1.json', 'utf8')) as FileVectors;
const fromHex = (text: string): Buffer => Buffer.from(text, 'hex');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const sealedOf = (name: string): Buffer => {
  const vector = vectors.find((each) => each.name === name);
  if (vector === undefined) throw new Error(`no vector ${name}`);
  return sealWhole(fromHex(vector.dataKey), vector.context, patternOf(vector.plainBytes), fromHex(vector.salt));
};
/** The refused ones as they are, each with key and context to try them with. */
const tampered = () =>
  refused.map((each) => {
    const vector = vectors.find(({ name }) => name === each.of);
    return {
      ...each,
      sealed: applyChanges(sealedOf(each.of), each.changes),
      dataKey: each.dataKey ?? vector?.dataKey ?? '',
      context: each.context ?? vector?.context ?? {},
    };
  });
const open = async (key: string, context: Readonly<Record<string, string>>, sealed: Buffer): Promise<Buffer> => {
  const pieces: Uint8Array[] = [];
  async function* source() {
    yield sealed;
  }
  for await (const piece of openStream(fromHex(key), context, source())) pieces.push(piece);
  return Buffer.concat(pieces);
};

describe('the published vectors', () => {
  it('are what this format writes, to the byte', () => {
    expect({ about, vectors, refused }).toEqual(makeFileVectors());
  });

  it('open to their contents', async () => {
    for (const vector of vectors) {
      const sealed = vector.sealed === undefined ? sealedOf(vector.name) : fromHex(vector.sealed);
      expect([vector.name, sha256(sealed)]).toEqual([vector.name, vector.sealedSha256]);
      const plain = await open(vector.dataKey, vector.context, sealed);
      expect([vector.name, plain.equals(patternOf(vector.plainBytes)), sha256(plain)]).toEqual([vector.name, true, vector.plainSha256]);
    }
  });

  it('are refused where they say so, for that reason', async () => {
    for (const { name, dataKey, context, sealed, reason } of tampered()) {
      const fault = await open(dataKey, context, sealed).catch((error: unknown) => error);
      expect([name, fault instanceof CipherError && fault.reason]).toEqual([name, reason]);
    }
  });

  it('follow from the standard functions by the description alone', () => {
    for (const vector of vectors.filter(({ plainBytes }) => plainBytes <= 100)) {
      const header = fromHex(vector.header);
      const members = Object.entries(vector.context).toSorted(([a], [b]) => (a < b ? -1 : 1));
      const info = Buffer.concat([
        Buffer.from('caregraph/file@v1+AEAD_AES_256_GCM\0'),
        fromHex(vector.salt),
        Buffer.from(`{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`),
      ]);
      const block = (before: Buffer, i: number) =>
        createHmac('sha256', fromHex(vector.dataKey)).update(before).update(info).update(Uint8Array.of(i)).digest();
      const first = block(Buffer.alloc(0), 1);
      const second = block(first, 2);
      const derived = Buffer.concat([first, second, block(second, 3)]);
      const cipher = createCipheriv(
        'aes-256-gcm',
        derived.subarray(0, 32),
        Buffer.concat([derived.subarray(32, 39), Buffer.from([0, 0, 0, 0, 1])]),
      );
      const body = Buffer.concat([cipher.update(patternOf(vector.plainBytes)), cipher.final(), cipher.getAuthTag()]);
      expect(header.toString('hex')).toBe(
        `${Buffer.from('CGFILE\0\x01').toString('hex')}${vector.salt}${derived.subarray(39, 71).toString('hex')}`,
      );
      expect(Buffer.concat([header, body]).toString('hex')).toBe(vector.sealed);
    }
  });
});

describe('a second reader, in Python', () => {
  const python = '/usr/bin/python3';
  const probe = spawnSync(python, ['-c', 'import cryptography; print(cryptography.__version__)'], { encoding: 'utf8', timeout: 20_000 });
  const isThere = probe.status === 0;
  if (!isThere)
    console.warn(
      `skipped: ${python} with the module cryptography is not here (Debian: python3-cryptography); the second reader did not run`,
    );

  (isThere ? it : it.skip)('opens what opens and refuses what is refused', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-vectors-'));
    try {
      const jobs = [
        ...vectors.map((vector) => ({
          ...vector,
          sealed: sealedOf(vector.name),
          answer: `ok ${vector.plainBytes} ${vector.plainSha256}`,
        })),
        ...tampered().map((each) => ({ ...each, answer: `refused ${each.reason}` })),
      ].map((job, i) => ({ ...job, path: path.join(folder, `${i}.sealed`) }));
      for (const job of jobs) writeFileSync(job.path, job.sealed);
      const answers = await new Promise<string>((resolve, reject) => {
        const child = execFile(python, ['test/unit/platform/cipher/reader.py'], { timeout: 25_000 }, (fault, out) =>
          fault ? reject(fault) : resolve(out),
        );
        child.stdin?.end(jobs.map(({ path: file, dataKey, context }) => `${JSON.stringify({ path: file, dataKey, context })}\n`).join(''));
      });
      expect(
        answers
          .trimEnd()
          .split('\n')
          .map((answer, i) => `${jobs[i]?.name}: ${answer}`),
      ).toEqual(jobs.map(({ name, answer }) => `${name}: ${answer}`));
      expect(jobs.length).toBe(vectors.length + refused.length);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('the primitives, by Wycheproof', () => {
  type Gcm = { key: string; iv: string; aad: string; msg: string; ct: string; tag: string };
  const gcm = readWycheproof<{ ivSize: number; keySize: number; tagSize: number }, Gcm>('aes_gcm_test');
  (gcm ? it : it.skip)('AES-256-GCM with nonces of 12 bytes and tags of 16', () => {
    const ours = (gcm ?? []).filter(({ ivSize, keySize, tagSize }) => ivSize === 96 && keySize === 256 && tagSize === 128);
    expect(ours.length).toBeGreaterThan(60);
    for (const vector of ours) {
      const decipher = createDecipheriv('aes-256-gcm', fromHex(vector.key), fromHex(vector.iv), { authTagLength: 16 });
      decipher.setAAD(fromHex(vector.aad)).setAuthTag(fromHex(vector.tag));
      const plain = decipher.update(fromHex(vector.ct));
      const final = () => decipher.final();
      if (vector.result === 'valid') {
        expect(final).not.toThrow();
        expect([vector.tcId, plain.toString('hex')]).toEqual([vector.tcId, vector.msg]);
        const cipher = createCipheriv('aes-256-gcm', fromHex(vector.key), fromHex(vector.iv), { authTagLength: 16 }).setAAD(
          fromHex(vector.aad),
        );
        expect([cipher.update(fromHex(vector.msg)).toString('hex'), cipher.final().length, cipher.getAuthTag().toString('hex')]).toEqual([
          vector.ct,
          0,
          vector.tag,
        ]);
      } else {
        expect(final).toThrow();
      }
    }
  });

  type Hkdf = { ikm: string; salt: string; info: string; size: number; okm: string };
  const hkdf = readWycheproof<object, Hkdf>('hkdf_sha256_test');
  (hkdf ? it : it.skip)('HKDF-Expand with SHA-256', () => {
    expect(hkdf?.length).toBe(86);
    for (const vector of hkdf ?? []) {
      const prk = createHmac('sha256', vector.salt === '' ? Buffer.alloc(32) : fromHex(vector.salt))
        .update(fromHex(vector.ikm))
        .digest();
      const expand = () => expandSha256(prk, fromHex(vector.info), vector.size).toString('hex');
      if (vector.result === 'valid') expect([vector.tcId, expand()]).toEqual([vector.tcId, vector.okm]);
      else expect(expand).toThrow(RangeError);
    }
  });
});
