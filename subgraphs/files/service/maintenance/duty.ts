import { StoreFullError, StoreUnavailableError } from '#platform/blobs/store.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { CityUnavailableError, OverloadedError } from '#platform/database/errors.ts';
import { KeysUnavailableError } from '#platform/keys/key-ring.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import type { BlobRef, StoreName } from '#platform/vault/vault.ts';
import { contextOf } from '../../domain/file.ts';
import type { Kept } from '../../store/maintenance-store.ts';
import type { Parts } from '../parts.ts';
import type { DamageNotes } from './damage-notes.ts';

/** One sort of work in one city. Takes what is due, does it, and tells when nothing more is. */
export type Duty = {
  readonly name: string;
  readonly everyMs: number;
  readonly run: (db: CityDatabase) => Promise<void>;
};

/** What the duties share. */
export type DutyParts = Pick<Parts, 'cities' | 'vault' | 'keys' | 'log' | 'fault'> & {
  /** Names this process in leases. */
  readonly lease: string;
  readonly notes: DamageNotes;
  readonly isStopped: () => boolean;
};

/** The content of a version, as the vault knows it. */
export const refOf = (kept: Kept): BlobRef => ({ city: kept.city, id: kept.blobId, context: contextOf(kept) });

/** Whether something that is needed does not answer now: the next round tries again, and nobody has to be told. */
export const isAway = (error: unknown): boolean =>
  error instanceof CityUnavailableError ||
  error instanceof OverloadedError ||
  error instanceof StoreUnavailableError ||
  error instanceof StoreFullError ||
  error instanceof KeysUnavailableError;

/** Does one thing of many: what fails is told, so that the others still come to their turn. Null where it failed; who is away is thrown. */
export const orTellOf = async <T>(log: Log, city: string, act: () => Promise<T>): Promise<T | null> => {
  try {
    return await act();
  } catch (error) {
    if (isAway(error)) throw error;
    log.error('one thing to look after failed', { city, ...describeError(error) });
    return null;
  }
};

/** Runs a step for each item, `atOnce` at a time; the first failure is thrown when all are done. */
export const forEach = async <T>(items: readonly T[], atOnce: number, step: (item: T) => Promise<void>): Promise<void> => {
  const left = [...items];
  const failures: unknown[] = [];
  await Promise.all(
    Array.from({ length: Math.min(atOnce, left.length) }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift())
        await step(item).catch((error: unknown) => failures.push(error));
    }),
  );
  if (failures.length > 0) throw failures[0];
};

/** Stores that did not answer a city's duty last time. Such a store is tried with one item a round; when it answers, all the rest is due. */
export type Absences = {
  readonly has: (db: CityDatabase, store: StoreName) => boolean;
  readonly set: (db: CityDatabase, store: StoreName, away: boolean) => void;
};
export const makeAbsences = (): Absences => {
  const away = new Set<string>();
  const nameOf = (db: CityDatabase, store: StoreName): string => `${db.city.code}/${store}`;
  return {
    has: (db, store) => away.has(nameOf(db, store)),
    set: (db, store, isAwayNow) => {
      if (isAwayNow) away.add(nameOf(db, store));
      else away.delete(nameOf(db, store));
    },
  };
};
