import { type Ask, BEFORE_ALL, type EntryPosition } from '../store/log-store.ts';
import { hasGaps, readUnplaced } from '../store/shard-store.ts';

/**
 * Entries that lie in no shard, so that no checkpoint is over them and none will be: somebody put them behind the end of what was logged before a
 * restore, or into the place of a shard that was retired. `firstId` is the least of their numbers in the database, decimal; null where there is none.
 */
export type Unplaced = { readonly count: number; readonly firstId: string | null };
export const NONE_UNPLACED: Unplaced = { count: 0, firstId: null };

const CHUNK = 4_096;
/** What is looked at in one step beside signing. */
const STEP = 2_000;

const add = (a: Unplaced, b: Unplaced): Unplaced => ({
  count: a.count + b.count,
  firstId: a.firstId === null || (b.firstId !== null && BigInt(b.firstId) < BigInt(a.firstId)) ? b.firstId : a.firstId,
});

/** Goes through all entries of a city. */
export const findUnplaced = async (ask: Ask, city: string): Promise<Unplaced> => {
  let found = NONE_UNPLACED;
  for (let after: EntryPosition | null = BEFORE_ALL; after !== null; ) {
    const { last, ...some } = await readUnplaced(ask, city, after, CHUNK);
    found = add(found, some);
    after = last;
  }
  return found;
};

/** The same in steps, round after round: `look` makes one, and returns what the last whole round found, or this one where that is more already. */
export const openUnplacedWatch = (ask: Ask, city: string) => {
  let told = NONE_UNPLACED;
  let found = NONE_UNPLACED;
  let after = BEFORE_ALL;
  const look = async (): Promise<Unplaced> => {
    if (after === BEFORE_ALL && !(await hasGaps(ask, city))) return NONE_UNPLACED;
    const { last, ...some } = await readUnplaced(ask, city, after, STEP);
    found = add(found, some);
    if (last === null) [told, found] = [found, NONE_UNPLACED];
    else if (found.count > told.count) told = found;
    after = last ?? BEFORE_ALL;
    return told;
  };
  return { look };
};
