import { randomUUID } from 'node:crypto';
import { appendAuditIn } from '#platform/audit/append.ts';
import { type ErasedVersion, eraseSubject, findErased } from '../../store/maintenance-store.ts';
import { fileEntity, Outcome, toServiceEvent } from '../acts.ts';
import { type Duty, type DutyParts, orTellOf } from './duty.ts';

const BATCH = 100;
/** Late erasures are looked for each time, all there ever were now and then: after this city was down for long, say. */
const FULL_EVERY_MS = 600_000;
/** Contents named in one audit entry, which has at most 65,535 bytes. */
const PER_ENTRY = 200;

/** Takes everything that erased patients had out of the tables, and orders their keys destroyed in both stores. */
export const makeErasePatients = ({ log, fault, isStopped }: DutyParts): Duty => {
  const fullAt = new Map<string, number>();
  const run: Duty['run'] = async (db) => {
    const city = db.city.code;
    const isFull = performance.now() - (fullAt.get(city) ?? -Infinity) > FULL_EVERY_MS;
    for (;;) {
      const patients = await findErased(db, BATCH, isFull ? 'ever' : 'lately');
      let count = 0;
      for (const patientId of patients) {
        if (isStopped()) return;
        const erased = await orTellOf(log, city, () =>
          db.transaction(async (tx): Promise<readonly ErasedVersion[] | null> => {
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
          }),
        );
        if (erased === null) continue;
        count++;
        log.info('the files of an erased patient are destroyed', { city, versions: erased.length });
        await fault('erase:recorded');
      }
      if (patients.length === BATCH && count > 0) continue;
      if (isFull) fullAt.set(city, performance.now());
      return;
    }
  };
  return { name: 'erased patients', everyMs: 2_000, run };
};
