import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit, appendAuditIn } from '#platform/audit/append.ts';
import { BadInputError } from '#platform/pure/faults.ts';
import type { FileTask } from '../domain/file-task.ts';
import { startTask } from '../store/maintenance-store.ts';
import { Outcome, toEvent } from './acts.ts';
import { requireOperator } from './operate-files.ts';
import type { Parts } from './parts.ts';

export type RotateKeys = (caller: Caller, input: { readonly city: string; readonly newKey: boolean }) => Promise<FileTask>;

const ACT = 'rotateKeys';

/**
 * Begins a rotation of a city's keys, with a new key-encryption key where `newKey` says so; the maintenance does the work. Keys that were in
 * use stay usable. Throws `UnauthenticatedError`, `ForbiddenError`, `BadInputError` (keys are made elsewhere), `KeysUnavailableError`.
 */
export const makeRotateKeys = (parts: Pick<Parts, 'cities' | 'keys' | 'fault'>): RotateKeys => {
  const { keys, fault } = parts;
  return async (caller, { city, newKey }) => {
    const db = await requireOperator(parts, caller, ACT, city);
    if (newKey) {
      // Written before: no key comes to be without a word of it. What went wrong afterwards is a second entry.
      await appendAudit(db, toEvent(caller, { city, act: 'makeKey', outcome: Outcome.SUCCESS }));
      const made = await keys.makeKey(city).catch(async (error: unknown) => {
        await appendAudit(db, toEvent(caller, { city, act: 'makeKey', outcome: Outcome.FAILED }));
        throw error;
      });
      if (made === null) {
        await appendAudit(db, toEvent(caller, { city, act: ACT, outcome: Outcome.REFUSED, reason: 'BAD_USER_INPUT' }));
        throw new BadInputError('newKey', 'cannot be true here: keys of this city are made where they are held; leave it out');
      }
      await fault('rotate:key-made');
    }
    const keyId = await keys.currentKeyId(city);
    return db.transaction(async (tx) => {
      const { task } = await startTask(tx, city, 'ROTATION', { keyId, anew: true });
      await appendAuditIn(
        tx,
        toEvent(caller, { city, act: ACT, outcome: Outcome.SUCCESS, entities: [{ kind: 'KeyEncryptionKey', id: keyId }] }),
      );
      return task;
    });
  };
};
