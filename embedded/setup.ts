import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import pg from 'pg';
import { DATABASE_ROLES } from '#platform/config/secrets.ts';
import type { EmbeddedSecrets } from './secrets.ts';
import { REPLICATION_USER } from './settings.ts';

export const DATABASE = 'caregraph';
export const SUPERUSER = 'postgres';

/** Extensions every city has, in schema `public`. */
const EXTENSIONS = ['btree_gist', 'pg_trgm', 'unaccent'];

/** Schema that a role's names are looked up in. */
const SEARCH_PATHS: Readonly<Record<string, string>> = {
  patients: 'patients',
  scheduling: 'scheduling',
  files: 'files',
  audit: 'audit',
  sequencer: 'audit',
  relay: 'scheduling',
};

/** Changes when a cluster set up by an earlier release has to be set up again; setting up again does no harm. */
export const SETUP_MARK = JSON.stringify({ version: 2, roles: DATABASE_ROLES, extensions: EXTENSIONS });

/** The verifier PostgreSQL keeps of a password (RFC 5803), so that the password itself is in no statement. */
const toVerifier = (password: string): string => {
  const salt = randomBytes(16);
  const iterations = 4096;
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const hmac = (text: string): Buffer => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`;
};

/** A session of the superuser on the primary at `port`; it never throws by itself when the server dies. */
export const connectSuperuser = async (
  port: number,
  password: string,
  database: string,
  options: { readonly queryTimeoutMs?: number } = {},
): Promise<pg.Client> => {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: SUPERUSER,
    password,
    database,
    application_name: 'embedded network',
    connectionTimeoutMillis: 2_000,
    ...(options.queryTimeoutMs === undefined ? {} : { query_timeout: options.queryTimeoutMs }),
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

/**
 * Makes roles, database and extensions of a city's cluster. Every statement can be repeated, so a setup that was broken off is simply
 * done again. No role is a superuser; `migrator` owns the database and makes the schemas.
 */
export const setUpCluster = async (city: string, port: number, secrets: EmbeddedSecrets): Promise<void> => {
  const server = await connectSuperuser(port, secrets.superuserPassword, 'postgres');
  try {
    const known = new Set((await server.query<{ rolname: string }>('SELECT rolname FROM pg_roles')).rows.map((row) => row.rolname));
    const define = async (role: string, password: string, kind: string): Promise<void> => {
      await server.query(
        `${known.has(role) ? 'ALTER' : 'CREATE'} ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE ${kind} NOBYPASSRLS PASSWORD '${toVerifier(password)}'`,
      );
    };
    await define(REPLICATION_USER, secrets.replicationPassword, 'REPLICATION');
    for (const role of DATABASE_ROLES) {
      await define(role, secrets.secrets.databasePasswords[role], 'NOREPLICATION');
      const schema = SEARCH_PATHS[role];
      if (schema !== undefined) await server.query(`ALTER ROLE ${role} SET search_path = ${schema}`);
    }
    const { rowCount } = await server.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await server.query(`CREATE DATABASE ${DATABASE} OWNER migrator`);
    for (const database of [DATABASE, 'postgres', 'template1']) await server.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
    // Whoever connects can tell whose database it is; only a superuser may say so.
    await server.query(`ALTER DATABASE ${DATABASE} SET caregraph.city = '${city}'`);
    await server.query(`GRANT CONNECT ON DATABASE ${DATABASE} TO ${DATABASE_ROLES.join(', ')}`);
  } finally {
    await server.end();
  }
  const database = await connectSuperuser(port, secrets.superuserPassword, DATABASE);
  try {
    await database.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    for (const extension of EXTENSIONS) await database.query(`CREATE EXTENSION IF NOT EXISTS ${extension} SCHEMA public`);
  } finally {
    await database.end();
  }
};
