import type { EntityManager } from 'typeorm';
import type { CityDatabase, Transaction } from '#platform/database/city-database.ts';
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

/** Appends an entry inside an act's transaction. Errors are the driver's, so that a deadlock is tried again. */
export const appendAuditIn = async (tx: Transaction, event: AuditEvent): Promise<void> => {
  await tx.named(APPEND_AUDIT, toAuditValues(event));
};

/** Appends an entry by itself on the city's primary: for refusals, denials and reads. */
export const appendAudit = async (db: CityDatabase, event: AuditEvent): Promise<void> => {
  try {
    await db.named(APPEND_AUDIT, toAuditValues(event));
  } catch (error) {
    throw new AuditUnavailableError(event.city, error);
  }
};

/** The same inside a TypeORM transaction. */
export const appendAuditWith = async (manager: EntityManager, event: AuditEvent): Promise<void> => {
  await manager.query(APPEND_AUDIT.text, [...toAuditValues(event)]);
};
