import { execFile } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openImport } from '#patients/server.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { openEntry } from '#test/support/subjects.ts';
import { subjectsEnv } from '#tools/processes.ts';
import { aBundle, aPatientResource } from './builders.ts';

const SYNTHEA = path.resolve('../shared/data/synthea-fhir-r4');
const run = promisify(execFile);

let network: TestNetwork;
let importing: ReturnType<typeof openImport>;
beforeAll(async () => {
  network = await testNetwork();
  importing = openImport(network);
});
afterAll(async () => {
  await importing?.stop();
  await network?.stop();
});

const bring = (content: string | Buffer) => importing.importBundle(Readable.from([Buffer.from(content)]));
const rows = async (text: string): Promise<Record<string, unknown>[]> =>
  (await Promise.all(network.cities.map(async ({ code }) => (await (await network.admin(code)).query(text)).rows))).flat();
const count = async (table: string): Promise<number> =>
  (await rows(`select count(*)::integer as n from ${table}`)).reduce((sum, { n }) => sum + Number(n), 0);

describe('importing a bundle', () => {
  it('brings patients home by address, with coverages found inside explanations of benefit', async () => {
    const report = await bring(
      aBundle([
        aPatientResource({ id: 'a', address: [{ city: 'Sherbrooke', postalCode: 'J1H 1A1', state: 'QC', country: 'CA' }] }),
        {
          resourceType: 'ExplanationOfBenefit',
          contained: [1, 2].map(() => ({
            resourceType: 'Coverage',
            status: 'active',
            type: { text: 'private' },
            beneficiary: { reference: 'Patient/a' },
            payor: [{ display: 'Acme' }],
          })),
        },
        { resourceType: 'Observation', status: 'final' },
      ]),
    );
    expect(report).toMatchObject({
      imported: { patients: 1, coverages: 1 },
      alreadyHere: { patients: 0 },
      notHandled: { ExplanationOfBenefit: 1, Observation: 1 },
      faults: [],
    });
    const [patient] = await rows(`select p.city, p.id, p.name_text, p.birth_date::text, c.plan, c.payor
      from patients.patient p join patients.coverage c on c.city = p.city and c.patient_id = p.id`);
    expect(patient).toMatchObject({ city: 'SHE', name_text: 'Éloïse Tremblay', birth_date: '1984-02-29', plan: 'PRIVATE', payor: 'Acme' });
    const tag = network.subjects.tagOf(String(patient?.['id'])).toString('hex');
    const entries = (await rows(`select act, outcome, city, event_id, sealed, body from audit.entry where patient_tag = '\\x${tag}'`)).map(
      (row) => openEntry(network.subjects, row as { city: string; event_id: string; sealed: Uint8Array; body: Uint8Array }),
    );
    expect(entries).toMatchObject([{ act: 'importPatient', outcome: 0, actor_id: 'import' }]);
    expect(JSON.parse(String(entries[0]?.body))).toMatchObject({ agent: [{ role: 'SERVICE' }, {}], purpose: 'SYSADMIN' });
  });

  it('brings none the second time, in whatever order and form', async () => {
    const people = ['b', 'c'].map((id) => aPatientResource({ id, identifier: [{ system: 'urn:x:mr', value: id }] }));
    expect((await bring(aBundle(people))).imported.patients).toBe(2);
    const before = await count('audit.entry');
    const again = await bring(gzipSync(aBundle(people.reverse())));
    expect(again).toMatchObject({ imported: { patients: 0 }, alreadyHere: { patients: 2 }, faults: [] });
    expect(await count('audit.entry')).toBe(before);
  });

  it('brings each in once when four imports of one file run at once', async () => {
    const people = Array.from({ length: 5 }, (_, i) =>
      aPatientResource({ id: `r${i}`, identifier: [{ system: 'urn:x:race', value: `${i}` }] }),
    );
    const reports = await Promise.all(Array.from({ length: 4 }, () => bring(aBundle(people))));
    expect(reports.reduce((sum, { imported }) => sum + imported.patients, 0)).toBe(5);
    expect(reports.flatMap(({ faults }) => faults)).toEqual([]);
  });

  it('reports a resource that cannot be taken in with its path, and takes the others', async () => {
    const report = await bring(
      aBundle([
        aPatientResource({ id: 'good', identifier: [{ system: 'urn:x:mr', value: 'good' }] }),
        aPatientResource({ id: 'day', identifier: [{ system: 'urn:x:mr', value: 'day' }], birthDate: '1984-02-30' }),
        aPatientResource({ id: 'gender', identifier: [{ system: 'urn:x:mr', value: 'gender' }], gender: 'constructor' }),
        aPatientResource({ id: 'nul', identifier: [{ system: 'urn:x:mr', value: 'nul' }], name: [{ family: 'a\u0000b' }] }),
        aPatientResource({ id: 'ramq', identifier: [{ value: 'no system' }, { system: 'http://hl7.org/fhir/sid/ca-ramq', value: 'X' }] }),
        aPatientResource({ id: 'twin', identifier: [{ system: 'urn:x:mr', value: 'good' }] }),
        { resourceType: 'Coverage', status: 'active', beneficiary: { reference: 'Patient/day' }, payor: [{ display: 'x' }] },
        { resourceType: 'Coverage', status: 'active', beneficiary: { reference: 'Patient/stranger' }, payor: [{ display: 'x' }] },
        { noType: true },
      ]),
    );
    expect(report.imported.patients).toBe(1);
    expect(report.faults.map(({ path: at }) => at)).toEqual([
      'entry[1].resource.birthDate',
      'entry[2].resource.gender',
      'entry[3].resource.name[0].family',
      'entry[4].resource.identifier[1].value',
      'entry[8].resource.resourceType',
      'entry[7].resource.beneficiary',
      'entry[5].resource.identifier',
    ]);
    expect(JSON.stringify(report.faults)).not.toContain('1984-02-30');
  });

  const whole = aBundle([aPatientResource({ id: 'z', identifier: [{ system: 'urn:x:mr', value: 'z' }] })]);
  it.each<[string, string | Buffer, RegExp]>([
    ['a truncated file', whole.slice(0, -20), /no whole JSON/],
    ['a truncated gzip file', gzipSync(whole).subarray(0, -12), /no whole gzip/],
    ['a damaged gzip file', Buffer.concat([gzipSync(whole).subarray(0, 20), Buffer.alloc(50, 7)]), /no whole gzip/],
    ['no JSON', 'Patient,1984-02-29', /no whole JSON/],
    ['an empty file', '', /no whole JSON/],
    ['a list', '[1, 2]', /no whole JSON object/],
    ['two bundles in a row', whole + whole, /no whole JSON/],
    ['a resource that is no bundle', JSON.stringify(aPatientResource({ id: 'q' })), /no FHIR bundle/],
    ['a bundle of another type', whole.replace('transaction', 'history'), /not imported/],
    ['brackets without end', '['.repeat(100_000), /nested too deeply|no whole JSON/],
    [
      'a deep resource',
      `{"resourceType":"Bundle","type":"batch","entry":[${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}]}`,
      /nested too deeply/,
    ],
  ])('writes nothing of %s and says why', async (_what, content, reason) => {
    const before = await count('patients.patient');
    const report = await bring(content);
    expect(report.imported).toEqual({ patients: 0, practitioners: 0, organizations: 0, coverages: 0 });
    expect(report.faults).toHaveLength(1);
    expect(report.faults[0]).toMatchObject({ path: '', message: expect.stringMatching(reason) });
    expect(await count('patients.patient')).toBe(before);
  });
});

const synthea = existsSync(SYNTHEA) ? readdirSync(SYNTHEA).filter((file) => file.endsWith('.json.gz')) : [];
if (synthea.length === 0) console.warn('1 test left out: the Synthea bundles are not at ../shared/data/synthea-fhir-r4');
(synthea.length === 0 ? it.skip : it)(
  'brings 124 Synthea patients in, and none the second time',
  async () => {
    const before = await count('patients.patient');
    const totals = { patients: 0, practitioners: 0, organizations: 0, observations: 0, faults: 0 };
    const all = async () => {
      const sum = { ...totals };
      for (const file of synthea) {
        const { imported, notHandled, faults } = await importing.importBundle(createReadStream(path.join(SYNTHEA, file)));
        sum.patients += imported.patients;
        sum.practitioners += imported.practitioners;
        sum.organizations += imported.organizations;
        sum.observations += notHandled['Observation'] ?? 0;
        sum.faults += faults.length;
      }
      return sum;
    };
    expect(await all()).toEqual({ patients: 124, practitioners: 102, organizations: 102, observations: 12_388, faults: 0 });
    expect(await all()).toEqual({ patients: 0, practitioners: 0, organizations: 0, observations: 12_388, faults: 0 });
    expect(await count('patients.patient')).toBe(before + 124);
    const cities = await rows('select city, count(*)::integer as n from patients.patient group by city');
    expect(cities).toHaveLength(3);
  },
  120_000,
);

describe('npm run import', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-import-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const call = async (args: readonly string[], env: Record<string, string> = {}) => {
    try {
      const done = await run(process.execPath, ['tools/import.ts', ...args], { env: { ...process.env, NODE_ENV: 'test', ...env } });
      return { code: 0, ...done };
    } catch (error) {
      return error as { code: number; stdout: string; stderr: string };
    }
  };
  const production = (): Record<string, string> => {
    const { secrets, cities } = network;
    return {
      NODE_ENV: 'production',
      CITIES: JSON.stringify(
        cities.map(({ nodes, database, tls: _tls, ...city }) => ({
          ...city,
          dsn: `postgres://${nodes.map(({ host, port }) => `${host}:${port}`).join(',')}/${database}`,
        })),
      ),
      PATIENTS_DB_PASSWORD: secrets.databasePasswords.patients,
      TOKEN_KEY: JSON.stringify({ kid: secrets.tokenKey.kid, ...secrets.tokenKey.privateJwk }),
      ASSERTION_PUBLIC_KEYS: JSON.stringify([{ kid: secrets.assertionKey.kid, ...secrets.assertionKey.publicJwk }]),
      CURSOR_KEY: secrets.cursorKey,
      SUBJECT_INDEX_KEY: secrets.subjectIndexKey,
      ...subjectsEnv(network.subjectsConfig),
    };
  };

  it('explains itself, and refuses a command line that cannot be meant', async () => {
    expect(await call(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('npm run import') });
    expect(await call([])).toMatchObject({ code: 2, stdout: '' });
    expect(await call(['--nope', 'x'])).toMatchObject({ code: 2, stdout: '' });
  });
  it('says plainly that no network runs', async () => {
    const { code, stderr } = await call(['x.json'], { DATA_DIR: path.join(folder, 'none') });
    expect(code).toBe(2);
    expect(stderr).toMatch(/There is no network in .*none\. Start it first: npm start/);
    expect(stderr).not.toContain('    at ');
  });
  it('imports into a network, reports file and path, and ends with 1 where something was refused', async () => {
    const file = (name: string, content: string): string => {
      const at = path.join(folder, name);
      writeFileSync(at, content);
      return at;
    };
    mkdirSync(path.join(folder, 'folder'));
    const good = file('good.json', aBundle([aPatientResource({ id: 'cli', identifier: [{ system: 'urn:x:cli', value: '1' }] })]));
    const cut = file('cut.json', aBundle([]).slice(0, 10));
    const bad = file(
      'bad.json',
      aBundle([aPatientResource({ id: 'bad', birthDate: 'x', identifier: [{ system: 'urn:x:cli', value: '2' }] })]),
    );
    const first = await call(['--json', cut, bad, good, path.join(folder, 'absent.json'), path.join(folder, 'folder')], production());
    expect(first.stderr).toBe('');
    expect(first.code).toBe(1);
    const report = JSON.parse(first.stdout);
    expect(report.imported.patients).toBe(1);
    expect(report.faults).toMatchObject([
      { file: cut, path: '' },
      { file: bad, path: 'entry[0].resource.birthDate' },
      { file: path.join(folder, 'absent.json'), message: 'cannot be read (ENOENT)' },
      { file: path.join(folder, 'folder'), message: 'cannot be read (EISDIR)' },
    ]);
    const again = await call([good], production());
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('already here  patients 1') });
  });
});
