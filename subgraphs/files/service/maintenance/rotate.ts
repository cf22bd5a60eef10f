import type { CityDatabase } from '#platform/database/city-database.ts';
import { IntegrityError } from '#platform/vault/vault.ts';
import {
  claimOldKeys,
  claimTask,
  endPass,
  type Kept,
  LEASE_SECONDS,
  noteKey,
  releaseWriting,
  stepTask,
  wakeRotation,
} from '../../store/maintenance-store.ts';
import { type Duty, type DutyParts, forEach, isAway, refOf } from './duty.ts';

const BATCH = 16;
const AT_ONCE = 4;
const WAKE_EVERY_MS = 10_000;
/** No key is put into a store later than this after its lease was taken. */
const MAY_WRITE_MS = LEASE_SECONDS * 1000 - 5_000;

/**
 * Wraps the keys of all versions with the city's current key, as its task says. What is done is noted version by version, so that a process
 * that ends anywhere leaves what another one goes on with. Versions that a store or another process keeps from it wait for the next pass.
 */
export const makeRotate = (parts: DutyParts): Duty => {
  const { vault, keys, log, fault, lease, isStopped } = parts;
  const wokenAt = new Map<string, number>();

  const rewrap = async (db: CityDatabase, version: Kept): Promise<'repaired' | 'waiting' | 'lost'> => {
    try {
      const keyId = await vault.rewrap(refOf(version));
      await fault('rotate:rewrapped');
      await noteKey(db, version.blobId, keyId);
      await fault('rotate:noted');
      return 'repaired';
    } catch (error) {
      if (isAway(error)) return 'waiting';
      if (!(error instanceof IntegrityError)) throw error;
      log.error('no store holds the key of a content', { city: db.city.code, blobId: version.blobId });
      return 'lost';
    } finally {
      await releaseWriting(db, version.blobId, lease);
    }
  };

  return {
    name: 'rotation',
    everyMs: 1_000,
    run: async (db) => {
      const city = db.city.code;
      if (performance.now() - (wokenAt.get(city) ?? -WAKE_EVERY_MS) >= WAKE_EVERY_MS) {
        wokenAt.set(city, performance.now());
        await wakeRotation(db, await keys.currentKeyId(city));
      }
      let waiting = 0;
      for (;;) {
        const task = await claimTask(db, 'ROTATION', lease);
        if (task === null) return;
        const current = await keys.currentKeyId(city);
        const takenAt = performance.now();
        const due = await claimOldKeys(db, task.position, current, lease, BATCH);
        const last = due.at(-1);
        if (last === undefined) {
          // What had to wait is looked at again in the next round, from the beginning.
          const again = task.waiting > 0;
          await endPass(db, task, lease, again);
          if (!again) log.info('keys were wrapped anew', { city, repaired: task.repaired, lost: task.lost });
          return;
        }
        const counts = { checked: 0, repaired: 0, lost: 0, waiting: 0 };
        await forEach(due, AT_ONCE, async (version) => {
          const mayWrite = version.mine && performance.now() - takenAt < MAY_WRITE_MS;
          const outcome = mayWrite ? await rewrap(db, version) : 'waiting';
          counts[outcome]++;
          if (outcome === 'repaired') counts.checked++;
          if (outcome === 'lost') counts.checked++;
        });
        waiting += counts.waiting;
        if (!(await stepTask(db, task, lease, last.blobId, counts)) || isStopped()) return;
        // A store that is away keeps all the rest waiting too.
        if (waiting > BATCH) return;
      }
    },
  };
};
