import { randomUUID } from 'node:crypto';
import { appendAuditIn } from '#platform/audit/append.ts';
import { type ErasedVersion, eraseSubject, findErased } from '../../store/maintenance-store.ts';
import { fileEntity, Outcome, toServiceEvent } from '../acts.ts';
import type { Duty, DutyParts } from './duty.ts';

const BATCH = 100;
/** Contents named in one audit entry, which has at most 65,535 bytes. */
const PER_ENTRY = 200;

/** Takes everything that patients who are no longer there had out of the tables, and orders their keys destroyed in both stores. */
export const makeErasePatients = ({ log, fault, isStopped }: DutyParts): Duty => ({
  name: 'erased patients',
  everyMs: 2_000,
  run: async (db) => {
    const city = db.city.code;
    for (;;) {
      const patients = await findErased(db, BATCH);
      for (const patientId of patients) {
        if (isStopped()) return;
        const erased = await db.transaction(async (tx): Promise<readonly ErasedVersion[] | null> => {
          const versions = await eraseSubject(tx, city, patientId);
          if (versions === null) return null;
          const requestId = randomUUID();
          for (let at = 0; at === 0 || at < versions.length; at += PER_ENTRY) {
            const entities = versions.slice(at, at + PER_ENTRY).map(({ fileId, sha256 }) => fileEntity({ id: fileId, sha256 }));
            await appendAuditIn(
              tx,
              toServiceEvent(requestId, { city, act: 'eraseFiles', action: 'D', outcome: Outcome.SUCCESS, patientId, entities }),
            );
          }
          return versions;
        });
        if (erased === null) continue;
        log.info('the files of an erased patient are destroyed', { city, versions: erased.length });
        await fault('erase:recorded');
      }
      if (patients.length < BATCH) return;
    }
  },
});
