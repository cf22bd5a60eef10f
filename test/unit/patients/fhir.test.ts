import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mergeCoverages, readCoverage } from '#patients/domain/fhir-coverage.ts';
import { isObject } from '#patients/domain/fhir-elements.ts';
import { readPatient } from '#patients/domain/fhir-patient.ts';
import { readOrganization, readPractitioner } from '#patients/domain/fhir-provider.ts';
import { readBundle, UnreadableBundleError } from '#patients/service/read-bundle.ts';
import { BadInputError } from '#platform/pure/faults.ts';

const TODAY = '2026-11-21';
const person = {
  resourceType: 'Patient',
  id: 'a',
  name: [{ family: 'Roy', given: ['Zoé'] }],
  identifier: [{ system: 'urn:x:mr', value: '1' }],
};

describe('readPatient', () => {
  it('reads the name in use, and codes of identifiers', () => {
    const name = [
      { use: 'maiden', family: 'Old' },
      { use: 'official', family: 'Côté', given: ['Éloïse'.normalize('NFD')] },
    ];
    const identifier = [
      { system: 'urn:x:mr', value: '1', type: { coding: [{ code: 'MR' }] } },
      { value: 'no system' },
      { system: 'urn:x:mr', value: '1' },
    ];
    const { patient, references } = readPatient('entry[0].resource', { ...person, name, identifier }, 'urn:uuid:9', TODAY);
    expect(patient.name).toEqual({ text: 'Éloïse Côté', family: 'Côté', given: ['Éloïse'] });
    expect(patient.identifiers).toEqual([{ system: 'urn:x:mr', value: '1', type: 'MR' }]);
    expect(references).toEqual(['urn:uuid:9', 'Patient/a', 'urn:uuid:a']);
  });
  it('knows those without an identifier by their place in the bundle', () => {
    const { identifier: _none, ...nameless } = person;
    expect(readPatient('p', nameless, 'urn:uuid:9', TODAY).patient.identifiers).toEqual([
      { system: 'urn:ietf:rfc:3986', value: 'urn:uuid:9', type: null },
    ]);
    const { id: _id, ...without } = nameless;
    expect(() => readPatient('p', without, null, TODAY)).toThrow('p.identifier');
  });
  it.each(['1984', '1984-02', undefined])('takes a birth date of %s as no day', (birthDate) => {
    expect(readPatient('p', { ...person, birthDate }, null, TODAY).patient.birthDate).toBeNull();
  });
  it.each(['1984-02-30', '1984-13', '84-02-01', '1849-12-31', '2026-11-22', 7, {}])('refuses a birth date of %j', (birthDate) => {
    expect(() => readPatient('p', { ...person, birthDate }, null, TODAY)).toThrow(/^p\.birthDate: /);
  });
  it('never throws anything but the path of what is wrong', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom('name', 'identifier', 'telecom', 'address', 'gender', 'birthDate', 'id', 'contained'),
          fc.jsonValue(),
        ),
        (part) => {
          for (const read of [
            () => readPatient('p', { ...person, ...part }, null, TODAY),
            () => readPractitioner('p', { ...person, ...part }, null),
            () => readOrganization('p', { ...person, ...part }, null),
            () => readCoverage('p', part),
          ])
            try {
              read();
            } catch (error) {
              expect(error).toBeInstanceOf(BadInputError);
              expect((error as BadInputError).field).toMatch(/^p\./);
            }
        },
      ),
    );
  });
});

describe('coverages', () => {
  const coverage = { beneficiary: { reference: 'Patient/a' }, payor: [{ display: 'Acme' }], type: { text: 'no insurance' } };
  it('name their plan in capitals, by type, else by payor', () => {
    expect(readCoverage('c', coverage).coverage).toEqual({ plan: 'NO_INSURANCE', payor: 'Acme', memberId: null, status: 'active' });
    expect(readCoverage('c', { ...coverage, type: undefined }).coverage.plan).toBe('ACME');
    expect(() => readCoverage('c', { ...coverage, type: undefined, payor: [] })).toThrow('c.type');
  });
  it('are one when they say the same', () => {
    const { coverage: one } = readCoverage('c', coverage);
    expect(mergeCoverages([one, { ...one, status: 'cancelled' }])).toEqual([{ ...one, status: 'cancelled' }]);
  });
});

const read = (content: string | Buffer, size = 7) => {
  const bytes = Buffer.from(content);
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
  return readBundle(Readable.from(chunks), TODAY);
};

describe('readBundle', () => {
  const bundle = JSON.stringify({
    entry: [{ resource: person }, { resource: { resourceType: 'Goal', note: ['Éloïse 🏥'] } }],
    type: 'batch',
    resourceType: 'Bundle',
  });
  it.each([1, 2, 3, 64, 10_000])(
    'reads the same from pieces of %i bytes, plain and gzip, with and without a byte order mark',
    async (size) => {
      for (const content of [bundle, `\ufeff${bundle}`, gzipSync(bundle)]) {
        const { patients, notHandled, faults } = await read(content, size);
        expect({ patients: patients.map(({ path, patient }) => [path, patient.name.text]), notHandled: { ...notHandled }, faults }).toEqual(
          {
            patients: [['entry[0].resource', 'Zoé Roy']],
            notHandled: { Goal: 1 },
            faults: [],
          },
        );
      }
    },
  );
  it('takes nothing of a file that ends at any earlier byte', async () => {
    const gzip = gzipSync(bundle);
    for (let length = 0; length < bundle.length; length += 11)
      await expect(read(Buffer.from(bundle).subarray(0, length), 50)).rejects.toThrow(UnreadableBundleError);
    for (let length = 0; length < gzip.length; length += 5)
      await expect(read(gzip.subarray(0, length), 50)).rejects.toThrow(UnreadableBundleError);
  });
  it('answers any JSON with a bundle or a plain reason', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (text) => {
        await expect(read(text, 1_000)).rejects.toThrow(UnreadableBundleError);
      }),
      { numRuns: 60 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue()), async (entry) => {
        const content = await read(JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry }), 1_000);
        expect(content.patients).toEqual([]);
        expect(content.faults).toHaveLength(entry.length);
        for (const [i, value] of entry.entries())
          expect(content.faults[i]?.path).toBe(isObject(value) ? `entry[${i}].resource` : `entry[${i}]`);
      }),
      { numRuns: 60 },
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
  it('tells a failing disk from a damaged file', async () => {
    const broken = new Readable({
      read() {
        this.destroy(Object.assign(new Error('disk'), { code: 'EIO' }));
      },
    });
    await expect(readBundle(broken, TODAY)).rejects.toMatchObject({ code: 'EIO' });
  });
});
