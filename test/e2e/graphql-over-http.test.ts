import { auditServer } from 'graphql-http';
import { startTestApp, type TestApp } from '#test/support/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
}, 60_000);
afterAll(() => app?.stop());

it('follows GraphQL over HTTP: the audit of graphql-http finds no error', async () => {
  // The audit asks by GET too; without a header that browsers do not send on their own, GET is refused as a cross-site request.
  const fetchFn = (url: string, init: RequestInit = {}) =>
    fetch(url, { ...init, headers: { ...init.headers, 'apollo-require-preflight': '1' } });
  const results = await auditServer({ url: app.graph.endpoint, fetchFn });
  expect(results.length).toBeGreaterThan(50);
  expect(results.filter(({ status }) => status === 'error').map(({ id, name }) => `${id} ${name}`)).toEqual([]);
}, 60_000);
