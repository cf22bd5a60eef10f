import { composeServices } from '@apollo/composition';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { type DocumentNode, parse } from 'graphql';
import { type GatewaySettings, startGateway } from '#gateway/server.ts';
import { makeTokenSigner } from '#platform/access/token.ts';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import type { SigningKey } from '#platform/config/secrets.ts';
import { DateTime } from '#platform/graphql/scalars.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { type Served, serveSubgraph } from '#platform/http/serve-subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import { ForbiddenError, NotFoundError } from '#platform/pure/faults.ts';
import type { Loose } from '#test/support/loose.ts';
import { aSigningKey } from '#test/support/signing-key.ts';

/** Two small subgraphs that meet in a type, as the real ones do, with fields that fail in every way that matters. */
const PEOPLE = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@inaccessible"])
  scalar DateTime
  type Person @key(fields: "id") { id: ID! name: String friends(first: Int = 25): [Person!] born: String }
  input PersonFilter { name: String born: DateTime tags: [String!] }
  type Query {
    me: String
    person(id: ID!): Person
    people(filter: PersonFilter, first: Int = 25): [Person!]
    at(when: DateTime!): String
    whole(n: Int): Int
    fails: String
    refused: String
    missing: String
    slow(ms: Int!): String
    revokedSessions: [String!] @inaccessible
  }
  type Mutation { rename(id: ID!, name: String!): Person touch: Int }
`);
const PLACES = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Person @key(fields: "id") { id: ID! town: String visits: Int }
  type Query { towns: [String!] place: Int }
  type Move { person: Person! count: Int! }
  type Subscription { moved(until: Int = 1000000): Move forbidden: Move }
`);

export type World = {
  /** Context objects made, by subgraph. */
  readonly contexts: { people: number; places: number };
  readonly callers: Caller[];
  readonly revoked: string[];
  readonly lines: { readonly level: string; readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[];
  /** Sends an event to every open subscription. */
  readonly move: (id: string) => void;
  readonly openFeeds: () => number;
  readonly log: Log;
};

export const makeWorld = (): World & { readonly subgraphs: { readonly people: Subgraph; readonly places: Subgraph } } => {
  const contexts = { people: 0, places: 0 };
  const callers: Caller[] = [];
  const revoked: string[] = [];
  const lines: World['lines'] = [];
  const names = new Map([
    ['1', 'Éloïse'],
    ['2', "O'Brien"],
  ]);
  let places = 0;
  let count = 0;
  const feeds = new Set<(event: unknown) => void>();
  const line =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
      void lines.push({ level, message, fields });
  const log: Log = { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };

  const person = (id: string) => (names.has(id) ? { id, name: names.get(id) } : null);
  const people = buildSubgraphSchema([
    {
      typeDefs: PEOPLE,
      resolvers: {
        DateTime,
        Person: { __resolveReference: ({ id }: { id: string }) => person(id), friends: () => [person('2')] },
        Query: {
          me: (_: unknown, __: unknown, context: { caller: Caller }) => context.caller.viewer?.accountId ?? null,
          person: (_: unknown, { id }: { id: string }) => person(id),
          people: () => [person('1'), person('2')],
          at: (_: unknown, { when }: { when: Date }) => when.toISOString(),
          whole: (_: unknown, { n }: { n: number | null }) => n,
          fails: () => {
            throw new Error('duplicate key value violates unique constraint at db-host:5432, Éloïse');
          },
          refused: () => {
            throw new ForbiddenError();
          },
          missing: () => {
            throw new NotFoundError();
          },
          slow: (_: unknown, { ms }: { ms: number }) => new Promise((done) => setTimeout(done, ms, 'done')),
          revokedSessions: () => revoked,
        },
        Mutation: {
          rename: (_: unknown, { id, name }: { id: string; name: string }) => {
            names.set(id, name);
            return person(id);
          },
          touch: () => ++count,
        },
      } as never,
    },
  ]);
  const feed = (until: number): AsyncIterableIterator<unknown> => {
    const waiting: unknown[] = [];
    let wake = (): void => {};
    let ended = false;
    let sent = 0;
    const push = (event: unknown): void => {
      waiting.push(event);
      wake();
    };
    feeds.add(push);
    const end = () => {
      ended = true;
      feeds.delete(push);
      wake();
      return Promise.resolve({ done: true as const, value: undefined });
    };
    return {
      next: async () => {
        while (waiting.length === 0 && !ended) {
          const { promise, resolve } = Promise.withResolvers<void>();
          wake = resolve;
          await promise;
        }
        if (ended || sent++ >= until) return end();
        return { done: false, value: waiting.shift() };
      },
      return: end,
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  };
  const placesSchema = buildSubgraphSchema([
    {
      typeDefs: PLACES as DocumentNode,
      resolvers: {
        Person: {
          __resolveReference: ({ id }: { id: string }) => ({ id }),
          town: ({ id }: { id: string }) => (id === '1' ? 'Montréal' : 'Québec'),
          visits: (_: unknown, __: unknown, context: { serial: number }) => context.serial,
        },
        Query: { towns: () => ['Montréal', 'Québec'], place: () => ++places },
        Subscription: {
          moved: {
            subscribe: (_: unknown, { until }: { until: number }) => feed(until),
            resolve: (event: { id: string; count: number }) => ({ person: { id: event.id }, count: event.count }),
          },
          forbidden: {
            subscribe: () => {
              throw new ForbiddenError();
            },
          },
        },
      } as never,
    },
  ]);
  let moves = 0;
  return {
    contexts,
    callers,
    revoked,
    lines,
    log,
    openFeeds: () => feeds.size,
    move: (id) => {
      moves++;
      for (const push of feeds) push({ id, count: moves });
    },
    subgraphs: {
      people: {
        name: 'patients',
        schema: people,
        makeContext: (caller) => {
          callers.push(caller);
          return { caller, serial: ++contexts.people };
        },
        health: async () => ({ MTL: true, QUE: false }),
        stop: async () => {},
      },
      places: {
        name: 'places',
        schema: placesSchema,
        makeContext: (caller) => {
          callers.push(caller);
          return { caller, serial: ++contexts.places };
        },
        health: async () => ({ MTL: true, QUE: true }),
        stop: async () => {},
      },
    },
  };
};

export const supergraphOf = (): string => {
  const composed = composeServices([
    { name: 'patients', url: 'http://patients.invalid', typeDefs: PEOPLE },
    { name: 'places', url: 'http://places.invalid', typeDefs: PLACES },
  ]);
  if (composed.errors) throw new Error(composed.errors.map((error) => error.message).join('\n'));
  return composed.supergraphSdl;
};

export const aViewer = (says: Partial<Omit<Viewer, 'expiresAt'>> = {}): Omit<Viewer, 'expiresAt'> => ({
  accountId: 'MTL-acc-1',
  role: 'P',
  city: 'MTL',
  patientId: 'MTL-pat-1',
  practitionerId: null,
  sessionId: 'MTL-ses-1',
  ...says,
});

export type Running = ReturnType<typeof makeWorld> & {
  readonly gateway: Served;
  readonly servers: Readonly<Record<string, Served>>;
  readonly assertionKey: SigningKey;
  readonly token: (says?: Partial<Omit<Viewer, 'expiresAt'>>, seconds?: number) => Promise<string>;
  /** Sends a POST to `/graphql`. */
  readonly ask: (
    body: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<{ readonly status: number; readonly headers: Headers; readonly text: string; readonly json: Loose }>;
  readonly stop: () => Promise<void>;
};

/** The whole of it running on free ports, with subgraphs in the process or behind HTTP. */
export const startWorld = async (kind: 'in-process' | 'http', says: Partial<GatewaySettings> = {}): Promise<Running> => {
  const world = makeWorld();
  const [assertionKey, tokenKey] = [aSigningKey('a1'), aSigningKey('t1')];
  const servers: Record<string, Served> = {};
  const subgraphs: Record<string, GatewaySettings['subgraphs'][string]> = {};
  for (const subgraph of [world.subgraphs.people, world.subgraphs.places]) {
    if (kind === 'in-process') subgraphs[subgraph.name] = { kind, subgraph };
    else {
      const served = await serveSubgraph(subgraph, { host: '127.0.0.1', port: 0, assertionKeys: [assertionKey], log: world.log });
      servers[subgraph.name] = served;
      subgraphs[subgraph.name] = { kind, url: served.url };
    }
  }
  const gateway = await startGateway({
    supergraphSdl: supergraphOf(),
    subgraphs,
    secrets: { assertionKey, tokenKeys: [tokenKey] },
    cities: ['MTL', 'QUE'],
    host: '127.0.0.1',
    port: 0,
    development: true,
    allowedOrigins: ['https://app.example.org'],
    log: world.log,
    sessionsEveryMs: 3_600_000,
    ...says,
  });
  // The list of ended sessions is read at the start; contexts are counted from there.
  while (world.contexts.people === 0) await new Promise((done) => setTimeout(done, 5));
  const sign = await makeTokenSigner(tokenKey);
  return {
    ...world,
    gateway,
    servers,
    assertionKey,
    token: (viewer = {}, seconds) => sign(aViewer(viewer), seconds),
    ask: async (body, headers = {}) => {
      const response = await fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      });
      const text = await response.text();
      let json: unknown = null;
      try {
        json = JSON.parse(text);
      } catch {}
      return { status: response.status, headers: response.headers, text, json: json as Loose };
    },
    stop: async () => {
      await gateway.stop();
      await Promise.all(Object.values(servers).map((served) => served.stop()));
    },
  };
};
