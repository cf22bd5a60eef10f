import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { MIGRATIONS, SCHEMAS } from '#migrations/index.ts';
import { migrateCity } from '#platform/database/migrate.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';

let network: TestNetwork;
let client: pg.Client;
beforeAll(async () => {
  network = await testNetwork();
  client = await network.admin('MTL');
});
afterAll(async () => {
  await network?.stop();
});

/** Tables of the city's schemas; the record of which migrations ran belongs to the migration runner. */
const OURS = `n.nspname = ANY('{${SCHEMAS.join(',')}}') AND c.relkind IN ('r', 'p') AND c.relname <> 'migration'`;
const TABLES = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace`;
const find = async (sql: string): Promise<string[]> => (await client.query<{ found: string }>(sql)).rows.map(({ found }) => found);

/** What holds for every table: a query that finds what breaks it, and a table that does. */
/** Triggers that refuse an update whoever makes it: a closed shard never opens again, what a witness has seen never shrinks. */
const GUARDS = [
  ['log_shard', 'log_shard_stays_closed'],
  ['log_state', 'log_state_stays_closed'],
  ['witness_log', 'witness_log_goes_on'],
] as const;

const RULES: readonly (readonly [rule: string, query: string, breaks: string])[] = [
  [
    'all have a primary key that begins with the city',
    `
      SELECT c.oid::regclass::text AS found FROM ${TABLES}
      WHERE ${OURS} AND NOT EXISTS (
        SELECT FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
        WHERE k.conrelid = c.oid AND k.contype = 'p' AND a.attname = 'city' AND a.attnotnull)`,
    'CREATE TABLE files.bad (city text NOT NULL, id text NOT NULL, CONSTRAINT bad_pk PRIMARY KEY (id, city))',
  ],
  [
    'have the city as a text that is always there',
    `
      SELECT c.oid::regclass::text AS found FROM ${TABLES}
      WHERE ${OURS} AND NOT EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'city' AND a.attnotnull AND a.atttypid = 'text'::regtype)`,
    'CREATE TABLE files.bad (city varchar NOT NULL, CONSTRAINT bad_pk PRIMARY KEY (city))',
  ],
  [
    'have no unique or exclusion index that does not begin with the city',
    `
      SELECT i.indexrelid::regclass::text AS found FROM ${TABLES} JOIN pg_index i ON i.indrelid = c.oid
      LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
      WHERE ${OURS} AND (i.indisunique OR i.indisexclusion) AND a.attname IS DISTINCT FROM 'city'`,
    'CREATE TABLE files.bad (city text, id text, CONSTRAINT bad_pk PRIMARY KEY (city, id)); CREATE UNIQUE INDEX bad_once ON files.bad (id)',
  ],
  [
    'have no foreign key that does not pair city with city',
    `
      SELECT k.conname::text AS found FROM ${TABLES} JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f'
      JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
      JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1]
      WHERE ${OURS} AND NOT (a.attname = 'city' AND b.attname = 'city')`,
    'CREATE TABLE files.bad (city text, id text, CONSTRAINT bad_once UNIQUE (id), other text, CONSTRAINT bad_of FOREIGN KEY (other) REFERENCES files.bad (id))',
  ],
  [
    'have no foreign key into another schema',
    `
      SELECT k.conname::text AS found FROM ${TABLES} JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f'
      JOIN pg_class r ON r.oid = k.confrelid WHERE ${OURS} AND r.relnamespace <> c.relnamespace`,
    'CREATE TABLE files.bad (city text, id text, CONSTRAINT bad_of FOREIGN KEY (city, id) REFERENCES patients.patient (city, id))',
  ],
  [
    'have no triggers, but those that guard what a log has signed, and no rules',
    `
      SELECT t.tgname::text AS found FROM ${TABLES} JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
      WHERE ${OURS} AND (t.tgrelid::regclass::text, t.tgname) NOT IN (${GUARDS.map((guard) => `('audit.${guard[0]}', '${guard[1]}')`).join(', ')})
      UNION ALL SELECT r.rulename::text FROM ${TABLES} JOIN pg_rewrite r ON r.ev_class = c.oid WHERE ${OURS}`,
    'CREATE TABLE files.bad (city text); CREATE TRIGGER bad_trigger BEFORE UPDATE ON files.bad FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
  ],
  [
    'keep instants with their zone and texts without a length',
    `
      SELECT format('%s.%s %s', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod)) AS found
      FROM ${TABLES} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE ${OURS} AND a.atttypid IN ('timestamp'::regtype, 'time'::regtype, 'timetz'::regtype, 'varchar'::regtype, 'bpchar'::regtype,
        'money'::regtype, 'json'::regtype)`,
    'CREATE TABLE files.bad (city text, at timestamp)',
  ],
  [
    'count by identity, not by serial',
    `
      SELECT format('%s.%s', c.oid::regclass, a.attname) AS found FROM ${TABLES}
      JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
      WHERE ${OURS} AND pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%'`,
    'CREATE TABLE files.bad (city text, n bigserial)',
  ],
  [
    'have constraints that somebody named',
    `
      SELECT k.conname::text AS found FROM ${TABLES} JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype <> 'n'
      WHERE ${OURS} AND k.conname ~ '_(pkey|key|fkey|check|excl)[0-9]*$'`,
    'CREATE TABLE files.bad (city text PRIMARY KEY)',
  ],
  [
    'are all owned by the role that migrates',
    `SELECT c.oid::regclass::text AS found FROM ${TABLES} WHERE ${OURS} AND c.relowner <> 'migrator'::regrole`,
    'CREATE TABLE files.bad (city text)',
  ],
];

describe('the tables of a city', () => {
  it('are there for every schema that keeps something', async () => {
    const schemas = await find(`SELECT DISTINCT n.nspname::text AS found FROM ${TABLES} WHERE ${OURS} ORDER BY 1`);
    expect(schemas).toEqual(expect.arrayContaining(['audit', 'patients', 'scheduling']));
  });

  it.each(RULES)('%s', async (_rule, query) => {
    expect(await find(query)).toEqual([]);
  });

  it.each(RULES)('%s: a table that breaks this is found', async (_rule, query, breaks) => {
    await client.query('BEGIN');
    try {
      await client.query(breaks);
      expect((await find(query)).join()).toContain('bad');
    } finally {
      await client.query('ROLLBACK');
    }
  });
});

describe('migrations', () => {
  it('change nothing when they run again', async () => {
    const { cities, secrets } = network;
    const migrator = { user: 'migrator', password: secrets.databasePasswords.migrator, folder: MIGRATIONS, schemas: SCHEMAS };
    expect(await Promise.all(cities.map((city) => migrateCity(city, migrator)))).toEqual(cities.map(() => []));
  });

  it('refuse the database of another city', async () => {
    const { cities, secrets } = network;
    const [montreal, quebec] = cities;
    if (!montreal || !quebec) throw new Error('the network has too few cities');
    const mixed = { ...montreal, nodes: quebec.nodes };
    const migrator = { user: 'migrator', password: secrets.databasePasswords.migrator, folder: MIGRATIONS, schemas: SCHEMAS };
    await expect(migrateCity(mixed, migrator)).rejects.toThrow('the database configured for city MTL belongs to city QUE');
  });
});
