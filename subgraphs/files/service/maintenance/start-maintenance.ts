import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { describeError } from '#platform/observability/log.ts';
import { STORE_NAMES } from '#platform/vault/vault.ts';
import type { Parts } from '../parts.ts';
import { makeClearUploads, makePrune } from './clear-uploads.ts';
import type { DamageNotes } from './damage-notes.ts';
import { makeDestroyBlobs } from './destroy-blobs.ts';
import { type Duty, type DutyParts, isAway, makeAbsences } from './duty.ts';
import { makeErasePatients } from './erase-patients.ts';
import { makePayDebts } from './pay-debts.ts';
import { makeRotate } from './rotate.ts';
import { makeScrub, type ScrubOptions } from './scrub.ts';

export type MaintenanceOptions = Partial<ScrubOptions> & {
  /** What the vault of `parts` tells its damage to. */
  readonly notes: DamageNotes;
  /** How often each city is looked at, in milliseconds, with jitter; 0: only by `round`. */
  readonly everyMs?: number;
};

export type Maintenance = {
  /** Ends after the items that are under way; waits for them no longer than a few seconds. */
  readonly stop: () => Promise<void>;
  /** Does everything that is due in all cities now, long tasks to their end. Work that is under way already is waited for. */
  readonly round: () => Promise<void>;
};

const STOP_MS = 5_000;
const DAY_MS = 86_400_000;

/**
 * Keeps the files of all cities: pays debts, repairs damage, destroys what has to go, clears uploads, erases, rotates keys, scrubs. Each
 * city has a loop of its own, and in it each duty runs by itself, so that a city or a store that is down delays its own part alone. Several
 * processes may do this at once.
 */
export const startMaintenance = (parts: Parts, options: MaintenanceOptions): Maintenance => {
  const { cities, log } = parts;
  const { notes, everyMs = 1_000, scrubEveryMs = DAY_MS, scrubBytesPerSecond = 64 * 1024 * 1024 } = options;
  let isStopped = false;
  const dutyParts: DutyParts = { ...parts, lease: randomUUID(), notes, isStopped: () => isStopped };
  const absences = makeAbsences();
  const duties: readonly Duty[] = [
    makeErasePatients(dutyParts),
    makeClearUploads(dutyParts),
    ...STORE_NAMES.map((store) => makeDestroyBlobs(dutyParts, store, absences)),
    ...STORE_NAMES.map((store) => makePayDebts(dutyParts, store, absences)),
    makeRotate(dutyParts),
    makeScrub(dutyParts, { scrubEveryMs, scrubBytesPerSecond }),
    makePrune(dutyParts),
  ];

  const running = new Map<string, Promise<void>>();
  const startedAt = new Map<string, number>();
  const wakes = new Map<string, () => void>();
  const perform = (db: CityDatabase, duty: Duty): Promise<void> => {
    const name = `${db.city.code} ${duty.name}`;
    const under = running.get(name);
    if (under) return under;
    startedAt.set(name, performance.now());
    const mine = duty
      .run(db)
      .catch((error: unknown) => {
        if (!isAway(error)) log.error('keeping files failed', { city: db.city.code, duty: duty.name, ...describeError(error) });
      })
      .finally(() => running.delete(name));
    running.set(name, mine);
    return mine;
  };

  const loop = async (db: CityDatabase): Promise<void> => {
    while (!isStopped) {
      const { promise: woken, resolve } = Promise.withResolvers<void>();
      wakes.set(db.city.code, resolve);
      const timer = setTimeout(resolve, everyMs * (0.75 + Math.random() / 2));
      await woken;
      clearTimeout(timer);
      if (isStopped) return;
      for (const duty of duties) {
        const since = performance.now() - (startedAt.get(`${db.city.code} ${duty.name}`) ?? -Infinity);
        if (since >= Math.min(duty.everyMs, duty.everyMs - everyMs / 2) || duty.everyMs <= everyMs) void perform(db, duty);
      }
    }
  };
  const loops = everyMs > 0 ? cities.all.map(loop) : [];
  notes.listen((city) => {
    wakes.get(city)?.();
  });

  return {
    stop: async () => {
      isStopped = true;
      for (const wake of wakes.values()) wake();
      await Promise.all(loops);
      const ended = Promise.all([...running.values(), notes.settle()]);
      await Promise.race([ended, sleep(STOP_MS, null, { ref: false })]);
    },
    round: async () => {
      await notes.settle();
      await Promise.all(
        cities.all.map(async (db) => {
          // What was under way may not have seen the latest rows.
          await Promise.all(duties.map((duty) => running.get(`${db.city.code} ${duty.name}`)));
          const [erase, clear, ...rest] = duties;
          for (const duty of [erase, clear]) if (duty) await perform(db, duty);
          await Promise.all(rest.map((duty) => perform(db, duty)));
        }),
      );
      await notes.settle();
    },
  };
};
