import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Loose } from '#test/support/loose.ts';
import { type Running, startWorld } from './graph.ts';

type Document = { readonly query: string; readonly variables?: Readonly<Record<string, unknown>> };
type Ask = (document: Document, language: string) => Promise<Loose>;
const WITHIN = () => AbortSignal.timeout(10_000);

const JSON_TYPE = { 'content-type': 'application/json' };
const overHttp =
  (accept: string): ((world: Running) => Ask) =>
  (world) =>
  async (document, language) => {
    const response = await fetch(`${world.gateway.url}/graphql`, {
      method: 'POST',
      headers: { ...JSON_TYPE, accept, 'accept-language': language },
      body: JSON.stringify(document),
      signal: WITHIN(),
    });
    return response.json();
  };
const overGet =
  (world: Running): Ask =>
  async ({ query, variables = {} }, language) => {
    const search = new URLSearchParams({ query, variables: JSON.stringify(variables) });
    const headers = { 'apollo-require-preflight': 'yes', 'accept-language': language };
    return (await fetch(`${world.gateway.url}/graphql?${search}`, { headers, signal: WITHIN() })).json();
  };
const overSse =
  (world: Running): Ask =>
  async (document, language) => {
    const response = await fetch(`${world.gateway.url}/graphql/stream`, {
      method: 'POST',
      headers: { ...JSON_TYPE, accept: 'text/event-stream', 'accept-language': language },
      body: JSON.stringify(document),
      signal: WITHIN(),
    });
    const text = await response.text();
    return JSON.parse(/^data: ?(\{.*\})$/m.exec(text)?.[1] ?? text);
  };
const overWebSocket =
  (world: Running): Ask =>
  async (document, language) => {
    const socket = new WebSocket(`${world.gateway.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      headers: { 'accept-language': language },
    });
    try {
      await once(socket, 'open', { signal: WITHIN() });
      const told = async (): Promise<Loose> => JSON.parse(String(((await once(socket, 'message', { signal: WITHIN() })) as [Buffer])[0]));
      socket.send(JSON.stringify({ type: 'connection_init' }));
      expect((await told()).type).toBe('connection_ack');
      const first = told();
      socket.send(JSON.stringify({ id: randomUUID(), type: 'subscribe', payload: document }));
      const { type, payload } = await first;
      return type === 'error' ? { errors: payload } : payload;
    } finally {
      socket.terminate();
    }
  };

const SECRET = 'caregraphdemo';
/** What is asked, what is told in English and in French, at which field, and where in the answer. */
const CASES: readonly [document: Document, code: string, en: string, fr: string, field?: string | undefined, path?: readonly string[]][] = [
  [
    { query: `mutation { rename(id: "1", name: ${SECRET}) { id } }` },
    'GRAPHQL_VALIDATION_FAILED',
    'name: is a text in quotes.',
    'name: est un texte entre guillemets.',
    'name',
  ],
  [
    { query: `mutation { rename(id: "1", name "${SECRET}") { id } }` },
    'GRAPHQL_PARSE_FAILED',
    'Syntax Error: Expected ":", found String.',
    'Syntax Error: Expected ":", found String.',
  ],
  [
    { query: 'mutation ($who: String!) { rename(id: "1", name: $who) { id } }', variables: { who: `${SECRET}\0` } },
    'BAD_USER_INPUT',
    'name: holds control characters; send plain text.',
    'name: contient des caractères de contrôle ; envoyez du texte simple.',
    'name',
  ],
  [
    { query: 'query ($f: PersonFilter) { people(filter: $f) { id } }', variables: { f: { born: SECRET } } },
    'BAD_USER_INPUT',
    'filter.born: A DateTime is an instant with an offset, such as 2027-02-10T13:00:00-05:00.',
    'filter.born: Un DateTime est un instant avec un décalage, comme 2027-02-10T13:00:00-05:00.',
    'filter.born',
  ],
  [
    { query: '{ people(filter: {born: "1984-02-29"}) { id } }' },
    'BAD_USER_INPUT',
    'filter.born: A DateTime is an instant with an offset, such as 2027-02-10T13:00:00-05:00.',
    'filter.born: Un DateTime est un instant avec un décalage, comme 2027-02-10T13:00:00-05:00.',
    'filter.born',
  ],
  [
    { query: '{ people(first: 101) { id } }' },
    'BAD_USER_INPUT',
    'first: is a whole number from 1 to 100.',
    'first: est un nombre entier de 1 à 100.',
    'first',
  ],
  [{ query: '{ refused }' }, 'FORBIDDEN', 'You may not do this.', 'Vous n’avez pas le droit de faire cela.', undefined, ['refused']],
  [{ query: '{ missing }' }, 'NOT_FOUND', 'Not found.', 'Introuvable.', undefined, ['missing']],
  [
    { query: '{ fails }' },
    'INTERNAL_SERVER_ERROR',
    'Something went wrong on our side.',
    'Une erreur s’est produite de notre côté.',
    undefined,
    ['fails'],
  ],
  [
    { query: `query { ${Array.from({ length: 31 }, (_, i) => `a${i}: me`).join(' ')} }` },
    'LIMIT_EXCEEDED',
    'The document has too many aliases; the limit is 30.',
    'Le document a trop d’alias ; la limite est 30.',
  ],
];

describe.each(['in-process', 'http'] as const)('what is told of subgraphs %s', (kind) => {
  let world: Running;
  beforeAll(async () => {
    world = await startWorld(kind, { development: false });
  });
  afterAll(() => world?.stop());

  describe.each([
    ['HTTP', overHttp('application/json')],
    ['HTTP in GraphQL’s own type', overHttp('application/graphql-response+json')],
    ['GET', overGet],
    ['WebSocket', overWebSocket],
    ['SSE', overSse],
  ] as const)('over %s', (transport, open) => {
    // A mutation is no GET.
    const cases = CASES.filter(([{ query }]) => transport !== 'GET' || !query.startsWith('mutation'));
    it.each(cases.map((each) => [each[0].query.slice(0, 80), each] as const))('%s', async (_title, each) => {
      const [document, code, en, fr, field, path] = each;
      for (const [language, message] of [
        ['en', en],
        ['fr-CA, en;q=0.5', fr],
      ] as const) {
        const { errors } = await open(world)(document, language);
        expect(errors).toHaveLength(1);
        const [told] = errors;
        expect([told.message, told.path, told.extensions]).toEqual([
          message,
          path,
          { code, requestId: expect.any(String), ...(field === undefined ? {} : { field }) },
        ]);
        expect(JSON.stringify(told)).not.toMatch(/caregraphdemo|1984/);
      }
      expect(JSON.stringify(world.lines)).not.toMatch(/caregraphdemo|1984/);
    });
  });

  it('tells who brings a token that does not hold, in both languages', async () => {
    const told = async (language: string) =>
      (await world.ask({ query: '{ me }' }, { authorization: 'Bearer abc', 'accept-language': language })).json.errors[0].message;
    expect(await told('en')).toBe('The token does not hold. Log in again.');
    expect(await told('fr')).toBe('Le jeton n’est pas valable. Connectez-vous de nouveau.');
  });
  it('tells a subscription that is refused, in both languages', async () => {
    const query = 'subscription { forbidden { count } }';
    for (const open of [overSse, overWebSocket]) {
      expect((await open(world)({ query }, 'en')).errors[0].message).toBe('You may not do this.');
      expect((await open(world)({ query }, 'fr')).errors[0].message).toBe('Vous n’avez pas le droit de faire cela.');
    }
  });
});
