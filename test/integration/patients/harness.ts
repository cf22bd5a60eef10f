import { GraphQLError, type GraphQLFormattedError, graphql } from 'graphql';
import type pg from 'pg';
import { seedDemoPatients } from '#embedded/demo/patients.ts';
import type { Context } from '#patients/context.ts';
import { startPatients } from '#patients/server.ts';
import type { Viewer } from '#platform/access/viewer.ts';
import { openCities } from '#platform/database/cities.ts';
import { newId } from '#platform/database/new-id.ts';
import { toGraphError } from '#platform/graphql/errors.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { makeLog } from '#platform/observability/log.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';

export const PASSWORD = 'caregraph-demo';

export type Answer = {
  // biome-ignore lint/suspicious/noExplicitAny: answers are as different as questions
  readonly data: any;
  readonly errors: readonly Pick<GraphQLFormattedError, 'message' | 'path' | 'extensions'>[];
  readonly codes: readonly unknown[];
};
export type Harness = {
  readonly network: TestNetwork;
  readonly subgraph: Subgraph<Context>;
  /** The viewer that a login of this name would give. */
  readonly viewerOf: (username: string) => Promise<Viewer>;
  /** Asks the subgraph's schema with a context of its own, as one gateway request would. */
  readonly ask: (viewer: Viewer | null, query: string, variables?: Record<string, unknown>, address?: string) => Promise<Answer>;
  readonly sql: <R extends pg.QueryResultRow>(city: string, text: string, values?: unknown[]) => Promise<R[]>;
  readonly stop: () => Promise<void>;
};

/** The patients subgraph on a copy of the databases of its own, with the demo population; it cannot reach the `unreachable` cities. */
export const startHarness = async (unreachable: readonly string[] = []): Promise<Harness> => {
  const network = await testNetwork();
  const { cities, secrets } = network;
  const databases = openCities(cities, {
    role: 'patients',
    password: secrets.databasePasswords.patients,
    subjects: network.subjects,
    statementTimeoutMs: 30_000,
  });
  await seedDemoPatients({ cities: databases, password: PASSWORD });
  await databases.stop();
  // Port 1 takes no connection.
  const reached = cities.map((city) => (unreachable.includes(city.code) ? { ...city, nodes: [{ host: '127.0.0.1', port: 1 }] } : city));
  const subgraph = await startPatients({ cities: reached, secrets, subjects: network.subjects, log: makeLog('patients', 'error', 2) });
  const clients = new Map<string, Promise<pg.Client>>();
  const sql: Harness['sql'] = async (city, text, values = []) => {
    const client = clients.get(city) ?? network.admin(city);
    clients.set(city, client);
    return (await (await client).query(text, values)).rows;
  };
  return {
    network,
    subgraph,
    sql,
    viewerOf: async (username) => {
      const city = username.slice(0, 3);
      const [row] = await sql(
        city,
        'select id, role, patient_id, practitioner_id from patients.account where city = $1 and username = $2',
        [city, username],
      );
      if (!row) throw new Error(`no account ${username}`);
      return {
        accountId: row['id'],
        role: row['role'],
        city,
        patientId: row['role'] === 'P' ? row['patient_id'] : null,
        practitionerId: row['role'] === 'D' ? row['practitioner_id'] : null,
        sessionId: newId(city, 'ses'),
        expiresAt: Math.floor(Date.now() / 1000) + 600,
      };
    },
    ask: async (viewer, query, variables = {}, address = '192.0.2.1') => {
      const contextValue = subgraph.makeContext({
        viewer,
        requestId: crypto.randomUUID(),
        address,
        language: 'en',
        origin: 'http://127.0.0.1:4000',
      });
      const { data, errors = [] } = await graphql({ schema: subgraph.schema, source: query, variableValues: variables, contextValue });
      const shown = errors.map((error) => {
        const told = toGraphError(error);
        if (!told && error.originalError && !(error.originalError instanceof GraphQLError)) throw error.originalError;
        return { message: told?.message ?? error.message, path: error.path, extensions: told?.extensions ?? { code: 'GRAPHQL' } };
      });
      return { data, errors: shown as Answer['errors'], codes: shown.map(({ extensions }) => extensions['code']) };
    },
    stop: async () => {
      await subgraph.stop();
      await network.stop();
    },
  };
};
