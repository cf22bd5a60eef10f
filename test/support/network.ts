import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { CityConfig } from '#platform/config/city.ts';
import { DATABASE_ROLES, type Secrets } from '#platform/config/secrets.ts';
import type { SubjectsConfig } from '#platform/config/subjects.ts';
import type { Subjects } from '#platform/subjects/open-subjects.ts';
import { testSubjects } from './subjects.ts';

export type TestNetwork = {
  readonly cities: readonly CityConfig[];
  readonly secrets: Secrets;
  readonly superuser: { readonly user: string; readonly password: string };
  /** Keys of the audit log's subjects, of this copy alone. */
  readonly subjects: Subjects;
  /** Where they lie, for other processes. */
  readonly subjectsConfig: SubjectsConfig;
  /** A superuser's client in a city's database of this copy, one per city; ended by `stop`. */
  readonly admin: (city: string) => Promise<pg.Client>;
  /** Ends its clients and drops the copies. */
  readonly stop: () => Promise<void>;
};

type Shared = Pick<TestNetwork, 'secrets' | 'superuser'> & { readonly cities: CityConfig[] };

const readShared = (): Shared => {
  const file = process.env['CAREGRAPH_TEST_NETWORK'];
  if (!file) throw new Error('the test clusters are not up: this project of jest.config.js lacks globalSetup');
  return JSON.parse(readFileSync(file, 'utf8'));
};

/** A fresh, migrated, empty copy of every city's database, for one test file. */
export const testNetwork = async (): Promise<TestNetwork> => {
  const { cities, secrets, superuser } = readShared();
  const database = `t_${randomBytes(6).toString('hex')}`;
  const clients = new Map<string, Promise<pg.Client>>();
  const connect = async (city: CityConfig, name: string): Promise<pg.Client> => {
    const node = city.nodes[0];
    if (!node) throw new Error(`city ${city.code} has no node`);
    const client = new pg.Client({ ...node, ...superuser, database: name });
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const onServer = async (city: CityConfig, statements: readonly string[]): Promise<void> => {
    const client = await connect(city, 'postgres');
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  };
  await Promise.all(
    cities.map((city) =>
      onServer(city, [
        // Two files may copy at the same moment, and a template takes one copy at a time.
        'select pg_advisory_lock(4712002)',
        `create database ${database} template ${city.database} owner migrator`,
        `revoke all on database ${database} from public`,
        `grant connect on database ${database} to ${DATABASE_ROLES.join(', ')}`,
        `alter database ${database} set caregraph.city = '${city.code}'`,
      ]),
    ),
  );
  const copies = cities.map((city) => ({ ...city, database }));
  const keys = await testSubjects(
    cities.map(({ code }) => code),
    secrets.subjectIndexKey,
  );
  return {
    cities: copies,
    secrets,
    superuser,
    subjects: keys.subjects,
    subjectsConfig: keys.config,
    admin: (code) => {
      const city = copies.find((each) => each.code === code);
      if (!city) throw new Error(`no city ${code}`);
      const client = clients.get(code) ?? connect(city, database);
      clients.set(code, client);
      return client;
    },
    stop: async () => {
      await Promise.all([...clients.values()].map(async (client) => (await client).end().catch(() => {})));
      await keys.stop();
      await Promise.all(cities.map((city) => onServer(city, [`drop database if exists ${database} with (force)`])));
    },
  };
};
