import type { EntityManager } from 'typeorm';
import type { CityDatabase, Transaction } from '#platform/database/city-database.ts';
import { CityUnavailableError, isConnectionFailure, isDeadline, isReadOnlyServer, isRetryable } from '#platform/database/errors.ts';
import { newId } from '#platform/database/new-id.ts';
import { APPEND_AUDIT, type AuditEvent, toAuditValues } from './event.ts';

/** The entry of an act could not be written, so the act did not happen. */
export class AuditUnavailableError extends Error {
  readonly city: string;
  constructor(city: string, cause: unknown) {
    super(`the audit entry could not be written in city ${city}`, { cause });
    this.name = 'AuditUnavailableError';
    this.city = city;
  }
}

/** Whether the city's primary is gone, not only slow or unwilling with this statement. */
const isGone = (error: unknown): boolean =>
  error instanceof CityUnavailableError && (error.cause === undefined || isConnectionFailure(error.cause));

/**
 * Keeps entries of readings in the spool for a primary that is gone; they are on the disk when this returns. Throws `AuditUnavailableError`
 * where there is no spool, it is full or its disk fails, the primary is there, or one of the entries is no reading: a decision or a change
 * is never told afterwards. An entry of which `error` leaves open whether it was written keeps its id, under which it is written once.
 */
export const spoolReadings = async (
  db: CityDatabase,
  readings: readonly { readonly event: AuditEvent; readonly eventId: string }[],
  error: unknown,
): Promise<void> => {
  const { spool, subjects, city } = db;
  if (!spool || !isGone(error) || readings.some(({ event }) => event.action !== 'R')) throw new AuditUnavailableError(city.code, error);
  try {
    await spool.append(readings.map(({ event, eventId }) => toAuditValues({ ...event, spooled: true }, subjects, eventId)));
  } catch (failure) {
    throw new AuditUnavailableError(city.code, failure);
  }
};

/** Inside a transaction, what says that the server is gone or that the whole may be tried again stays the driver's error. */
const failedInside = (event: AuditEvent, error: unknown): unknown =>
  isRetryable(error) || isConnectionFailure(error) || isDeadline(error) || isReadOnlyServer(error)
    ? error
    : new AuditUnavailableError(event.city, error);

/** Appends an entry inside an act's transaction, of which nothing happens when the entry cannot be written. Nothing waits for it but the commit. */
export const appendAuditIn = async (tx: Transaction, event: AuditEvent): Promise<void> => {
  tx.send(APPEND_AUDIT, toAuditValues(event, tx.subjects), (error) => failedInside(event, error));
};

/**
 * Appends an entry by itself on the city's primary: for refusals, denials and reads. While the primary is gone the entry of a reading goes to
 * the spool, where there is one.
 */
export const appendAudit = async (db: CityDatabase, event: AuditEvent): Promise<void> => {
  const eventId = newId(event.city, 'evt');
  try {
    await db.named(APPEND_AUDIT, toAuditValues(event, db.subjects, eventId));
  } catch (error) {
    await spoolReadings(db, [{ event, eventId }], error);
  }
};

/** The same inside a TypeORM transaction of that database. */
export const appendAuditWith = async (manager: EntityManager, db: CityDatabase, event: AuditEvent): Promise<void> => {
  try {
    await manager.query(APPEND_AUDIT.text, [...toAuditValues(event, db.subjects)]);
  } catch (error) {
    throw failedInside(event, error);
  }
};
