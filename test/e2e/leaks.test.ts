import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestApp, type TestApp } from '#test/support/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
}, 60_000);
afterAll(() => app?.stop());

const lines = (): Record<string, unknown>[] =>
  readFileSync(app.logFile, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

it('writes one line of JSON per request, whatever the client sends', async () => {
  const requests = () => lines().filter(({ message }) => message === 'request');
  const before = requests().length;
  const headers = { 'user-agent': 'x\u001b[31m', 'x-request-id': '{"level":"fatal"}' };
  await app.graph.ask(
    'query a { cities { code } }',
    {},
    { operationName: 'a\r\n{"level":"error"}', headers: { ...headers, 'user-agent': 'canary-agent' } },
  );
  await app.graph.ask('query named { cities { code } }', {}, { operationName: 'named', headers: { 'user-agent': 'canary-agent' } });
  // A gateway in a process of its own may write behind its answer.
  for (let i = 0; i < 100 && requests().length < before + 2; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  const added = requests().slice(before);
  expect(added.length).toBe(2);
  for (const line of added)
    expect(line).toMatchObject({ level: expect.stringMatching(/debug|info|warn/), requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  expect(readFileSync(app.logFile, 'utf8')).not.toMatch(/canary|fatal|\r/);
});

it('lets no personal value into logs, metrics, errors or answers to strangers', async () => {
  const canaries = ['Canarywolf', 'CANW84022912', 'canary@example.org', 'canary-password-17', '1984-02-29'];
  const registered = await app.graph.ask<{ registerPatient: { username?: string; session?: { token: string } } }>(
    `mutation ($input: RegisterPatientInput!) { registerPatient(input: $input) { __typename ... on RegisterPatientSuccess { username session { token } } ... on Refusal { message } } }`,
    {
      input: {
        city: 'SHE',
        password: canaries[3],
        name: { family: canaries[0], given: ['Zoé'] },
        birthDate: canaries[4],
        contacts: [{ system: 'EMAIL', value: canaries[2] }],
        identifiers: [{ system: 'http://hl7.org/fhir/sid/ca-ramq', value: canaries[1] }],
      },
    },
  );
  expect(registered.errors).toEqual([]);
  const { username = '', session } = registered.data?.registerPatient ?? {};
  await app.graph.ask('mutation ($u: String!, $p: String!) { login(username: $u, password: $p) { __typename } }', {
    u: username,
    p: canaries[3],
  });
  await app.graph.ask('mutation ($u: String!, $p: String!) { login(username: $u, password: $p) { __typename } }', {
    u: canaries[0],
    p: canaries[3],
  });
  await app.graph.ask(
    'query ($n: String!) { patients(filter: { name: $n }) { nodes { id } } }',
    { n: canaries[0] },
    { token: session?.token ?? null },
  );
  await app.graph.ask(`{ patients(filter: { name: "${canaries[0]}" }) { nodes { nothing } } }`, {}, { token: session?.token ?? null });
  const tryAgain = async () =>
    app.graph.ask(
      'mutation ($input: CreatePatientInput!) { createPatient(input: $input) { __typename ... on Refusal { message } } }',
      {
        input: {
          name: { family: 'X', given: ['Y'] },
          birthDate: '1984-02-29',
          identifiers: [{ system: 'http://hl7.org/fhir/sid/ca-ramq', value: canaries[1] }],
        },
      },
      { token: await app.tokenOf('SHEA0001') },
    );
  let again = await tryAgain();
  // A busy city may say once that it comes too late.
  for (let i = 0; i < 20 && (again.data?.['createPatient'] as { __typename?: string } | null)?.__typename === 'CityUnavailable'; i++) {
    await sleep(250);
    again = await tryAgain();
  }
  expect(again.data?.['createPatient']).toMatchObject({ __typename: 'IdentifierAlreadyUsed' });
  const metrics = await (await fetch(`${app.graph.url}/metrics`)).text();
  const health = await (await fetch(`${app.graph.url}/health/ready`)).text();
  const seen = [readFileSync(app.logFile, 'utf8'), metrics, health, again.text].join('\n');
  for (const canary of canaries) expect(seen).not.toContain(canary);
  // Nor into the leaves of the audit log.
  const client = await app.network.admin('SHE');
  const { rows } = await client.query(`select convert_from(body, 'UTF8') as body from audit.entry`);
  expect(rows.length).toBeGreaterThan(2);
  for (const canary of [...canaries, username]) expect(JSON.stringify(rows)).not.toContain(canary);
});
