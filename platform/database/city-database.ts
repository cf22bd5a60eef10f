import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { DataSource, type EntityManager, type EntitySchema } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import type { ReadingSpool } from '#platform/audit/spool.ts';
import type { CityConfig, NodeAddress } from '#platform/config/city.ts';
import { NO_SUBJECTS, type SubjectKeys } from '#platform/subjects/subject-keys.ts';
import { CityUnavailableError, isConnectionFailure, isDeadline, isReadOnlyServer, isRetryable, OverloadedError } from './errors.ts';
import { isNoneFree, type WatchedPool, watchPool } from './watched-pool.ts';

/** A statement with a name: prepared once per connection, then only bound. The name is unique to the text. */
export type Named = { readonly name: string; readonly text: string };

/** Runs single statements: of a database, each in a transaction of its own, or of a transaction. */
export type Statements = { readonly named: <R>(statement: Named, values: readonly unknown[]) => Promise<R[]> };

/** Runs statements inside one transaction of one city. */
export type Transaction = Statements & {
  /**
   * Sends a statement whose result nobody needs; what follows, the commit too, goes out behind it without waiting for the server's answer.
   * Where it fails, nothing of the transaction happens, and it throws what `toError` makes of the failure.
   */
  readonly send: (statement: Named, values: readonly unknown[], toError?: (error: unknown) => unknown) => void;
  /** Keys of the city's subjects, for audit entries. */
  readonly subjects: SubjectKeys;
};

/** Rows and, where a replica gave them because the primary did not answer, when they were true. */
export type Read<R> = { readonly rows: R[]; readonly staleAsOf: Date | null };

/** Settings of the connections to one city for one role. Times in milliseconds. */
export type DatabaseOptions = {
  readonly role: string;
  readonly password: string;
  readonly entities?: readonly EntitySchema[];
  /** Keys of the city's subjects; left out for roles that neither write nor read audit entries. */
  readonly subjects?: SubjectKeys;
  /** Where entries of readings wait while the primary is gone; left out: such readings are refused. */
  readonly spool?: ReadingSpool;
  /** Connections for named statements; TypeORM has up to half as many of its own. */
  readonly maxConnections?: number;
  readonly connectTimeoutMs?: number;
  readonly statementTimeoutMs?: number;
  /** How many statements may wait for a connection before further ones are refused. */
  readonly maxWaiting?: number;
};

/**
 * One city's database, for one role. Finds the primary among the nodes by asking (`pg_is_in_recovery()`), fails fast while the city
 * is down, and retries serialization failures and deadlocks. Throws `CityUnavailableError` and `OverloadedError`; other errors are the driver's.
 */
export type CityDatabase = {
  readonly city: CityConfig;
  /** Keys of the city's subjects; they throw where the role was opened without. */
  readonly subjects: SubjectKeys;
  /** For audit entries alone; null where there is none. */
  readonly spool: ReadingSpool | null;
  /** One statement on the primary, in a transaction of its own. */
  readonly named: <R>(statement: Named, values: readonly unknown[]) => Promise<R[]>;
  /** Several statements in one transaction on the primary. `fn` may run again after a deadlock, so it must have no other effects. */
  readonly transaction: <T>(fn: (tx: Transaction) => Promise<T>, options?: { readonly statementTimeoutMs?: number }) => Promise<T>;
  /** One reading statement; a replica answers when the primary does not. Nothing may be decided from it. */
  readonly read: <R>(statement: Named, values: readonly unknown[]) => Promise<Read<R>>;
  /** TypeORM in one transaction on the primary, for what is cold. */
  readonly manage: <T>(fn: (manager: EntityManager) => Promise<T>) => Promise<T>;
  /** A connection of its own on the primary (LISTEN, advisory locks, COPY); the caller ends it. */
  readonly dedicated: () => Promise<pg.Client>;
  /** Whether the primary answers now. */
  readonly ping: () => Promise<boolean>;
  readonly stop: () => Promise<void>;
};

/** What a statement that only reads is asked of. */
export type Reader = Pick<CityDatabase, 'city' | 'named'>;

/**
 * Reads of one answer: a replica gives them when the primary does not, and `staleAsOf` then tells when the oldest of them was true; null: all
 * came from the primary. Nothing may be decided from it but who may see what it gave.
 */
export const readingOf = (db: Pick<CityDatabase, 'city' | 'read'>): Reader & { readonly staleAsOf: () => Date | null } => {
  let oldest: Date | null = null;
  return {
    city: db.city,
    named: async <R>(statement: Named, values: readonly unknown[]): Promise<R[]> => {
      const { rows, staleAsOf } = await db.read<R>(statement, values);
      if (staleAsOf && (oldest === null || staleAsOf < oldest)) oldest = staleAsOf;
      return rows;
    },
    staleAsOf: () => oldest,
  };
};

/** How long a node that did not answer is left alone, so that a city that is down is refused at once. */
const BREAKER_MS = 1_000;
const TRIES = 4;

type Node = {
  readonly address: NodeAddress;
  readonly own: WatchedPool;
  orm: Promise<{ readonly source: DataSource; readonly watched: WatchedPool }> | null;
  downUntil: number;
};

export const openCityDatabase = (city: CityConfig, options: DatabaseOptions): CityDatabase => {
  const { role, password, maxConnections = 10, connectTimeoutMs = 1_000, statementTimeoutMs = 1_500, maxWaiting = 200 } = options;
  const { subjects = NO_SUBJECTS } = options;
  const connection = (address: NodeAddress): pg.ClientConfig => ({
    host: address.host,
    port: address.port,
    user: role,
    password,
    database: city.database,
    ssl: city.tls,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + 500,
    idle_in_transaction_session_timeout: statementTimeoutMs * 4,
    keepAlive: true,
    application_name: `caregraph ${role}`,
  });
  const nodes: Node[] = city.nodes.map((address) => {
    const sizes = { max: maxConnections, idleTimeoutMillis: 30_000, allowExitOnIdle: true };
    // Statements are sent when they are asked for, not when the one before was answered: see `send`.
    const pool = new pg.Pool({ ...connection(address), ...sizes, pipeline: true });
    pool.on('error', () => {});
    // A server that dies while a client is checked out would otherwise take the process along.
    pool.on('connect', (client) => client.on('error', () => {}));
    return { address, own: watchPool(pool), orm: null, downUntil: 0 };
  });
  let primary: Node | null = null;
  let finding: Promise<Node> | null = null;
  let stopped = false;

  /** Runs with a connection of a pool. A queue that is too long, or a wait that is, says nothing against a server that took all of them. */
  const within = async <T>({ pool, isFull, waiting }: WatchedPool, run: (pool: pg.Pool) => Promise<T>): Promise<T> => {
    if (waiting() >= maxWaiting) throw new OverloadedError(city.code);
    try {
      return await run(pool);
    } catch (error) {
      if (isNoneFree(error) && isFull()) throw new OverloadedError(city.code);
      throw error;
    }
  };
  const query = <R extends pg.QueryResultRow>(node: Node, statement: pg.QueryConfig): Promise<R[]> =>
    within(node.own, async (pool) => (await pool.query<R>(statement)).rows);

  const isPrimary = async (node: Node): Promise<boolean> => {
    const rows = await query<{ recovering: boolean; code: string | null }>(node, {
      text: `select pg_is_in_recovery() as recovering, current_setting('caregraph.city', true) as code`,
    });
    const code = rows[0]?.code;
    if (code && code !== city.code) throw new Error(`the database configured for city ${city.code} belongs to city ${code}`);
    return rows[0]?.recovering === false;
  };
  const findPrimary = async (): Promise<Node> => {
    const candidates = nodes.filter((node) => node.downUntil <= Date.now());
    let busy: OverloadedError | null = null;
    const found = await Promise.all(
      candidates.map(async (node) => {
        try {
          return (await isPrimary(node)) ? node : null;
        } catch (error) {
          if (error instanceof OverloadedError) {
            busy = error;
            return null;
          }
          if (!isConnectionFailure(error) && !isDeadline(error)) throw error;
          node.downUntil = Date.now() + BREAKER_MS;
          return null;
        }
      }),
    );
    const node = found.find((each) => each !== null);
    if (!node) throw busy ?? new CityUnavailableError(city.code, 'not-sent');
    return node;
  };
  const takePrimary = async (): Promise<Node> => {
    if (stopped) throw new CityUnavailableError(city.code, 'not-sent');
    if (primary && primary.downUntil <= Date.now()) return primary;
    finding ??= findPrimary().finally(() => {
      finding = null;
    });
    primary = await finding;
    return primary;
  };
  const lost = (node: Node): void => {
    if (primary === node) primary = null;
    node.downUntil = Date.now() + BREAKER_MS;
  };
  const onPrimary = async <T>(run: (node: Node) => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      const node = await takePrimary();
      try {
        return await run(node);
      } catch (error) {
        if (isReadOnlyServer(error) && attempt < TRIES) {
          if (primary === node) primary = null; // a replica now: another node was promoted
          continue;
        }
        if (isRetryable(error) && attempt < TRIES) {
          await sleep(Math.random() * 20 * attempt);
          continue;
        }
        if (isConnectionFailure(error)) {
          const refused = (error as { code?: unknown }).code === 'ECONNREFUSED' || /trying to connect/.test((error as Error).message);
          lost(node);
          throw new CityUnavailableError(city.code, refused ? 'not-sent' : 'unknown', error);
        }
        if (isDeadline(error)) throw new CityUnavailableError(city.code, 'unknown', error);
        throw error;
      }
    }
  };
  const ormOf = (node: Node): NonNullable<Node['orm']> => {
    node.orm ??= new DataSource({
      type: 'postgres',
      host: node.address.host,
      port: node.address.port,
      username: role,
      password,
      database: city.database,
      schema: role,
      ssl: city.tls,
      entities: [...(options.entities ?? [])],
      installExtensions: false,
      poolErrorHandler: () => {},
      extra: {
        max: Math.max(2, Math.ceil(maxConnections / 2)),
        connectionTimeoutMillis: connectTimeoutMs,
        statement_timeout: statementTimeoutMs,
        query_timeout: statementTimeoutMs + 500,
        idle_in_transaction_session_timeout: statementTimeoutMs * 4,
        allowExitOnIdle: true,
        application_name: `caregraph ${role} typeorm`,
      },
    })
      .initialize()
      .then((source) => ({ source, watched: watchPool((source.driver as PostgresDriver).master) }))
      .catch((error: unknown) => {
        node.orm = null;
        throw error;
      });
    return node.orm;
  };

  return {
    city,
    subjects,
    spool: options.spool ?? null,
    named: <R>({ name, text }: Named, values: readonly unknown[]) =>
      onPrimary((node) => query(node, { name, text, values: [...values] }) as Promise<R[]>),
    transaction: (fn, { statementTimeoutMs: ownTimeoutMs } = {}) =>
      onPrimary(async (node) => {
        const client = await within(node.own, (pool) => pool.connect());
        let broken = false;
        let failure: { readonly error: unknown } | null = null;
        /** After a sent statement failed, the server refuses what follows: its failure is the reason of theirs. */
        const run = async (statement: string | pg.QueryConfig): Promise<pg.QueryResultRow[]> => {
          const [answer] = await Promise.allSettled([client.query(statement)]);
          if (failure) throw failure.error;
          if (answer.status === 'rejected') throw answer.reason;
          return answer.value.rows;
        };
        try {
          // Awaited, so that nothing runs outside of it should the server refuse to begin.
          await run('begin');
          if (ownTimeoutMs !== undefined) await run(`set local statement_timeout = ${Math.ceil(ownTimeoutMs)}`);
          const result = await fn({
            subjects,
            named: async (statement, values) => (await run({ ...statement, values: [...values] })) as never,
            send: (statement, values, toError = (error) => error) => {
              client.query({ ...statement, values: [...values] }).catch((error: unknown) => {
                failure ??= { error: toError(error) };
              });
            },
          });
          // Of a transaction in which a statement failed, a commit takes everything back.
          await run('commit');
          return result;
        } catch (error) {
          await client.query('rollback').catch(() => {
            broken = true;
          });
          throw error;
        } finally {
          client.release(broken);
        }
      }),
    read: async <R>({ name, text }: Named, values: readonly unknown[]): Promise<Read<R>> => {
      try {
        return {
          rows: await onPrimary((node) => query(node, { name, text, values: [...values] }) as Promise<R[]>),
          staleAsOf: null,
        };
      } catch (error) {
        if (!(error instanceof CityUnavailableError)) throw error;
        for (const node of nodes) {
          if (node.downUntil > Date.now()) continue;
          try {
            const rows = (await query(node, { name, text, values: [...values] })) as R[];
            const [asOf] = await query<{ at: Date | null }>(node, { text: 'select pg_last_xact_replay_timestamp() as at' });
            return { rows, staleAsOf: asOf?.at ?? new Date() };
          } catch (failure) {
            if (!(failure instanceof OverloadedError)) lost(node);
          }
        }
        throw error;
      }
    },
    manage: (fn) =>
      onPrimary(async (node) => {
        const { source, watched } = await ormOf(node);
        return within(watched, () => source.transaction(fn));
      }),
    dedicated: () =>
      onPrimary(async (node) => {
        const client = new pg.Client({
          ...connection(node.address),
          query_timeout: 0,
          statement_timeout: 0,
          idle_in_transaction_session_timeout: 0,
        });
        client.on('error', () => {});
        await client.connect();
        return client;
      }),
    ping: async () => {
      try {
        await onPrimary((node) => query(node, { text: 'select 1' }));
        return true;
      } catch {
        return false;
      }
    },
    stop: async () => {
      stopped = true;
      await Promise.all(
        nodes.map(async (node) => {
          await node.own.pool.end().catch(() => {});
          await node.orm?.then(({ source }) => source.destroy()).catch(() => {});
        }),
      );
    },
  };
};
