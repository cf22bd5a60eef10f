import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit, appendAuditIn } from '#platform/audit/append.ts';
import type { FileTask } from '../domain/file-task.ts';
import { findTasks, startTask } from '../store/maintenance-store.ts';
import { Outcome, toEvent } from './acts.ts';
import { requireOperator } from './operate-files.ts';
import type { Parts } from './parts.ts';

export type ScrubFiles = (caller: Caller, input: { readonly city: string }) => Promise<FileTask>;
export type FindFileTasks = (caller: Caller, city: string) => Promise<readonly FileTask[]>;

/** Begins a scrub of a city's files; one that is under way goes on. Throws `UnauthenticatedError`, `ForbiddenError`, `BadInputError`. */
export const makeScrubFiles = (parts: Pick<Parts, 'cities'>): ScrubFiles => {
  const act = 'scrubFiles';
  return async (caller, { city }) => {
    const db = await requireOperator(parts, caller, act, city);
    return db.transaction(async (tx) => {
      const { task } = await startTask(tx, city, 'SCRUB');
      await appendAuditIn(tx, toEvent(caller, { city, act, outcome: Outcome.SUCCESS }));
      return task;
    });
  };
};

/** The last task of each kind over a city's files, for its admins. Throws as `makeScrubFiles` does. */
export const makeFindFileTasks = (parts: Pick<Parts, 'cities'>): FindFileTasks => {
  const act = 'fileTasks';
  return async (caller, city) => {
    const db = await requireOperator(parts, caller, act, city);
    const tasks = await findTasks(db);
    await appendAudit(db, toEvent(caller, { city, act, outcome: Outcome.SUCCESS }));
    return tasks;
  };
};
