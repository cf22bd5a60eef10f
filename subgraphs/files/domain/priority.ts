import type { Priority } from './file.ts';

/** Priorities in the order of lists; the place of each is the number that stands in the database. */
export const PRIORITIES = ['HIGH', 'MEDIUM', 'LOW'] as const satisfies readonly Priority[];

/** 0 high, 1 medium, 2 low. */
export const rankOf = (priority: Priority): number => PRIORITIES.indexOf(priority);

/** The priority of a number of the database. */
export const priorityOf = (rank: number): Priority => {
  const priority = PRIORITIES[rank];
  if (!priority) throw new RangeError('a priority is 0, 1 or 2');
  return priority;
};
