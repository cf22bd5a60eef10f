import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startAudit } from '#audit/server.ts';
import { initSubjectKeys } from '#audit/service/init-subject-keys.ts';
import { type LogKey, openLogKey } from '#audit/service/log-key.ts';
import { takeLock } from '#embedded/lock.ts';
import { startEmbeddedNetwork } from '#embedded/network.ts';
import { MIGRATIONS, SCHEMAS } from '#migrations/index.ts';
import { appendAudit } from '#platform/audit/append.ts';
import type { AuditEvent } from '#platform/audit/event.ts';
import { type CityReport, type CityState, verifyCity } from '#platform/audit/verify-city.ts';
import { readStartConfig } from '#platform/config/env.ts';
import { DATABASE_ROLES } from '#platform/config/secrets.ts';
import { openCities } from '#platform/database/cities.ts';
import { migrateCity } from '#platform/database/migrate.ts';
import { newId } from '#platform/database/new-id.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Transfer } from '#platform/http/transfer.ts';
import type { Log } from '#platform/observability/log.ts';
import { openSubjects } from '#platform/subjects/open-subjects.ts';
import { parseCheckpoint } from '#platform/tlog/checkpoint.ts';
import type { LogSource } from '#platform/tlog/log-source.ts';
import { parseNote } from '#platform/tlog/note.ts';
import { DRILL_PREFIX } from './leftovers.ts';

/** The city whose log is tampered with. The others are its witnesses. */
export const ATTACKED = 'MTL';

/** How long anybody may take to find what they have to find, in milliseconds. */
const PATIENCE_MS = 30_000;

/** What was asked for did not come about in time. */
export class NotInTime extends Error {
  override readonly name = 'NotInTime';
}

/** Waits until `look` finds something; throws `NotInTime`. */
export const waitFor = async <T>(what: string, look: () => Promise<T | null>, withinMs = PATIENCE_MS): Promise<T> => {
  const end = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (Date.now() > end) throw new NotInTime(`${what} did not come about in ${withinMs / 1000} s`);
    await sleep(50);
  }
};

/** What health says of a city's log. */
export type LogHealth = {
  readonly state: string;
  readonly firstBadIndex?: number | null;
  readonly witness?: string;
  readonly witnessSize?: number;
  readonly alarms?: readonly { readonly origin: string; readonly kind: string; readonly count: number }[];
};

/** A stranger with the key of the log, who asks for no witness and remembers what was seen: what the witnesses find is not found for them. */
export type Verifier = {
  /** Verifies everything again, and remembers it where it is sound. `through` stands for another server that shows the log. */
  readonly verify: (through?: LogSource) => Promise<CityReport>;
};

/** A network with logs of its own for one drill. */
export type Stage = {
  readonly key: LogKey;
  /** A superuser in the database of the city that is attacked. */
  readonly attacker: () => Promise<pg.Client>;
  /** Writes so many acts; `clockMs` is how far the clock of whoever writes is off. */
  readonly act: (count: number, clockMs?: number) => Promise<void>;
  /** Waits until every act is under a checkpoint that both witnesses cosigned; returns its size. */
  readonly settle: () => Promise<number>;
  readonly source: LogSource;
  readonly openVerifier: () => Verifier;
  /** Asks a city, as a witness, to cosign: what anybody can send to its address. */
  readonly askWitness: (city: string, body: string) => Promise<{ readonly status: number; readonly body: string }>;
  readonly witnesses: readonly string[];
  readonly health: (city?: string) => Promise<LogHealth>;
  /** Ends, and starts again, what signs, cosigns and shows the logs. */
  readonly stopServing: () => Promise<void>;
  readonly startServing: () => Promise<void>;
  /** Copies the city's database as a backup does, and puts that copy in its place, while nothing is served. */
  readonly backUp: () => Promise<void>;
  readonly restore: () => Promise<void>;
  readonly close: () => Promise<void>;
};

export type Room = { readonly open: () => Promise<void>; readonly openStage: () => Promise<Stage>; readonly close: () => Promise<void> };

const anAct = (city: string): AuditEvent => ({
  city,
  observer: 'scheduling',
  act: 'bookAppointment',
  action: 'C',
  outcome: 0,
  purpose: 'PATRQT',
  actor: { role: 'PATIENT', city, accountId: newId(city, 'acc') },
  patientId: newId(city, 'pat'),
  entities: [{ kind: 'Slot', id: newId(city, 'slt') }],
  requestId: randomUUID(),
});

/** Runs `work`, which must not wait for anything, with a clock that is off by so much. */
const withClock = <T>(offMs: number, work: () => T): T => {
  const Real = globalThis.Date;
  class Skewed extends Real {
    constructor(...given: [] | [number | string | Date]) {
      super(given.length === 0 ? Real.now() + offMs : given[0]);
    }
    static override now(): number {
      return Real.now() + offMs;
    }
  }
  globalThis.Date = Skewed as DateConstructor;
  try {
    return work();
  } finally {
    globalThis.Date = Real;
  }
};

const readAll = async (body: AsyncIterable<Uint8Array> | string | null): Promise<Buffer> => {
  if (typeof body === 'string') return Buffer.from(body);
  const parts: Uint8Array[] = [];
  if (body) for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
};
async function* bodyOf(text: string): AsyncGenerator<Uint8Array> {
  if (text !== '') yield Buffer.from(text);
}

/** Calls an address below `/audit/` as a stranger does. */
const makeCall =
  (transfer: Transfer) =>
  async (method: 'GET' | 'POST', at: string, body = ''): Promise<{ readonly status: number; readonly bytes: Buffer }> => {
    const answer = await transfer({
      method,
      path: at,
      headers: {},
      body: bodyOf(body),
      caller: { viewer: null, requestId: randomUUID(), address: '127.0.0.1', language: 'en', origin: 'http://127.0.0.1' },
      sessionEnded: false,
      signal: new AbortController().signal,
    });
    return { status: answer.status, bytes: await readAll(answer.body) };
  };

/**
 * Three cities in a folder that is thrown away: databases, keys, and what signs, cosigns and shows their logs. Each stage gets databases of its own, so
 * that no drill sees what another one did. `close` may be asked for at any time, also while `open` is under way, which throws then: it ends the servers
 * and takes the folder away, once.
 */
export const makeRoom = (onProgress: (line: string) => void): Room => {
  const closing: (() => unknown)[] = [];
  let closed: Promise<void> | null = null;
  const atClose = (step: () => unknown): void => {
    if (closed) throw new Error('the room is closed');
    closing.push(step);
  };
  const close = (): Promise<void> => {
    closed ??= (async () => {
      for (let step = closing.pop(); step !== undefined; step = closing.pop()) await step();
    })();
    return closed;
  };
  const open = async (): Promise<Room['openStage']> => {
    const folder = mkdtempSync(path.join(tmpdir(), DRILL_PREFIX));
    atClose(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
    // Says whose it is to a later drill, should this process be killed.
    await takeLock(folder);
    const dataDir = path.join(folder, 'data');
    // What goes wrong here is meant to: it is shown by who finds it.
    const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    const starting = startEmbeddedNetwork({ dataDir, log, onProgress, fsync: false, standbys: false });
    // Waited for, as only a network that runs can be stopped; one that does not start stops itself.
    starting.catch(() => {});
    atClose(async () => (await starting.catch(() => null))?.stop());
    const network = await starting;
    const { cities, secrets, superuser } = network;
    const migrator = { user: 'migrator', password: secrets.databasePasswords.migrator, folder: MIGRATIONS, schemas: SCHEMAS };
    await Promise.all(cities.map((city) => migrateCity(city, migrator)));
    const { subjects: config } = readStartConfig({ DATA_DIR: dataDir });
    await initSubjectKeys({ cities, secrets, subjects: config });
    const subjects = await openSubjects(config, { cities: cities.map(({ code }) => code), indexKey: secrets.subjectIndexKey, log });
    atClose(() => subjects.stop());

    const connect = async (code: string, database: string): Promise<pg.Client> => {
      const node = cities.find((city) => city.code === code)?.nodes[0];
      if (!node) throw new Error(`the network has no city ${code}`);
      const client = new pg.Client({ ...node, ...superuser, database });
      client.on('error', () => {});
      await client.connect();
      return client;
    };
    const onServer = async (code: string, statements: readonly string[]): Promise<void> => {
      const client = await connect(code, 'postgres');
      try {
        for (const statement of statements) await client.query(statement);
      } finally {
        await client.end();
      }
    };
    const copyTo = (code: string, from: string, to: string): Promise<void> =>
      onServer(code, [
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${from}'`,
        `CREATE DATABASE ${to} TEMPLATE ${from} OWNER migrator`,
        `REVOKE ALL ON DATABASE ${to} FROM PUBLIC`,
        `GRANT CONNECT ON DATABASE ${to} TO ${DATABASE_ROLES.join(', ')}`,
        `ALTER DATABASE ${to} SET caregraph.city = '${code}'`,
      ]);

    const openStage = async (): Promise<Stage> => {
      const database = `drill_${randomBytes(6).toString('hex')}`;
      const backup = `${database}_backup`;
      await Promise.all(cities.map(({ code, database: from }) => copyTo(code, from, database)));
      const own = cities.map((city) => ({ ...city, database }));
      const [signingKey] = secrets.logKeys[ATTACKED] ?? [];
      if (!signingKey) throw new Error(`there is no key for the log of ${ATTACKED}`);
      const key = openLogKey(signingKey);
      const writers = openCities(own, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects, maxConnections: 4 });
      let admin: pg.Client | null = null;
      let served: Subgraph | null = null;
      const attacker = async (): Promise<pg.Client> => {
        admin ??= await connect(ATTACKED, database);
        return admin;
      };
      const letGo = async (): Promise<void> => {
        await admin?.end().catch(() => {});
        admin = null;
      };
      const startServing = async (): Promise<void> => {
        served ??= (await startAudit({
          cities: own,
          secrets,
          subjects,
          log,
          sequencing: { pollMs: 40, recheckMs: 150, standbyMs: 100 },
          shredding: null,
          witnessing: { everyMs: 40, retryMs: 100, maxRetryMs: 400 },
        })) as Subgraph;
      };
      const stopServing = async (): Promise<void> => {
        const ending = served;
        served = null;
        await ending?.stop();
      };
      const call = async (method: 'GET' | 'POST', at: string, body?: string): Promise<{ status: number; bytes: Buffer }> => {
        const { transfer } = served ?? {};
        if (!transfer) throw new Error('nothing is served');
        return makeCall(transfer)(method, at, body);
      };
      const source: LogSource = async (file) => {
        const { status, bytes } = await call('GET', `${ATTACKED}/${file}`);
        return status === 200 ? new Uint8Array(bytes) : null;
      };
      const health = async (city = ATTACKED): Promise<LogHealth> => {
        await served?.health();
        const logs = (served?.report?.()['auditLog'] ?? {}) as Readonly<Record<string, LogHealth>>;
        return logs[city] ?? { state: 'away' };
      };
      const witnesses = own.map(({ code }) => code).filter((code) => code !== ATTACKED);
      const stage: Stage = {
        key,
        attacker,
        witnesses,
        source,
        health,
        startServing,
        stopServing,
        act: async (count, clockMs = 0) => {
          const db = writers.of(ATTACKED);
          for (let i = 0; i < count; i++) await withClock(clockMs, () => appendAudit(db, anAct(ATTACKED)));
        },
        settle: async () => {
          const client = await attacker();
          const { rows } = await client.query<{ n: string }>('SELECT count(*) AS n FROM audit.entry WHERE city = $1', [ATTACKED]);
          const size = Number(rows[0]?.n);
          return waitFor('a checkpoint of all entries with two witnesses', async () => {
            const bytes = await source('checkpoint');
            if (!bytes) return null;
            const note = parseNote(bytes);
            return parseCheckpoint(note.text).size === size && note.signatures.length >= 1 + witnesses.length ? size : null;
          });
        },
        openVerifier: () => {
          let known: CityState | null = null;
          const copy = new Map<string, Uint8Array>();
          return {
            verify: async (through = source) => {
              const files = new Map<string, Uint8Array>();
              const report = await verifyCity({
                source: through,
                trust: { kind: 'key', vkey: key.vkey },
                known,
                city: ATTACKED,
                now: new Date(),
                isFull: true,
                copy: async (file) => copy.get(file) ?? null,
                onFile: async (file, bytes) => void files.set(file, bytes.slice()),
              });
              if (!report.isSound) return report;
              known = report.state;
              for (const [file, bytes] of files) copy.set(file, bytes);
              return report;
            },
          };
        },
        askWitness: async (city, body) => {
          const { status, bytes } = await call('POST', `${city}/witness/add-checkpoint`, body);
          return { status, body: bytes.toString('utf8') };
        },
        backUp: async () => {
          await letGo();
          await copyTo(ATTACKED, database, backup);
        },
        restore: async () => {
          await letGo();
          await onServer(ATTACKED, [`DROP DATABASE ${database} WITH (FORCE)`]);
          await copyTo(ATTACKED, backup, database);
        },
        close: async () => {
          await stopServing();
          await letGo();
          await writers.stop();
          await Promise.all(
            own.map(({ code }) =>
              onServer(code, [`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`, `DROP DATABASE IF EXISTS ${backup} WITH (FORCE)`]),
            ),
          );
        },
      };
      try {
        await startServing();
      } catch (error) {
        await stage.close();
        throw error;
      }
      return stage;
    };
    return openStage;
  };
  let opened: Promise<Room['openStage']> | null = null;
  return {
    open: async () => {
      opened ??= open();
      await opened;
    },
    openStage: async () => {
      if (!opened) throw new Error('the room is not open');
      return (await opened)();
    },
    close,
  };
};
