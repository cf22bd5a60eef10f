import type { Cities } from '#platform/database/cities.ts';
import { CityUnavailableError } from '#platform/database/errors.ts';
import type { Log } from '#platform/observability/log.ts';
import type { CursorCodec } from '#platform/paging/connection.ts';
import type { Feed } from '#platform/sequence/feed.ts';
import type { Unavailable } from '../domain/refusal.ts';

/** Steps of a booking behind which a test may end the story. */
export type FaultPoint =
  | 'before-reserve'
  | 'after-reserve'
  | 'after-seat'
  | 'before-refuse'
  | 'after-refuse'
  | 'before-confirm'
  | 'after-confirm'
  | 'after-cancel'
  | 'after-settle';

/** What services are made of. */
export type Parts = {
  readonly cities: Cities;
  readonly appointmentTypes: readonly string[];
  readonly cursors: CursorCodec;
  readonly log: Log;
  readonly clock: () => Date;
  readonly feed: Feed | null;
  /** Says that the outbox of a city has grown. */
  readonly poke: (city: string) => void;
  readonly fault: (point: FaultPoint) => void | Promise<void>;
};

/** Runs a step in a city; a city that does not answer becomes a refusal, other errors go on. */
export const orUnavailable = async <T>(step: Promise<T>): Promise<T | Unavailable> => {
  try {
    return await step;
  } catch (error) {
    if (error instanceof CityUnavailableError)
      return { kind: 'CityUnavailable', city: error.city, retryAfterSeconds: error.retryAfterSeconds };
    throw error;
  }
};
export const isUnavailable = (value: unknown): value is Unavailable =>
  typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'CityUnavailable';
