import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { DataSource, type MigrationInterface, type QueryRunner } from 'typeorm';
import type { CityConfig } from '#platform/config/city.ts';

/** Who runs migrations, and the schemas in the order in which they are brought up. */
export type MigrateOptions = {
  readonly user: string;
  readonly password: string;
  /** Folder with one folder of numbered `.sql` files per schema. */
  readonly folder: URL;
  readonly schemas: readonly string[];
};

const LOCK = 4_712_001;
/** TypeORM reads the order of migrations from 13 digits at the end of their names. */
const FIRST = 1_700_000_000_000;

const readMigrations = (folder: URL, schema: string): (new () => MigrationInterface)[] =>
  readdirSync(new URL(`${schema}/`, folder))
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => {
      const sql = readFileSync(new URL(`${schema}/${file}`, folder), 'utf8');
      const name = `${file.slice(5, -4)}-${FIRST + Number(file.slice(0, 4))}`;
      return class implements MigrationInterface {
        name = name;
        async up(runner: QueryRunner): Promise<void> {
          await runner.query(sql);
        }
        async down(): Promise<void> {
          throw new Error(`${schema}/${file} cannot be undone: restore a backup`);
        }
      };
    });

/**
 * Brings the schemas of one city up to date, one transaction per file; done twice it changes nothing. Writes the city's code into the
 * database, so that a wrong address is noticed at connect. Returns the names of the files that ran now.
 */
export const migrateCity = async (city: CityConfig, { user, password, folder, schemas }: MigrateOptions): Promise<string[]> => {
  const node = city.nodes[0];
  if (!node) throw new Error(`city ${city.code} has no database node`);
  const primaryOf = async (): Promise<pg.Client> => {
    let failure: unknown;
    for (const { host, port } of city.nodes) {
      const client = new pg.Client({ host, port, user, password, database: city.database, ssl: city.tls, connectionTimeoutMillis: 5_000 });
      client.on('error', () => {});
      try {
        await client.connect();
        const { rows } = await client.query<{ recovering: boolean }>('select pg_is_in_recovery() as recovering');
        if (rows[0]?.recovering === false) return client;
        await client.end();
      } catch (error) {
        failure = error;
      }
    }
    throw new Error(`no primary of city ${city.code} could be reached for migration`, { cause: failure });
  };
  const client = await primaryOf();
  const ran: string[] = [];
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    const known = (await client.query<{ code: string | null }>(`select current_setting('caregraph.city', true) as code`)).rows[0]?.code;
    if (known && known !== city.code) throw new Error(`the database configured for city ${city.code} belongs to city ${known}`);
    if (!known)
      await client.query(`alter database ${pg.escapeIdentifier(city.database)} set caregraph.city = ${pg.escapeLiteral(city.code)}`);
    for (const extension of ['btree_gist', 'pg_trgm', 'unaccent'])
      await client.query(`create extension if not exists ${extension} schema public`);
    for (const schema of ['directory', ...schemas]) {
      await client.query(`create schema if not exists ${pg.escapeIdentifier(schema)}`);
    }
    const { host, port } = client;
    for (const schema of schemas) {
      const source = new DataSource({
        type: 'postgres',
        host,
        port,
        username: user,
        password,
        database: city.database,
        ssl: city.tls,
        schema,
        migrations: readMigrations(folder, schema),
        migrationsTableName: 'migration',
        migrationsTransactionMode: 'each',
        installExtensions: false,
        extra: { max: 2 },
      });
      await source.initialize();
      try {
        ran.push(...(await source.runMigrations()).map(({ name }) => `${schema}/${name}`));
      } finally {
        await source.destroy();
      }
    }
  } finally {
    await client.end();
  }
  return ran;
};
