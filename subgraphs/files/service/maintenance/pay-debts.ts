import { randomUUID } from 'node:crypto';
import { appendAuditIn } from '#platform/audit/append.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import type { StoreName } from '#platform/vault/vault.ts';
import {
  claimDebts,
  type DueDebt,
  LEASE_SECONDS,
  releaseWriting,
  renewWriting,
  settleDebt,
  tellLost,
  wakeStore,
} from '../../store/maintenance-store.ts';
import { fileEntity, Outcome, toServiceEvent } from '../acts.ts';
import { type Absences, type Duty, type DutyParts, forEach, isAway, refOf } from './duty.ts';

const BATCH = 32;
const AT_ONCE = 4;
const RENEW_MS = 4_000;
/** A right that could not be renewed for so long is given up, well before it ends. */
const GIVE_UP_MS = LEASE_SECONDS * 1000 - 5_000;
const ACT = 'repairFile';

/**
 * Copies to one store what it is owed, and repairs what was found damaged there, from the other store. Each pays in one transaction with its
 * audit entry. What no store holds intact stays as it is, is told once to whoever keeps watch, and is tried again, more and more seldom.
 */
export const makePayDebts = (parts: DutyParts, store: StoreName, absences: Absences): Duty => {
  const { vault, log, lease, isStopped } = parts;

  /** Repairs while the right to write is held; aborts when it is lost. */
  const repair = async (db: CityDatabase, debt: DueDebt): Promise<boolean> => {
    const lost = new AbortController();
    let renewedAt = performance.now();
    const timer = setInterval(() => {
      const asked = performance.now();
      renewWriting(db, debt.blobId, lease).then(
        (isMine) => {
          if (isMine) renewedAt = asked;
          else lost.abort();
        },
        () => {
          if (performance.now() - renewedAt > GIVE_UP_MS) lost.abort();
        },
      );
    }, RENEW_MS);
    try {
      return await vault.repair(refOf(debt), debt.sizeBytes, store, lost.signal);
    } finally {
      clearInterval(timer);
    }
  };

  const pay = async (db: CityDatabase, debt: DueDebt): Promise<void> => {
    const { blobId, fileId, patientId, sha256, state } = debt;
    const city = db.city.code;
    const fields = { city, blobId, store, state };
    const event = { city, act: ACT, action: 'U', patientId, entities: [fileEntity({ id: fileId, sha256 })] } as const;
    try {
      if (await repair(db, debt)) {
        await db.transaction(async (tx) => {
          if (!(await settleDebt(tx, city, blobId, store))) return;
          await appendAuditIn(tx, toServiceEvent(randomUUID(), { ...event, outcome: Outcome.SUCCESS }));
        });
        if (state === 'damaged') log.warn('a copy was repaired', fields);
        else log.info('a copy was made', fields);
      } else {
        const isNews = await db.transaction(async (tx) => {
          if (!(await tellLost(tx, city, blobId, store))) return false;
          await appendAuditIn(tx, toServiceEvent(randomUUID(), { ...event, outcome: Outcome.FAILED, reason: 'INTEGRITY_ERROR' }));
          return true;
        });
        if (isNews) log.error('no store holds a content intact', fields);
      }
    } finally {
      await releaseWriting(db, blobId, lease);
    }
  };

  return {
    name: `debts of the ${store}`,
    everyMs: 1_000,
    run: async (db) => {
      for (;;) {
        const wasAway = absences.has(db, store);
        const debts = await claimDebts(db, store, lease, wasAway ? 1 : BATCH, wasAway);
        if (debts.length === 0) return;
        try {
          await forEach(debts, AT_ONCE, (debt) => pay(db, debt));
        } catch (error) {
          if (!isAway(error)) throw error;
          if (!wasAway) log.warn('a copy waits for its store', { city: db.city.code, store, waiting: debts.length });
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
