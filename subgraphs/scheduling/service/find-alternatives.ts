import { LRUCache } from 'lru-cache';
import { type CityPart, fanOut } from '#platform/database/cities.ts';
import type { Slot, SlotFacts } from '../domain/slot.ts';
import { findClosestSlots } from '../store/slot-store.ts';
import type { Parts } from './parts.ts';

/** Open slots of the same type closest in time, in any city that answers; at most three, the closest first. */
export type FindAlternatives = (slot: SlotFacts) => Promise<readonly Slot[]>;

const MOST = 3;
/** Many who are refused at once share one look. */
const SHARED_MS = 300;
const DEADLINE_MS = 1_000;

export const makeFindAlternatives = ({ cities }: Pick<Parts, 'cities'>): FindAlternatives => {
  const shared = new LRUCache<string, Promise<readonly Slot[]>>({ max: 1_000, ttl: SHARED_MS });
  const find = async (slot: SlotFacts): Promise<readonly Slot[]> => {
    const found: CityPart<Slot[]>[] = await fanOut(
      cities.all,
      async (db) => ({ value: await findClosestSlots(db, slot.appointmentType, slot.startsAt, MOST + 1), staleAsOf: null }),
      DEADLINE_MS,
    );
    const distance = (each: Slot): number => Math.abs(each.startsAt.getTime() - slot.startsAt.getTime());
    return found
      .flatMap(({ value }) => value ?? [])
      .filter(({ id }) => id !== slot.id)
      .sort((a, b) => distance(a) - distance(b) || (a.id < b.id ? -1 : 1))
      .slice(0, MOST);
  };
  return (slot) => {
    const known = shared.get(slot.id);
    if (known) return known;
    const looking = find(slot);
    shared.set(slot.id, looking);
    looking.catch(() => shared.delete(slot.id));
    return looking;
  };
};
