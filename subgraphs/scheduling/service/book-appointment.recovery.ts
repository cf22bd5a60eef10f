import { randomUUID } from 'node:crypto';
import { toAuditValues } from '#platform/audit/event.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { CityUnavailableError, OverloadedError } from '#platform/database/errors.ts';
import { describeError } from '#platform/observability/log.ts';
import type { BookingReason } from '../domain/refusal.ts';
import { pruneBookings } from '../store/booking-store.ts';
import {
  abandonReservation,
  confirm,
  findOnePending,
  findOrphans,
  findPending,
  type Pending,
  releaseRefused,
  settleCancellation,
} from '../store/ledger-store.ts';
import { cancelSeat, fence, findSettlements, forgetSettlement } from '../store/seat-store.ts';
import { appointmentEntity, Outcome, toServiceEvent } from './acts.ts';
import type { Parts } from './parts.ts';

/** How a reservation ended; `waits`: its host does not answer. */
export type Ending = 'confirmed' | 'released' | 'cancelled' | 'waits';

/** Finishes bookings and cancellations that were left half-way. Every step may be repeated, and several processes may do it at once. */
export type Recovery = {
  /** Ends one reservation now; `released` also when somebody else has just ended it. */
  readonly finishOne: (home: CityDatabase, appointmentId: string) => Promise<Ending>;
  /** Tells the home city of a cancellation, then forgets that it was owed. */
  readonly settle: (host: CityDatabase, appointmentId: string, homeCity: string) => Promise<void>;
  /** One round over all cities. Counts what was ended; a city that is down is left for the next round. */
  readonly sweep: (options?: { readonly olderThanMs?: number }) => Promise<Readonly<Record<Ending | 'settled' | 'erased', number>>>;
};

/** The reason in a void row of what nobody refused: the booking was given up half-way. */
export const ABANDONED = 'Abandoned';
const BATCH = 500;
const AT_ONCE = 8;
const PRUNE_EVERY_MS = 600_000;
const ORPHANS_EVERY_MS = 10_000;
/** Reservations younger than this are still on their way. */
export const PENDING_AFTER_MS = 4_000;

const isAway = (error: unknown): boolean => error instanceof CityUnavailableError || error instanceof OverloadedError;

/** Reasons that a host gives; their names stand in void rows. */
const HOST_REASONS: Readonly<Record<string, BookingReason>> = {
  SlotNotFound: { kind: 'SlotNotFound' },
  SlotRemoved: { kind: 'SlotRemoved' },
  SlotAlreadyStarted: { kind: 'SlotAlreadyStarted' },
  AlreadyBooked: { kind: 'AlreadyBooked' },
  SlotFull: { kind: 'SlotFull' },
};

export const makeRecovery = (parts: Pick<Parts, 'cities' | 'fault' | 'poke' | 'log'>): Recovery => {
  const { cities, fault, poke, log } = parts;
  const finish = async (home: CityDatabase, pending: Pending): Promise<Ending> => {
    const { appointmentId, hostCity, slotId, patientId } = pending;
    const host = cities.find(hostCity);
    if (!host) return 'waits';
    try {
      const verdict = await fence(host, {
        appointmentId,
        slotId,
        patientId,
        patientCity: home.city.code,
        reason: ABANDONED,
        audit: toAuditValues(
          toServiceEvent(randomUUID(), {
            city: hostCity,
            act: 'bookAppointment',
            action: 'C',
            outcome: Outcome.FAILED,
            reason: ABANDONED,
            patientId,
            entities: [{ kind: 'Slot', id: slotId }],
          }),
          host.subjects,
        ),
      });
      await fault('before-confirm');
      switch (verdict.status) {
        case 'booked':
          await confirm(home, [{ appointmentId, bookedAt: verdict.bookedAt }]);
          poke(home.city.code);
          return 'confirmed';
        case 'cancelled':
          await settleCancellation(home, appointmentId);
          poke(home.city.code);
          return 'cancelled';
        case 'void': {
          const reason = HOST_REASONS[verdict.reason];
          if (reason) await releaseRefused(home, appointmentId, { kind: 'refused', reason, alternativeIds: [] });
          else await abandonReservation(home, appointmentId);
          return 'released';
        }
      }
    } catch (error) {
      if (isAway(error)) return 'waits';
      throw error;
    }
  };
  const settle = async (host: CityDatabase, appointmentId: string, homeCity: string): Promise<void> => {
    const home = cities.find(homeCity);
    if (!home) return;
    await settleCancellation(home, appointmentId);
    await fault('after-settle');
    await forgetSettlement(host, appointmentId);
    poke(homeCity);
  };
  const cancelOrphan = async (home: CityDatabase, orphan: Pending): Promise<boolean> => {
    const host = cities.find(orphan.hostCity);
    if (!host) return false;
    const cancelled = await cancelSeat(
      host,
      orphan.appointmentId,
      null,
      toAuditValues(
        toServiceEvent(randomUUID(), {
          city: orphan.hostCity,
          act: 'cancelAppointment',
          action: 'U',
          outcome: Outcome.SUCCESS,
          reason: 'PatientErased',
          patientId: orphan.patientId,
          entities: [appointmentEntity({ ...orphan, id: orphan.appointmentId, status: 'CANCELLED' })],
        }),
        host.subjects,
      ),
    );
    if (host !== home) await settle(host, orphan.appointmentId, home.city.code);
    poke(orphan.hostCity);
    return cancelled !== null;
  };
  /** Runs a step for each item, a few at once; a city that is away costs its own items alone, and other failures are logged. */
  const each = async <T>(items: readonly T[], step: (item: T) => Promise<void>): Promise<void> => {
    const left = [...items];
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, left.length) }, async () => {
        for (let item = left.shift(); item !== undefined; item = left.shift()) {
          try {
            await step(item);
          } catch (error) {
            if (!isAway(error)) log.error('a booking could not be finished', describeError(error));
          }
        }
      }),
    );
  };
  const prunedAt = new Map<string, number>();
  const orphansAt = new Map<string, number>();
  const isDue = (times: Map<string, number>, city: string, everyMs: number): boolean => {
    if (Date.now() - (times.get(city) ?? 0) < everyMs) return false;
    times.set(city, Date.now());
    return true;
  };
  return {
    finishOne: async (home, appointmentId) => {
      const pending = await findOnePending(home, appointmentId);
      return pending ? finish(home, pending) : 'released';
    },
    settle,
    sweep: async ({ olderThanMs = PENDING_AFTER_MS } = {}) => {
      const counts = { confirmed: 0, released: 0, cancelled: 0, waits: 0, settled: 0, erased: 0 };
      await each(cities.all, async (db) => {
        const city = db.city.code;
        await each(await findPending(db, cities.codes, olderThanMs, BATCH), async (pending) => {
          counts[await finish(db, pending)]++;
        });
        await each(await findSettlements(db, cities.codes, BATCH), async ({ appointmentId, patientCity }) => {
          await settle(db, appointmentId, patientCity);
          counts.settled++;
        });
        if (isDue(orphansAt, city, ORPHANS_EVERY_MS))
          await each(await findOrphans(db, BATCH), async (orphan) => {
            if (await cancelOrphan(db, orphan)) counts.erased++;
          });
        if (isDue(prunedAt, city, PRUNE_EVERY_MS)) await pruneBookings(db);
      });
      return counts;
    },
  };
};

/** Sweeps every `everyMs` until it is stopped; rounds never overlap. */
export const startSweeper = (
  recovery: Recovery,
  { everyMs, log }: { readonly everyMs: number } & Pick<Parts, 'log'>,
): { readonly stop: () => Promise<void> } => {
  let stopped = false;
  let wake = Promise.withResolvers<void>();
  const run = async (): Promise<void> => {
    while (!stopped) {
      const timer = setTimeout(() => wake.resolve(), everyMs);
      await wake.promise;
      clearTimeout(timer);
      if (stopped) return;
      wake = Promise.withResolvers();
      try {
        await recovery.sweep();
      } catch (error) {
        log.error('a round of the sweeper failed', describeError(error));
      }
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopped = true;
      wake.resolve();
      await running;
    },
  };
};
