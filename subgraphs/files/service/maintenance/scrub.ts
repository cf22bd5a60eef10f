import { setTimeout as sleep } from 'node:timers/promises';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { type CopyFinding, STORE_NAMES, type StoreName } from '#platform/vault/vault.ts';
import {
  claimTask,
  countOpenDamage,
  endPass,
  findUnknown,
  isScrubDue,
  type Kept,
  nextVersions,
  startTask,
  stepTask,
} from '../../store/maintenance-store.ts';
import { type Duty, type DutyParts, forEach, refOf } from './duty.ts';

export type ScrubOptions = {
  /** How often a pass begins by itself, in milliseconds; 0: never. */
  readonly scrubEveryMs: number;
  /** Bytes read from both stores per second, on average. */
  readonly scrubBytesPerSecond: number;
};

const BATCH = 16;
const AT_ONCE = 2;
const RENEW_MS = 4_000;
const IDS_AT_ONCE = 1_000;
/** Blobs younger than this may belong to what is just being written or removed. */
const YOUNG_MS = 600_000;
/** How long the end of a pass waits for the repairs of what it found. */
const REPAIRS_MS = 30_000;

/**
 * Reads and authenticates every copy of every version in both stores, as its task says, and notes what is not as it should be; the repairs
 * do the rest. Goes on behind the last version after a restart. In the end it looks for blobs that no row knows: contents of which one
 * store says that they were destroyed are destroyed in the other too, others are counted and left alone.
 */
export const makeScrub = (parts: DutyParts, { scrubEveryMs, scrubBytesPerSecond }: ScrubOptions): Duty => {
  const { vault, log, lease, notes, isStopped } = parts;

  const look = async (version: Kept & { readonly known: readonly string[] }): Promise<{ damaged: number; waiting: number }> => {
    const { sizeBytes } = version;
    const ref = refOf(version);
    const findings = await Promise.all(
      STORE_NAMES.map(async (store): Promise<readonly [StoreName, CopyFinding]> => [store, await vault.check(ref, sizeBytes, store)]),
    );
    let damaged = 0;
    for (const [store, finding] of findings) {
      if (finding === 'destroyed') log.error('a key was destroyed whose version stands', { city: ref.city, blobId: ref.id, store });
      if (finding !== 'missing' && finding !== 'damaged') continue;
      if (!version.known.includes(store)) damaged++;
      await notes.note(ref, store, finding);
    }
    return { damaged, waiting: findings.some(([, finding]) => finding === 'unavailable') ? 1 : 0 };
  };

  /** Blobs of one store that no row knows: how many, after those that were destroyed elsewhere are destroyed here too. */
  const lookForUnknown = async (db: CityDatabase, store: StoreName, keep: () => Promise<boolean>): Promise<number | null> => {
    const city = db.city.code;
    const before = Date.now() - YOUNG_MS;
    let unknown = 0;
    /** What was seen of an id: more than a key, and whether all of it is young. */
    let ids = new Map<string, { hasContent: boolean; isYoung: boolean }>();
    const settle = async (): Promise<boolean> => {
      for (const id of await findUnknown(db, [...ids.keys()])) {
        const { hasContent = false, isYoung = false } = ids.get(id) ?? {};
        const found = await Promise.all(STORE_NAMES.map((each) => vault.findKey({ city, id }, each)));
        if (found.includes('unavailable')) continue;
        const isDestroyedHere = found[STORE_NAMES.indexOf(store)] === 'destroyed';
        if (!found.includes('destroyed')) {
          if (isYoung) continue;
          unknown++;
          log.warn('a blob is known to no row', { city, blobId: id, store });
        } else if (!isDestroyedHere || hasContent) {
          await vault.destroy({ city, id }, store);
          if (!isDestroyedHere) log.warn('a destroyed content had come back and was destroyed again', { city, blobId: id, store });
        }
      }
      ids = new Map();
      return keep();
    };
    for await (const { id, modifiedAt, isKey } of vault.list(city, store)) {
      const seen = ids.get(id) ?? { hasContent: false, isYoung: true };
      ids.set(id, { hasContent: seen.hasContent || !isKey, isYoung: seen.isYoung && modifiedAt.getTime() > before });
      if (ids.size >= IDS_AT_ONCE && !(await settle())) return null;
    }
    return (await settle()) ? unknown : null;
  };

  const run = async (db: CityDatabase): Promise<void> => {
    const city = db.city.code;
    if (scrubEveryMs > 0 && (await isScrubDue(db, scrubEveryMs / 1000))) await db.transaction((tx) => startTask(tx, city, 'SCRUB'));
    let task = await claimTask(db, 'SCRUB', lease);
    if (task === null) return;
    const startedAt = task.startedAt.getTime();
    const keep = async (): Promise<boolean> => {
      const kept = await claimTask(db, 'SCRUB', lease);
      return kept !== null && kept.startedAt.getTime() === startedAt && !isStopped();
    };
    const timer = setInterval(() => void keep().catch(() => {}), RENEW_MS);
    try {
      for (;;) {
        const versions = await nextVersions(db, task.position, BATCH);
        const last = versions.at(-1);
        if (last === undefined) break;
        const counts = { checked: 0, damaged: 0, waiting: 0 };
        const began = performance.now();
        await forEach(versions, AT_ONCE, async (version) => {
          if (isStopped()) return;
          const { damaged, waiting } = await look(version);
          counts.checked++;
          counts.damaged += damaged;
          counts.waiting += waiting;
        });
        if (counts.checked < versions.length) return;
        if (!(await stepTask(db, task, lease, last.blobId, counts))) return;
        const bytes = versions.reduce((sum, { sizeBytes }) => sum + 2 * sizeBytes, 0);
        await rest((bytes / scrubBytesPerSecond) * 1000 - (performance.now() - began));
        if (isStopped()) return;
        task = { ...task, position: last.blobId };
      }
      let unknown = 0;
      for (const store of STORE_NAMES) {
        const found = await lookForUnknown(db, store, keep).catch((error: unknown) => {
          log.warn('a store could not be listed', { city, store, error: error instanceof Error ? error.name : typeof error });
          return 0;
        });
        if (found === null) return;
        unknown += found;
      }
      for (const until = performance.now() + REPAIRS_MS; performance.now() < until && (await countOpenDamage(db, task.startedAt)) > 0; )
        await rest(100);
      const ended = await claimTask(db, 'SCRUB', lease);
      if (ended === null || ended.startedAt.getTime() !== startedAt) return;
      await endPass(db, ended, lease, false);
      const { checked, damaged, repaired, lost, waiting } = ended;
      log.info('every copy was looked at', { city, checked, damaged, repaired, lost, waiting, unknown });
    } finally {
      clearInterval(timer);
    }
  };
  /** Rests, no longer than a stop may take to be seen. */
  const rest = async (ms: number): Promise<void> => {
    const until = performance.now() + ms;
    while (performance.now() < until && !isStopped()) await sleep(Math.min(200, until - performance.now()));
  };
  return { name: 'scrub', everyMs: 1_000, run };
};
