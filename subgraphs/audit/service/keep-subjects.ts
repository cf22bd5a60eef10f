import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { appendAuditIn } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import { StoreUnavailableError } from '#platform/blobs/store.ts';
import type { Cities } from '#platform/database/cities.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { CityUnavailableError, isConnectionFailure, OverloadedError } from '#platform/database/errors.ts';
import { KeysUnavailableError } from '#platform/keys/key-ring.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { askWithin, endSoon } from '#platform/sequence/connection.ts';
import type { Subjects } from '#platform/subjects/open-subjects.ts';
import type { Ask } from '../store/log-store.ts';
import { findErasures, findShredded, lockSubjects, noteShredded } from '../store/subject-store.ts';
import { sealOldEntries } from './seal-entries.ts';
import { sleepUntil } from './sleep-until.ts';

/** Called behind the steps of shredding; a test ends the story there. */
export type ShredPoint = 'shred:destroyed' | 'shred:noted';

export type KeepSubjectsSettings = {
  readonly cities: Cities;
  readonly subjects: Subjects;
  readonly log: Log;
  /** How often erasures are looked for, in milliseconds. */
  readonly pollMs?: number;
  /** How often everything there ever was is gone through again, and the stores are compared. */
  readonly fullMs?: number;
  readonly fault?: (point: ShredPoint) => void | Promise<void>;
};

export type SubjectKeeper = {
  /** Cities whose keys this process keeps at the moment. */
  readonly kept: () => readonly string[];
  readonly stop: () => Promise<void>;
};

const RETRY_MS = 1_000;
const FULL_MS = 600_000;
/** An erasure may commit so long after the instant it bears; far beyond what a transaction may take. */
const OVERLAP_MS = 600_000;
const BEGINNING = new Date(0);
/** Tags named in one entry, which has at most 65,535 bytes. */
const PER_ENTRY = 200;

const isAway = (error: unknown): boolean =>
  error instanceof CityUnavailableError ||
  error instanceof OverloadedError ||
  error instanceof StoreUnavailableError ||
  error instanceof KeysUnavailableError ||
  isConnectionFailure(error);

/**
 * Destroys the keys of erased people, in every city's state, whichever city they were at home in: a patient of one city has entries in the logs of
 * others. Also seals rows from before (migration 0006) and heals one store out of the other. One process keeps a city's keys at a time, by
 * an advisory lock on a connection of its own. First the key is destroyed, in both stores, then it is noted, with an entry; whoever died in
 * between is followed by somebody who finds it destroyed and notes it. When the lock was taken, and now and then, everybody who was ever
 * erased is gone through, so that keys put back from an old copy go again.
 */
export const startSubjectKeeper = (settings: KeepSubjectsSettings): SubjectKeeper => {
  const { cities, subjects, log, pollMs = 1_000, fullMs = FULL_MS, fault = () => {} } = settings;
  const ending = new AbortController();
  const stopped = ending.signal;
  const kept = new Set<string>();

  /** Notes that keys were destroyed, with an entry that names the tags. */
  const note = async (db: CityDatabase, tags: readonly Uint8Array[]): Promise<void> => {
    const city = db.city.code;
    for (let at = 0; at < tags.length; at += PER_ENTRY) {
      const noted = await db.transaction(async (tx) => {
        const fresh = await noteShredded(tx, city, tags.slice(at, at + PER_ENTRY));
        if (fresh.length === 0) return 0;
        await appendAuditIn(tx, {
          city,
          observer: 'audit',
          act: 'shredSubject',
          action: 'D',
          outcome: Outcome.SUCCESS,
          purpose: 'SYSADMIN',
          actor: { role: 'SERVICE', city, accountId: null },
          entities: fresh.map((tag) => ({ kind: 'SubjectKey', id: tag.toString('hex') })),
          requestId: randomUUID(),
        });
        return fresh.length;
      });
      if (noted > 0) log.info('keys of erased people are destroyed', { city, keys: noted });
    }
    await fault('shred:noted');
  };

  /** Keeps one city's keys for as long as the lock is held. */
  const serve = async (db: CityDatabase, isOpen: () => boolean): Promise<void> => {
    const city = db.city.code;
    const since = new Map<string, Date>();
    const done = new Set<string>();
    let fullAt = Number.NEGATIVE_INFINITY;
    let unsealed = true;
    while (!stopped.aborted && isOpen()) {
      const isFull = performance.now() - fullAt >= fullMs;
      // What this city's own database knows counts as well: a home may be down, or may have been set back.
      const known = isFull ? await findShredded(db) : [];
      if (isFull) {
        since.clear();
        done.clear();
        for (const tag of known) done.add(tag.toString('hex'));
      }
      const pending = new Map<string, Uint8Array>();
      const seen = new Map<string, Date>();
      await Promise.all(
        cities.all.map(async (home) => {
          try {
            const found = await findErasures(home, since.get(home.city.code) ?? BEGINNING);
            for (const { patientId, erasedAt, subjects: tags } of found) {
              seen.set(home.city.code, erasedAt);
              for (const tag of [subjects.tagOf(patientId), ...tags]) {
                const name = Buffer.from(tag).toString('hex');
                if (!done.has(name)) pending.set(name, tag);
              }
            }
          } catch (error) {
            // Nothing is known of since when, so it is asked for all that it has when it is back.
            if (!isAway(error)) throw error;
          }
        }),
      );
      if (!isOpen()) return;
      if (isFull || pending.size > 0) {
        await subjects.destroy(city, [...known, ...pending.values()]);
        await fault('shred:destroyed');
        await note(db, [...pending.values()]);
        for (const name of pending.keys()) done.add(name);
        if (isFull) fullAt = performance.now();
      }
      for (const [home, at] of seen) since.set(home, new Date(at.getTime() - OVERLAP_MS));
      if (unsealed) {
        const until = performance.now() + pollMs;
        const count = await sealOldEntries(db, () => stopped.aborted || !isOpen() || performance.now() > until);
        if (count > 0) log.info('entries from before are sealed', { city, count });
        unsealed = performance.now() > until;
        if (unsealed) continue;
      }
      await sleepUntil(stopped, pollMs);
    }
  };

  const run = async (db: CityDatabase): Promise<void> => {
    const city = db.city.code;
    while (!stopped.aborted) {
      let client: pg.Client | null = null;
      let isOpen = true;
      try {
        const own = await db.dedicated();
        client = own;
        own.on('end', () => {
          isOpen = false;
        });
        const ask: Ask = ({ name, text }, values) => askWithin(own, text, values, name) as never;
        if (await lockSubjects(ask, city)) {
          kept.add(city);
          await serve(db, () => isOpen);
        }
      } catch (error) {
        log[isAway(error) || !isOpen ? 'debug' : 'error']('keeping subject keys failed; it is tried again', {
          city,
          ...describeError(error),
        });
      } finally {
        kept.delete(city);
        await endSoon(client);
      }
      await sleepUntil(stopped, RETRY_MS);
    }
  };
  const running = cities.all.map(run);
  return {
    kept: () => [...kept],
    stop: async () => {
      ending.abort();
      await Promise.all(running);
    },
  };
};
