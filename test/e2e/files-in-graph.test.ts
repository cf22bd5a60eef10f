import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '#test/support/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
}, 60_000);
afterAll(() => app?.stop());

const asker =
  (token: string) =>
  <T = Record<string, unknown>>(query: string, variables: Record<string, unknown> = {}) =>
    app.graph.ask<T>(query, variables, { token });

it('a file is met by every way of the whole graph, and by whoever may alone', async () => {
  const [patientToken, hostAdmin, homeAdmin, doctor] = await Promise.all([
    app.tokenOf('MTLP0002'),
    app.tokenOf('QUEA0001'),
    app.tokenOf('MTLA0001'),
    app.tokenOf('MTLD0001'),
  ]);
  const { patientId } = await app.account('MTLP0002');
  const ask = asker(patientToken);

  const slots = await ask<{ slots: { nodes: { id: string }[] } }>(
    '{ slots(filter: { cities: ["QUE"], onlyAvailable: true }, first: 1) { nodes { id } } }',
  );
  const slotId = slots.data?.slots.nodes[0]?.id;
  const booked = await ask<{ bookAppointment: { appointment: { id: string } } }>(
    'mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { ... on BookAppointmentSuccess { appointment { id } } } }',
    { input: { slotId, idempotencyKey: randomUUID() } },
  );
  const appointmentId = booked.data?.bookAppointment.appointment.id;
  const uploaded = await ask<{ uploadFile: { file: { id: string; patient: { name: { text: string } } } } }>(
    `mutation ($input: UploadFileInput!) { uploadFile(input: $input) { __typename ... on Refusal { message }
       ... on UploadFileSuccess { file { id name content patient { id name { text } } } } } }`,
    {
      input: {
        patientId,
        appointmentId,
        name: 'Référence du Dr Côté.txt',
        contentType: 'text/plain',
        content: Buffer.from('à voir bientôt').toString('base64'),
      },
    },
  );
  expect(uploaded.errors).toEqual([]);
  const file = uploaded.data?.uploadFile.file;
  expect(file).toMatchObject({ content: Buffer.from('à voir bientôt').toString('base64'), patient: { id: patientId } });
  expect(file?.patient.name.text).toBeTruthy();

  const EVERY = `query ($patient: ID!, $file: ID!, $appointment: ID!) {
    patient(id: $patient) { files(name: "reference") { nodes { id } } }
    file(id: $file) { id patient { id } }
    node(id: $file) { id ... on MedicalFile { name copies { state } } }
    appointment(id: $appointment) { id files { nodes { id name } } }
  }`;
  const variables = { patient: patientId, file: file?.id, appointment: appointmentId };
  for (const token of [patientToken, homeAdmin]) {
    const seen = await asker(token)(EVERY, variables);
    expect(seen.errors).toEqual([]);
    expect(seen.data).toMatchObject({
      patient: { files: { nodes: [{ id: file?.id }] } },
      file: { id: file?.id, patient: { id: patientId } },
      node: { id: file?.id, name: 'Référence du Dr Côté.txt', copies: [{ state: 'STORED' }, { state: 'STORED' }] },
      appointment: { id: appointmentId, files: { nodes: [{ id: file?.id }] } },
    });
  }
  // A practitioner of the home sees files, yet not the appointment at another's; the host's admin the appointment, and no file.
  const byDoctor = await asker(doctor)(EVERY, variables);
  expect(byDoctor.data).toMatchObject({ patient: { files: { nodes: [{ id: file?.id }] } }, file: { id: file?.id }, appointment: null });
  const byHost = await asker(hostAdmin)(EVERY, variables);
  expect(byHost.data).toMatchObject({ file: null, node: null, appointment: { id: appointmentId, files: null } });
  expect(JSON.stringify(byHost.data)).not.toContain('Référence');
});

it('the server’s key is there without a login', async () => {
  const { data, errors } = await app.graph.ask<{ serverKey: { kid: string; jwk: string; algorithms: string[] } }>(
    '{ serverKey { kid jwk algorithms } }',
  );
  expect(errors).toEqual([]);
  expect(data?.serverKey.algorithms).toEqual(['ECDH-ES', 'A256GCM']);
  const jwk = JSON.parse(data?.serverKey.jwk ?? '{}');
  expect([jwk.kid, 'd' in jwk]).toEqual([data?.serverKey.kid, false]);
});

it('a sealed file of 1 MiB passes the gateway, one byte more does not', async () => {
  const { CompactEncrypt, importJWK } = await import('jose');
  const token = await app.tokenOf('SHEP0001');
  const { patientId } = await app.account('SHEP0001');
  const key = await app.graph.ask<{ serverKey: { kid: string; jwk: string } }>('{ serverKey { kid jwk } }');
  const { kid, jwk } = key.data?.serverKey ?? { kid: '', jwk: '' };
  const upload = async (size: number) => {
    const sealed = await new CompactEncrypt(Buffer.alloc(size, 'x'))
      .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', kid })
      .encrypt(await importJWK(JSON.parse(jwk), 'ECDH-ES'));
    return app.graph.ask(
      'mutation ($input: UploadFileInput!) { uploadFile(input: $input) { __typename ... on UploadFileSuccess { file { sizeBytes } } } }',
      { input: { patientId, name: 'big.txt', contentType: 'text/plain', sealed } },
      { token },
    );
  };
  expect((await upload(1_048_576)).data).toEqual({ uploadFile: { __typename: 'UploadFileSuccess', file: { sizeBytes: 1_048_576 } } });
  const over = await upload(1_048_577);
  expect(over.text).not.toContain('UploadFileSuccess');
});
