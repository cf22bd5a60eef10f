import { StoreFullError, StoreUnavailableError } from '#platform/blobs/store.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import type { StoreName } from '#platform/vault/vault.ts';
import { claimDestructions, type DueDestruction, forgetDestruction, wakeStore } from '../../store/maintenance-store.ts';
import { type Absences, type Duty, type DutyParts, forEach } from './duty.ts';

const BATCH = 64;
const AT_ONCE = 4;

/** Destroys in one store the keys and contents of deleted files and erased patients, and removes what abandoned uploads left. */
export const makeDestroyBlobs = (parts: DutyParts, store: StoreName, absences: Absences): Duty => {
  const { vault, log, fault, isStopped } = parts;
  const destroy = async (db: CityDatabase, due: DueDestruction): Promise<void> => {
    const { reason } = due;
    const ref = { city: db.city.code, id: due.blobId };
    if (reason === 'abandoned') await vault.discard(ref, store);
    else {
      await vault.destroy(ref, store);
      await fault(`erase:destroyed-${store}`);
    }
    await forgetDestruction(db, due, store);
    if (reason === 'erased') await fault('erase:forgotten');
  };
  return {
    name: `destructions in the ${store}`,
    everyMs: 1_000,
    run: async (db) => {
      for (;;) {
        const wasAway = absences.has(db, store);
        const due = await claimDestructions(db, store, wasAway ? 1 : BATCH, wasAway);
        if (due.length === 0) return;
        try {
          await forEach(due, AT_ONCE, (each) => destroy(db, each));
        } catch (error) {
          if (!(error instanceof StoreUnavailableError || error instanceof StoreFullError)) throw error;
          if (!wasAway) log.warn('a destruction waits for its store', { city: db.city.code, store, waiting: due.length });
          absences.set(db, store, true);
          return;
        }
        absences.set(db, store, false);
        if (wasAway) await wakeStore(db, store);
        if (isStopped()) return;
      }
    },
  };
};
