import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { appendAudit } from '#platform/audit/append.ts';
import { type AuditEvent, Outcome } from '#platform/audit/event.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { CityUnavailableError, isConnectionFailure } from '#platform/database/errors.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { endSoon } from '#platform/sequence/connection.ts';
import { parseCheckpoint } from '#platform/tlog/checkpoint.ts';
import { parseNote } from '#platform/tlog/note.ts';
import { type Ask, type LogRef, lockRetirement, readHead } from '../store/log-store.ts';
import { readShard, readShards, retireRows, type ShardRow, tellArchived } from '../store/shard-store.ts';
import { KIND, ShardRefusal } from './begin-shard.ts';
import { freezeEntry } from './freeze-entry.ts';
import type { Keyring } from './log-key.ts';
import { ArchiveError, archiveOf, type ClosedShard, isArchived, SpoiltArchive, verifyArchive, writeArchive } from './shard-archive.ts';
import { findAside } from './shard-turns.ts';

export type RetireSettings = {
  /** A connection of the role `sequencer` whose statements may take as long as they need. */
  readonly ask: Ask;
  /** The city's database as the role `audit`, which writes the entries of what is done here. */
  readonly audit: CityDatabase;
  readonly keys: Keyring;
  /** Folder of the archive. */
  readonly archive: string;
  /** Days for which a closed shard stays at least. */
  readonly retentionDays: number;
  /** Rows that are deleted in one transaction. */
  readonly batch?: number;
  readonly onProgress?: (step: 'archived' | 'deleting', count: number) => void;
};

/** What came of it. `before`: it was retired before, and its archive was not looked at; `archiveSha256` is over what was read back from it then. */
export type Retired =
  | { readonly before: null; readonly folder: string; readonly deleted: number }
  | { readonly before: { readonly retiredAt: Date; readonly archiveSha256: string | null }; readonly folder: null; readonly deleted: 0 };

const BATCH = 5_000;
const DAY_MS = 86_400_000;

/** Milliseconds since a shard was closed, by the clock of the database; null for an open one. */
export const closedForMs = ({ beganAt, ageMs, closedAt }: ShardRow): number | null =>
  closedAt === null ? null : beganAt.getTime() + ageMs - closedAt.getTime();

/** Whether a later shard has an entry in its tree, below which the ids of this one lie. */
const isFollowed = async (ask: Ask, { city, shard }: LogRef): Promise<boolean> => {
  for (const later of await readShards(ask, city))
    if (later.shard > shard && !later.retiredAt && ((await readHead(ask, { city, shard: later.shard })).state?.size ?? 0) > 0) return true;
  return false;
};

/**
 * Takes a closed shard out of the database: writes it to the archive, reads it back there, and deletes what it holds, a batch at a time; its row with the
 * final checkpoint and the lines of its witnesses stays. Broken off at any step, it goes on from there when it is asked for again; before each deletion the
 * archive is read back once more. One process a city does this at a time. Each step is an entry of the current shard. Throws `ShardRefusal` for a shard that is open or too young or in another's hands, `ArchiveError`.
 */
export const retireShard = async (settings: RetireSettings, shard: number): Promise<Retired> => {
  const { ask, audit, keys, archive, retentionDays, batch = BATCH, onProgress } = settings;
  const city = audit.city.code;
  const of = { city, shard };
  // For as long as the connection is there.
  if (!(await lockRetirement(ask, city))) throw new ShardRefusal(`another process retires a shard of the log of city ${city}`);
  const row = await readShard(ask, city, shard);
  if (!row) throw new ShardRefusal(`the log of city ${city} has no shard ${shard}; which there are: npm run audit-log -- shards ${city}`);
  const age = closedForMs(row);
  if (age === null || !row.final)
    throw new ShardRefusal(
      `shard ${shard} of the log of city ${city} is open: begin another one first: npm run audit-log -- begin-shard ${city}`,
    );
  if (row.retiredAt) return { before: { retiredAt: row.retiredAt, archiveSha256: row.archiveSha256 }, folder: null, deleted: 0 };
  if (age < retentionDays * DAY_MS)
    throw new ShardRefusal(
      `shard ${shard} of the log of city ${city} was closed ${Math.floor(age / DAY_MS)} days ago, and AUDIT_RETENTION_DAYS or --retention-days keeps it for ${retentionDays}`,
    );
  if (!(await isFollowed(ask, of)))
    throw new ShardRefusal(
      `the shard behind shard ${shard} of the log of city ${city} has no entry yet, so where this one ends is not sure: start its sequencer (npm start), and say it again in a moment`,
    );
  const closed: ClosedShard = { of, key: keys.toVerifier(row), ...row.final };
  const { origin, size, root } = parseCheckpoint(parseNote(row.final.note).text);
  const eventOf = (act: string, more: { readonly sha256: string } | null = null): AuditEvent & { readonly patientId?: null } => ({
    city,
    observer: 'audit',
    act,
    action: act === 'archiveLogShard' ? 'E' : 'D',
    outcome: Outcome.SUCCESS,
    purpose: 'SYSADMIN',
    actor: { role: 'SERVICE', city, accountId: null },
    entities: [
      { kind: KIND, id: `${origin}@${size}`, sha256: Buffer.from(root).toString('hex') },
      ...(more ? [{ kind: 'AuditLogArchive', id: null, ...more }] : []),
    ],
    requestId: randomUUID(),
  });
  if (row.archivedAt === null) {
    if (!(await isArchived(archive, of))) await writeArchive(ask, archive, closed);
  } else if (!(await isArchived(archive, of)))
    throw new ArchiveError(
      `shard ${shard} of the log of city ${city} was archived before and is not in ${archiveOf(archive, of)}: name its archive with --archive or AUDIT_ARCHIVE_DIR`,
    );
  const sha256 = await verifyArchive(archive, closed).catch((error: unknown) => {
    if (!(error instanceof SpoiltArchive)) throw error;
    const remedy =
      row.archivedAt === null
        ? 'move it away, and it is written anew'
        : 'bring back a copy of it, as the database may hold a part of the shard alone';
    throw new ArchiveError(`${error.message}; ${remedy}`);
  });
  if (row.archivedAt === null) {
    await appendAudit(audit, eventOf('archiveLogShard', { sha256 }));
    await tellArchived(ask, of, sha256);
  }
  onProgress?.('archived', size);
  await appendAudit(audit, eventOf('beginRetireLogShard'));
  let deleted = 0;
  for (;;) {
    // The last one, which finds nothing, writes the entry.
    const gone = await retireRows(ask, of, retentionDays, batch, freezeEntry(eventOf('retireLogShard'), audit.subjects));
    if (gone === 0) break;
    deleted += gone;
    onProgress?.('deleting', deleted);
  }
  return { before: null, folder: archiveOf(archive, of), deleted };
};

/** Retires every shard of a city that is old enough, oldest first; returns their numbers. */
export const retireOldShards = async (settings: RetireSettings): Promise<number[]> => {
  const done: number[] = [];
  for (const row of await readShards(settings.ask, settings.audit.city.code)) {
    const age = closedForMs(row);
    if (row.retiredAt || age === null || age < settings.retentionDays * DAY_MS) continue;
    await retireShard(settings, row.shard);
    done.push(row.shard);
  }
  return done;
};

export type RetirementSettings = Pick<RetireSettings, 'archive' | 'retentionDays'> & {
  readonly cities: readonly {
    /** The city's database as the role `sequencer`, and as `audit`. */
    readonly database: CityDatabase;
    readonly audit: CityDatabase;
    readonly keys: Keyring;
  }[];
  readonly log: Log;
  /** Pause between two rounds. */
  readonly everyMs?: number;
};
const EVERY_MS = 3_600_000;

/**
 * Retires the shards of the cities once they are old enough. Each city goes by itself, so that one that is silent holds up no other; one whose log waits
 * for its operator is left alone, as a restored backup is first to be taken for what it is.
 */
export const startRetirement = ({ cities, archive, retentionDays, log, everyMs = EVERY_MS }: RetirementSettings) => {
  const ending = new AbortController();
  const { signal } = ending;
  const clients = new Set<pg.Client>();
  const round = async ({ database, audit, keys }: RetirementSettings['cities'][number]): Promise<void> => {
    const city = database.city.code;
    try {
      const client = await database.dedicated();
      clients.add(client);
      try {
        const ask: Ask = async ({ name, text }, values) => {
          signal.throwIfAborted();
          return (await client.query({ name, text, values: [...values] })).rows as never;
        };
        if (await findAside(ask, city, keys, log)) return;
        for (const shard of await retireOldShards({ ask, audit, keys, archive, retentionDays }))
          log.info('a shard of the audit log was retired', { city, shard });
      } finally {
        clients.delete(client);
        await endSoon(client);
      }
    } catch (error) {
      if (signal.aborted || error instanceof ShardRefusal) return;
      const isExpected = error instanceof CityUnavailableError || isConnectionFailure(error);
      log[isExpected ? 'debug' : 'error']('a shard of the audit log could not be retired', { city, ...describeError(error) });
    }
  };
  const run = async (each: RetirementSettings['cities'][number]): Promise<void> => {
    while (!signal.aborted) {
      await round(each);
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {});
    }
  };
  const running = Promise.all(cities.map(run));
  return {
    stop: async (): Promise<void> => {
      ending.abort();
      await Promise.all([...clients].map((client) => endSoon(client)));
      await running;
    },
  };
};
