import { clearUpload, findOverUploads, pruneTransfers, pruneWriting } from '../../store/maintenance-store.ts';
import { type Duty, type DutyParts, orTellOf } from './duty.ts';

const BATCH = 100;

/** Clears uploads that ended without becoming a version: their room is free again, what they left in the stores is removed. */
export const makeClearUploads = ({ log, isStopped }: DutyParts): Duty => ({
  name: 'uploads that are over',
  everyMs: 1_000,
  run: async (db) => {
    const city = db.city.code;
    for (;;) {
      const over = await findOverUploads(db, BATCH);
      let cleared = 0;
      for (const upload of over) {
        if (isStopped()) return;
        if (await orTellOf(log, city, () => db.transaction((tx) => clearUpload(tx, city, upload)))) cleared++;
      }
      if (cleared > 0) log.info('abandoned uploads were cleared', { city, cleared });
      if (over.length < BATCH || cleared === 0) return;
    }
  },
});

/** Forgets what no longer matters: uploads kept long ago, addresses that ended, rights of processes that are gone. */
export const makePrune = (_parts: DutyParts): Duty => ({
  name: 'transfers that ended',
  everyMs: 30_000,
  run: async (db) => {
    await pruneTransfers(db);
    await pruneWriting(db);
  },
});
