import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Viewer } from '#platform/access/viewer.ts';
import { newId } from '#platform/database/new-id.ts';
import { readPublicKey, sealFor, serverKeyOf } from '#platform/sealing/seal.ts';
import { realFiles } from '#test/support/real-files.ts';
import { type Harness, sha256Of, someText, startHarness, UPLOAD } from './harness.ts';

let house: Harness;
beforeAll(async () => {
  house = await startHarness();
});
afterAll(async () => {
  await house?.stop();
});

const KIB = 1024;
const read = async (who: Viewer, id: string, field = 'content'): Promise<Buffer> => {
  const { data, errors } = await house.ask(who, `query ($id: ID!) { file(id: $id) { ${field} } }`, { id });
  expect(errors).toEqual([]);
  return Buffer.from(data.file.content, 'base64');
};
const sealed = async (bytes: Uint8Array): Promise<string> =>
  sealFor(await readPublicKey(JSON.stringify(serverKeyOf(house.network.secrets.sealingKeys))), bytes);
/** What a field of input is refused for, with nothing written. */
const refusedInput = async (who: Viewer, input: Record<string, unknown>): Promise<unknown> => {
  const before = await house.snapshot();
  const { data, errors, codes } = await house.ask(who, UPLOAD, { input });
  expect(codes).toEqual(['BAD_USER_INPUT']);
  expect(data.uploadFile).toBeNull();
  expect(await house.snapshot()).toEqual(before);
  return errors[0]?.extensions['field'];
};

describe('uploadFile', () => {
  it.each([0, 1, 256 * KIB])('keeps %i bytes and gives them back', async (size) => {
    const patient = await house.addPatient();
    const bytes = someText(size);
    const kept = await house.upload(patient, patient.patientId, { bytes, name: 'E\u0301cho cœur d’Éloïse.txt', priority: 'HIGH' });
    expect(kept).toEqual({
      __typename: 'UploadFileSuccess',
      file: {
        id: expect.stringMatching(/^MTL-fil-/),
        name: 'Écho cœur d’Éloïse.txt',
        contentType: 'text/plain',
        priority: 'HIGH',
        sizeBytes: size,
        sha256: sha256Of(bytes),
        version: 1,
        createdAt: expect.any(String),
        copies: [
          { store: 'primary', state: 'STORED' },
          { store: 'backup', state: 'STORED' },
        ],
        patient: { id: patient.patientId },
      },
    });
    expect((await read(patient, kept.file.id)).equals(bytes)).toBe(true);
    const [used] = await house.sql(
      'MTL',
      'select used_bytes::int as used, reserved_bytes::int as reserved from files.subject where patient_id = $1',
      [patient.patientId],
    );
    expect(used).toEqual({ used: size, reserved: 0 });
    const entries = await house.audits('MTL', 'uploadFile', patient.patientId);
    expect(entries.map(({ outcome, actor_id }) => [outcome, actor_id])).toEqual([[0, patient.accountId]]);
    expect(JSON.parse(entries[0]?.body ?? '').entities).toEqual([{ kind: 'MedicalFile', what: kept.file.id, sha256: sha256Of(bytes) }]);
  });

  it.each([0, 1, 256 * KIB + 1, KIB * KIB])('keeps %i bytes that were sealed, and seals them for the reader', async (size) => {
    const patient = await house.addPatient('SHE');
    const bytes = someText(size);
    const kept = await house.upload(patient, patient.patientId, { content: null, sealed: await sealed(bytes) });
    expect(kept.file).toMatchObject({ sizeBytes: size, sha256: sha256Of(bytes) });
    const { generateKeyPair, exportJWK, compactDecrypt } = await import('jose');
    const pair = await generateKeyPair('ECDH-ES', { crv: 'X25519', extractable: true });
    const answer = await house.ask(patient, 'query ($id: ID!, $key: String!) { file(id: $id) { sealedContent(publicKey: $key) } }', {
      id: kept.file.id,
      key: JSON.stringify(await exportJWK(pair.publicKey)),
    });
    expect(answer.errors).toEqual([]);
    const { plaintext } = await compactDecrypt(answer.data.file.sealedContent, pair.privateKey);
    expect(sha256Of(plaintext)).toBe(sha256Of(bytes));
    if (size > 256 * KIB) {
      const inClear = await house.ask(patient, 'query ($id: ID!) { file(id: $id) { name content } }', { id: kept.file.id });
      expect([inClear.codes, inClear.data.file.content]).toEqual([['LIMIT_EXCEEDED'], null]);
      expect(inClear.errors[0]?.message).toContain('downloadUrl');
    }
  });

  const real = realFiles();
  if (real.length === 0) console.warn('the real medical files are not beside the repository: 1 test of each is left out');
  const withReal = real.length > 0 ? it.each(real) : it.skip.each([{ name: 'the real files', contentType: '', bytes: Buffer.alloc(0) }]);
  withReal('keeps $name byte for byte, in the clear where it fits and sealed', async ({ name, contentType, bytes }) => {
    const patient = await house.addPatient('QUE');
    const doctor = house.viewer('D', 'QUE', { practitionerId: newId('QUE', 'prc') });
    const ways: Record<string, unknown>[] = [];
    if (bytes.length <= 256 * KIB) ways.push({ bytes });
    if (bytes.length <= KIB * KIB) ways.push({ content: null, sealed: await sealed(bytes) });
    for (const [index, way] of ways.entries()) {
      const kept = await house.upload(doctor, patient.patientId, { name, contentType, ...way });
      expect(kept.file).toMatchObject({ name, contentType, version: index + 1, sizeBytes: bytes.length, sha256: sha256Of(bytes) });
      if (bytes.length <= 256 * KIB) expect((await read(patient, kept.file.id)).equals(bytes)).toBe(true);
    }
    if (ways.length === 0) {
      expect(await refusedInput(doctor, { patientId: patient.patientId, name, contentType, sealed: await sealed(bytes) })).toBe(
        'input.sealed',
      );
    }
    // What stands inside a DICOM file (0010,0010: the patient's name) stays there.
    const inside = /PN..([A-Za-z][A-Za-z^ ]{4,})/.exec(bytes.toString('latin1'))?.[1];
    const [row] = await house.sql('QUE', 'select count(*)::int as n from files.file where patient_id = $1 and name <> $2', [
      patient.patientId,
      name,
    ]);
    expect(row?.['n']).toBe(0);
    if (inside) expect(house.logs()).not.toContain(inside);
  });

  it('refuses more than 256 KiB in the clear, more than 1 MiB sealed, both and neither, and writes nothing', async () => {
    const patient = await house.addPatient();
    const base = { patientId: patient.patientId, name: 'a.txt', contentType: 'text/plain' };
    const small = Buffer.from('a').toString('base64');
    expect(await refusedInput(patient, { ...base, content: someText(256 * KIB + 1).toString('base64') })).toBe('input.content');
    expect(await refusedInput(patient, { ...base, sealed: 'x'.repeat(1_500_000) })).toBe('input.sealed');
    expect(await refusedInput(patient, { ...base, content: small, sealed: 'x' })).toBe('input.sealed');
    expect(await refusedInput(patient, base)).toBe('input.content');
    const over = await house.upload(patient, patient.patientId, { content: null, sealed: await sealed(someText(KIB * KIB + 1)) });
    expect(over).toMatchObject({ __typename: 'ContentRefused', reason: 'SEAL_BROKEN' });
  });

  it('refuses base64 that is not exactly that', async () => {
    const patient = await house.addPatient();
    const before = await house.snapshot();
    for (const content of ['YQ', 'YQ=', 'YR==', 'Y Q==', 'YQ==\n', '-_8=', 'YQ==YQ==']) {
      const { codes } = await house.ask(patient, UPLOAD, {
        input: { patientId: patient.patientId, name: 'a.txt', contentType: 'text/plain', content },
      });
      // A variable that does not fit its type is the gateway's to refuse; behind it the scalar does.
      expect(codes).toEqual([expect.stringMatching(/^(BAD_USER_INPUT|GRAPHQL_VALIDATION_FAILED)$/)]);
    }
    expect(await house.snapshot()).toEqual(before);
  });

  it.each(['../../etc/passwd', '..\\boot.ini', '%2e%2e%2fx', '/abs', 'a\0b', 'CON', 'scan\u202efdp.exe', 'a'.repeat(300), '.', ''])(
    'refuses the name %j and writes nothing',
    async (name) => {
      const patient = await house.addPatient();
      const content = Buffer.from('a').toString('base64');
      expect(await refusedInput(patient, { patientId: patient.patientId, name, contentType: 'text/plain', content })).toBe('input.name');
    },
  );

  it.each([
    ['text/html', 'a', 'TYPE_NOT_ALLOWED'],
    ['text/plain', '<svg onload="alert(1)"/>', 'TYPE_NOT_ALLOWED'],
    ['image/png', '%PDF-1.7 and more', 'TYPE_MISMATCH'],
    ['text/plain', ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$', 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join(''), 'MALWARE_SIGNATURE'],
  ])('refuses as %s what is not: %#', async (contentType, text, reason) => {
    const patient = await house.addPatient();
    const before = await house.snapshot();
    const refused = await house.upload(patient, patient.patientId, { contentType, bytes: Buffer.from(text) }, { language: 'fr' });
    expect(refused).toMatchObject({ __typename: 'ContentRefused', reason, allowed: expect.arrayContaining(['application/dicom']) });
    expect(refused.message).toMatch(/contenu/i);
    expect(await house.snapshot()).toEqual(before);
    const entries = await house.audits('MTL', 'uploadFile', patient.patientId);
    expect(entries.map(({ outcome, body }) => [outcome, JSON.parse(body).reason])).toEqual([[4, reason]]);
  });

  it('refuses a seal that does not open', async () => {
    const patient = await house.addPatient();
    const before = await house.snapshot();
    const good = await sealed(Buffer.from('a note'));
    const parts = good.split('.');
    const flipped = [...parts.slice(0, 3), `${parts[3]?.startsWith('A') ? 'B' : 'A'}${parts[3]?.slice(1)}`, parts[4]].join('.');
    for (const broken of ['nothing', flipped, `${good}x`, parts.slice(0, 4).join('.')])
      expect(await house.upload(patient, patient.patientId, { content: null, sealed: broken })).toMatchObject({
        __typename: 'ContentRefused',
        reason: 'SEAL_BROKEN',
      });
    expect(await house.snapshot()).toEqual(before);
  });

  it('numbers versions of a name without a gap when twenty come at once', async () => {
    const patient = await house.addPatient();
    const contents = Array.from({ length: 20 }, (_, i) => Buffer.from(`finding ${i}`));
    const kept = await Promise.all(contents.map((bytes) => house.upload(patient, patient.patientId, { bytes, name: 'finding.txt' })));
    expect(new Set(kept.map(({ file }) => file.id)).size).toBe(1);
    expect(kept.map(({ file }) => file.version).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    const { data } = await house.ask(
      patient,
      '{ patient: _entities(representations: [{ __typename: "Patient", id: "' +
        patient.patientId +
        '" }]) { ... on Patient { files { nodes { version sha256 versions(first: 100) { nodes { version sha256 content } } } } } } }',
    );
    const [file] = data.patient[0].files.nodes;
    expect(data.patient[0].files.nodes).toHaveLength(1);
    expect(file.versions.nodes.map(({ version }: { version: number }) => version)).toEqual(Array.from({ length: 20 }, (_, i) => 20 - i));
    expect(file.sha256).toBe(file.versions.nodes[0].sha256);
    for (const { file: answered } of kept) {
      const version = file.versions.nodes.find((each: { version: number }) => each.version === answered.version);
      expect([version.sha256, sha256Of(Buffer.from(version.content, 'base64'))]).toEqual([answered.sha256, answered.sha256]);
    }
  });
});
