import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import type { Cities } from '#platform/database/cities.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { BadInputError, ForbiddenError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { makeNoteVerifier } from '#platform/tlog/note.ts';
import { decide } from '#policy/decide.ts';
import type { VerificationView } from '../domain/log-view.ts';
import { readHead } from '../store/log-store.ts';
import { askReading } from '../store/log-view-store.ts';
import { readEventId, readShard, readShards, type ShardRow } from '../store/shard-store.ts';
import { toReadingEvent } from './audit-reading.ts';
import { inspectLog } from './check-log.ts';
import { findUnplaced } from './find-unplaced.ts';
import type { Keyring, LogVerifier } from './log-key.ts';

/** How long an answer waits for the end of a run, in milliseconds; what takes longer goes on behind it. */
const WAIT_MS = 2_000;
/** A result is given again for so long, and for five times as long as it took. */
const REUSE_MS = 10_000;
const REUSE_FACTOR = 5;

type Run = {
  readonly startedAt: Date;
  readonly ended: Promise<void>;
  checked: number;
  size: number;
  finishedAt: Date | null;
  fault: Pick<VerificationView, 'shard' | 'firstBadIndex' | 'fault'> | null;
  unplaced: number | null;
  firstUnplaced: string | null;
  error: unknown;
};

export type VerifyAuditLogSettings = { readonly waitMs?: number; readonly reuseMs?: number };

/**
 * Goes through a city's log in its database: entries, tiles, marks and every published checkpoint of every shard that is not in the archive yet. At most one
 * run a city at a time, whoever asks: a short one is waited for, a longer one goes on in the background and tells how far it is. For auditors; each asking
 * is recorded. Throws `UnauthenticatedError`, `ForbiddenError` (recorded as well), `BadInputError`, `CityUnavailableError`, `AuditUnavailableError`.
 */
export const makeVerifyAuditLog = (
  cities: Cities,
  keys: ReadonlyMap<string, Keyring>,
  log: Log,
  { waitMs = WAIT_MS, reuseMs = REUSE_MS }: VerifyAuditLogSettings = {},
) => {
  const act = 'verifyAuditLog';
  const runs = new Map<string, Run>();

  const toVerifier = (city: string, row: ShardRow): LogVerifier => {
    const keyring = keys.get(city);
    if (keyring) return keyring.toVerifier(row);
    if (row.vkey === null) throw new Error(`no key of a shard of city ${city} is known`);
    return { origin: row.origin, vkey: row.vkey, verifier: makeNoteVerifier(row.vkey) };
  };
  const inspect = async (db: CityDatabase, run: Run): Promise<void> => {
    const ask = askReading(db);
    const city = db.city.code;
    const shards = (await readShards(ask, city)).filter(({ archivedAt }) => archivedAt === null);
    const heads = await Promise.all(shards.map(({ shard }) => readHead(ask, { city, shard })));
    run.size = heads.reduce((sum, { checkpoint }) => sum + (checkpoint?.size ?? 0), 0);
    for (const row of shards) {
      const found = await inspectLog(ask, { city, shard: row.shard }, toVerifier(city, row), (leaves) => {
        run.checked += leaves.length;
      });
      if (found.firstBadIndex === null) continue;
      // It began to be retired meanwhile: what is gone was read back from the archive before.
      if ((await readShard(ask, city, row.shard))?.archivedAt) continue;
      run.fault = { shard: row.shard, firstBadIndex: found.firstBadIndex, fault: found.canRebuild ? 'TILES' : 'ENTRIES' };
      log.warn('an audit log was verified and is not sound', { city, shard: row.shard, firstBadIndex: found.firstBadIndex });
      return;
    }
    const { count, firstId } = await findUnplaced(ask, city);
    run.unplaced = count;
    if (count === 0) return;
    run.firstUnplaced = firstId === null ? null : await readEventId(ask, city, firstId);
    run.fault = { shard: null, firstBadIndex: null, fault: 'UNPLACED' };
    log.warn('an audit log was verified, and entries lie in no shard', { city, unplaced: count, firstUnplacedId: firstId });
  };
  const start = (db: CityDatabase): Run => {
    const run: Run = {
      startedAt: new Date(),
      ended: Promise.resolve(),
      checked: 0,
      size: 0,
      finishedAt: null,
      fault: null,
      unplaced: null,
      firstUnplaced: null,
      error: null,
    };
    const ended = inspect(db, run)
      .catch((error: unknown) => {
        run.error = error;
        log.warn('an audit log could not be verified', { city: db.city.code, ...describeError(error) });
      })
      .finally(() => {
        run.finishedAt = new Date();
      });
    return Object.assign(run, { ended });
  };
  const isFresh = ({ startedAt, finishedAt, error }: Run): boolean => {
    if (finishedAt === null) return true;
    const tookMs = finishedAt.getTime() - startedAt.getTime();
    return error === null && Date.now() - finishedAt.getTime() < Math.max(reuseMs, reuseMs === 0 ? 0 : REUSE_FACTOR * tookMs);
  };

  const verify = async (caller: Caller, city: string): Promise<VerificationView> => {
    const { viewer } = caller;
    if (viewer === null) throw new UnauthenticatedError();
    const record = (outcome: Outcome, reason?: string): Promise<void> =>
      appendAudit(
        cities.of(viewer.city),
        toReadingEvent(caller, viewer, {
          city: viewer.city,
          act,
          outcome,
          ...(reason === undefined ? {} : { reason }),
          // A text that is no code may be anything, so it is not kept.
          entities: cities.find(city) ? [{ kind: 'AuditLog', id: city }] : [],
        }),
      );
    if (!decide(viewer, { action: 'audit:read' }).allow) {
      await record(Outcome.DENIED, 'FORBIDDEN');
      throw new ForbiddenError();
    }
    const db = cities.find(city);
    if (!db) {
      await record(Outcome.REFUSED, 'BAD_USER_INPUT');
      throw new BadInputError('city', `is no city; known are ${cities.codes.join(', ')}`);
    }
    await record(Outcome.SUCCESS);
    const known = runs.get(city);
    const run = known && isFresh(known) ? known : start(db);
    runs.set(city, run);
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    await Promise.race([run.ended, late]);
    clearTimeout(timer);
    if (run.error !== null) throw run.error;
    const { startedAt, finishedAt, size, checked, fault, unplaced, firstUnplaced } = run;
    return {
      city,
      state: fault ? 'BROKEN' : finishedAt === null ? 'RUNNING' : 'SOUND',
      size,
      checked: Math.min(checked, size),
      shard: fault?.shard ?? null,
      firstBadIndex: fault?.firstBadIndex ?? null,
      fault: fault?.fault ?? null,
      unplaced,
      firstUnplaced,
      startedAt,
      finishedAt,
    };
  };
  return verify;
};
export type VerifyAuditLog = ReturnType<typeof makeVerifyAuditLog>;
