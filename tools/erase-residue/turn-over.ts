import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { CityConfig } from '#platform/config/city.ts';

/** What keeps the residue of a city where it is; the message says what to do. */
export class ResidueKept extends Error {
  override readonly name = 'ResidueKept';
}

export type TurnOverSettings = {
  /** Owns the database, and may read what servers do, ask for checkpoints and switch the write-ahead log. */
  readonly user: string;
  readonly password: string;
  /** How long it waits, in milliseconds, for each of: older transactions, the lock of a table, the end of the old log. */
  readonly patienceMs: number;
  readonly onProgress?: (sentence: string) => void;
};
export type TurnedOver = { readonly city: string; readonly tables: number; readonly nodes: number; readonly segments: number };

const LOCK_MS = 2_000;
const PAUSE_MS = 250;
/** Switches of the log in a round, so that it soon gets beyond what is kept for a standby that is late. */
const SWITCHES = 2;
const SEGMENT = '^[0-9A-F]{24}$';

const RIGHTS = `SELECT pg_has_role(current_user, 'pg_monitor', 'USAGE') AND pg_has_role(current_user, 'pg_checkpoint', 'USAGE')
    AND has_function_privilege('pg_switch_wal()', 'EXECUTE') AND pg_has_role(current_user, d.datdba, 'USAGE') AS "isAllowed",
    current_setting('wal_recycle')::boolean AS "isRecycled" FROM pg_database d WHERE d.datname = current_database()`;
/** Every table that can hold what the city knows of people; the audit log holds only what its subjects' keys open. */
const TABLES = `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('audit', 'pg_catalog', 'information_schema') AND n.nspname !~ '^pg_' ORDER BY 1`;
/** Statistics hold samples of columns; they are written anew last. */
const STATISTICS = ['pg_catalog.pg_statistic', 'pg_catalog.pg_statistic_ext_data'];
/** Whoever may still see rows that were deleted before a transaction: VACUUM FULL would copy them. Here, on standbys, and in prepared transactions. */
const OLDER = `SELECT count(*)::int AS count FROM (SELECT unnest(ARRAY[backend_xmin, backend_xid]) AS x FROM pg_stat_activity
      WHERE pid <> pg_backend_pid() AND (datname = current_database() OR datname IS NULL)
    UNION ALL SELECT backend_xmin FROM pg_stat_replication UNION ALL SELECT xmin FROM pg_replication_slots
    UNION ALL SELECT transaction FROM pg_prepared_xacts WHERE database = current_database()) o
  WHERE x IS NOT NULL AND age(x) > age($1::text::xid)`;
/** Segments of the log up to one, whatever timeline they are of. */
const OLD_SEGMENTS = `SELECT count(*)::int AS count FROM pg_ls_waldir() WHERE name ~ '${SEGMENT}' AND substr(name, 9) <= $1`;

/**
 * Writes a city's tables and statistics anew, and waits until no node keeps write-ahead log from before: what was deleted is in no file of its servers
 * then. Each table is locked against readers and writers while it is copied. Throws `ResidueKept` where something keeps it; what was done stays done, and it may be
 * begun again. The driver's errors.
 */
export const turnOver = async (city: CityConfig, settings: TurnOverSettings): Promise<TurnedOver> => {
  const { user, password, patienceMs, onProgress = () => {} } = settings;
  const clients: pg.Client[] = [];
  const until = async (isSo: () => Promise<boolean>, otherwise: string): Promise<void> => {
    for (const end = performance.now() + patienceMs; !(await isSo()); await sleep(PAUSE_MS))
      if (performance.now() > end) throw new ResidueKept(otherwise);
  };
  try {
    for (const [i, { host, port }] of city.nodes.entries()) {
      const client = new pg.Client({ host, port, user, password, database: city.database, ssl: city.tls, connectionTimeoutMillis: 5_000 });
      client.on('error', () => {});
      clients.push(client);
      await client.connect().catch((error: unknown) => {
        throw new ResidueKept(`node ${i + 1} of ${city.nodes.length} does not answer, and keeps its log`, { cause: error });
      });
    }
    let primary: pg.Client | null = null;
    for (const client of clients)
      if ((await client.query<{ r: boolean }>('SELECT pg_is_in_recovery() AS r')).rows[0]?.r === false) primary = client;
    if (!primary) throw new ResidueKept('there is no primary');
    const own = primary;
    const { rows: known } = await own.query<{ code: string | null }>(`SELECT current_setting('caregraph.city', true) AS code`);
    if (known[0]?.code !== city.code) throw new ResidueKept('the database is of another city');
    for (const client of clients) {
      const { rows } = await client.query<{ isAllowed: boolean; isRecycled: boolean }>(RIGHTS);
      if (rows[0]?.isAllowed !== true)
        throw new ResidueKept(
          `the role ${user} lacks a right: it owns the database, and needs GRANT pg_monitor, pg_checkpoint TO ${user}; GRANT EXECUTE ON FUNCTION pg_switch_wal() TO ${user}`,
        );
      if (rows[0].isRecycled) throw new ResidueKept('wal_recycle is on, so that old log is used again as it is: set it off on every node');
    }

    await own.query('SET statement_timeout = 0');
    const { rows: tables } = await own.query<{ name: string }>(TABLES);
    for (const { name } of tables) await own.query(`ANALYZE ${name}`);
    const { rows: now } = await own.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid');
    onProgress('waits for older transactions');
    await until(
      async () => (await own.query<{ count: number }>(OLDER, [now[0]?.xid])).rows[0]?.count === 0,
      'a transaction from before is still open, here, on a standby or prepared (pg_stat_activity, pg_prepared_xacts): end it',
    );
    await own.query(`SET lock_timeout = ${LOCK_MS}`);
    const names = [...tables.map(({ name }) => name), ...STATISTICS];
    for (const name of names) {
      onProgress(`writes ${name} anew`);
      await until(async () => {
        try {
          await own.query(`VACUUM FULL ${name}`);
          return true;
        } catch (error) {
          // Somebody uses it; or, of two that lock, the other one was first.
          if (['55P03', '40P01'].includes((error as { code?: string }).code ?? '')) return false;
          throw error;
        }
      }, `${name} is in use all the time`);
    }

    const { rows: at } = await own.query<{ segment: string }>('SELECT substr(pg_walfile_name(pg_current_wal_insert_lsn()), 9) AS segment');
    const segment = at[0]?.segment;
    const countOld = async (client: pg.Client): Promise<number> =>
      (await client.query<{ count: number }>(OLD_SEGMENTS, [segment])).rows[0]?.count ?? 0;
    let segments = 0;
    for (const client of clients) segments += await countOld(client);
    onProgress(`waits for the end of ${segments} segments of the log`);
    await until(async () => {
      for (let i = 0; i < SWITCHES; i++) {
        await own.query(`SELECT pg_logical_emit_message(true, 'erase-residue', '')`);
        await own.query('SELECT pg_switch_wal()');
      }
      let left = 0;
      for (const client of clients) {
        await client.query('CHECKPOINT');
        left += await countOld(client);
      }
      return left === 0;
    }, 'a node keeps log from before: for a replication slot that lags, an archive that does not take it, or wal_keep_size (pg_replication_slots, pg_stat_archiver)');
    return { city: city.code, tables: names.length, nodes: clients.length, segments };
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => {})));
  }
};
