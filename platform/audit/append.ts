import type { EntityManager } from 'typeorm';
import type { CityDatabase, Transaction } from '#platform/database/city-database.ts';
import { isConnectionFailure, isDeadline, isReadOnlyServer, isRetryable } from '#platform/database/errors.ts';
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

/** Inside a transaction, what says that the server is gone or that the whole may be tried again stays the driver's error. */
const failedInside = (event: AuditEvent, error: unknown): unknown =>
  isRetryable(error) || isConnectionFailure(error) || isDeadline(error) || isReadOnlyServer(error)
    ? error
    : new AuditUnavailableError(event.city, error);

/** Appends an entry inside an act's transaction, which ends with it when the entry cannot be written. */
export const appendAuditIn = async (tx: Transaction, event: AuditEvent): Promise<void> => {
  try {
    await tx.named(APPEND_AUDIT, toAuditValues(event, tx.subjects));
  } catch (error) {
    throw failedInside(event, error);
  }
};

/** Appends an entry by itself on the city's primary: for refusals, denials and reads. */
export const appendAudit = async (db: CityDatabase, event: AuditEvent): Promise<void> => {
  try {
    await db.named(APPEND_AUDIT, toAuditValues(event, db.subjects));
  } catch (error) {
    throw new AuditUnavailableError(event.city, error);
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
