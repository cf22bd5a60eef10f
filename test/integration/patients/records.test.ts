import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Viewer } from '#platform/access/viewer.ts';
import { type Harness, PASSWORD, startHarness } from './harness.ts';

let h: Harness;
const v: Record<string, Viewer> = {};
beforeAll(async () => {
  h = await startHarness();
  for (const name of ['MTLP0001', 'MTLP0002', 'MTLA0001', 'MTLD0001', 'MTLU0001', 'QUEP0001', 'QUEA0001', 'QUED0001', 'SHEA0001'])
    v[name] = await h.viewerOf(name);
});
afterAll(() => h?.stop());

const as = (name: string): Viewer => {
  const viewer = v[name];
  if (!viewer) throw new Error(name);
  return viewer;
};
const CREATE = `mutation ($input: CreatePatientInput!) { createPatient(input: $input) { __typename
  ... on CreatePatientSuccess { patient { id version name { text family given } birthDate gender identifiers { system value } coverages { id plan } city { code name } } }
  ... on IdentifierAlreadyUsed { system } ... on Refusal { message } } }`;
const LOGIN = `mutation ($username: String!, $password: String!) { login(username: $username, password: $password) { __typename
  ... on Session { token refreshToken expiresAt account { username role city { code } patient { id name { text } } practitioner { id } } } ... on Refusal { message } } }`;

describe('a first way through', () => {
  it('logs a demo patient in and shows the own account and record', async () => {
    const { data, errors } = await h.ask(null, LOGIN, { username: 'MTLP0001', password: PASSWORD });
    expect(errors).toEqual([]);
    expect(data.login).toMatchObject({ __typename: 'Session', account: { username: 'MTLP0001', role: 'PATIENT', city: { code: 'MTL' } } });
    const me = await h.ask(as('MTLP0001'), '{ me { username role patient { id name { text } birthDate version } } }');
    expect(me.errors).toEqual([]);
    expect(me.data.me.patient.id).toBe(as('MTLP0001').patientId);
  });

  it('creates a patient in the city of the practitioner who asks', async () => {
    const input = {
      name: { family: 'Tremblay', given: ['Éloïse'] },
      birthDate: '1984-02-29',
      coverages: [{ plan: 'RAMQ', payor: 'RAMQ' }],
    };
    const { data, errors } = await h.ask(as('MTLD0001'), CREATE, { input });
    expect(errors).toEqual([]);
    expect(data.createPatient.patient).toMatchObject({
      version: 1,
      birthDate: '1984-02-29',
      gender: 'UNKNOWN',
      city: { code: 'MTL', name: 'Montreal' },
    });
  });
});
