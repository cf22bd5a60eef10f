import { describeError } from '#platform/observability/log.ts';
import { confirm } from '../store/ledger-store.ts';
import type { Parts } from './parts.ts';

type Booked = { readonly appointmentId: string; readonly bookedAt: Date };

/** Tells home cities what their hosts decided, a moment later and many at once. What fails is found by the sweeper. */
export type Confirmer = {
  readonly confirm: (homeCity: string, booking: Booked) => void;
  /** Tells at once what still waits. */
  readonly flush: () => Promise<void>;
};

/** How long confirmations are gathered; one statement a batch. */
const GATHER_MS = 15;

export const makeConfirmer = ({ cities, fault, poke, log }: Pick<Parts, 'cities' | 'fault' | 'poke' | 'log'>): Confirmer => {
  const waiting = new Map<string, Booked[]>();
  const sending = new Set<Promise<void>>();
  const send = async (city: string): Promise<void> => {
    const batch = waiting.get(city);
    waiting.delete(city);
    if (!batch) return;
    try {
      await fault('before-confirm');
      await confirm(cities.of(city), batch);
      poke(city);
      await fault('after-confirm');
    } catch (error) {
      log.warn('bookings wait for their confirmation', { city, count: batch.length, ...describeError(error) });
    }
  };
  const start = (city: string): void => {
    const sent = send(city).finally(() => sending.delete(sent));
    sending.add(sent);
  };
  return {
    confirm: (city, booking) => {
      const batch = waiting.get(city);
      if (batch) {
        batch.push(booking);
        return;
      }
      waiting.set(city, [booking]);
      setTimeout(() => start(city), GATHER_MS);
    },
    flush: async () => {
      for (const city of waiting.keys()) start(city);
      await Promise.all(sending);
    },
  };
};
