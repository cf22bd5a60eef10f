import type { CityDatabase, Named } from '#platform/database/city-database.ts';
import { AuditUnavailableError } from './append.ts';
import { AUDIT_COLUMNS, AUDIT_TYPES, type AuditEvent, toAuditValues } from './event.ts';

const APPEND_MANY: Named = {
  name: 'append_audit_many',
  text: `INSERT INTO audit.entry (${AUDIT_COLUMNS}) SELECT * FROM unnest(${AUDIT_TYPES.map((type, i) => `$${i + 1}::${type}[]`).join(', ')})`,
};

/** The parameters of `AUDIT_COLUMNS` for many entries: one array a column. */
const toColumns = (db: CityDatabase, events: readonly AuditEvent[]): unknown[][] => {
  const rows = events.map((event) => toAuditValues(event, db.subjects));
  return AUDIT_TYPES.map((_type, i) => rows.map((row) => row[i]));
};

/** Appends many entries of one city in one statement, in their order; all or none. For lists of reads. */
export const appendAuditMany = async (db: CityDatabase, events: readonly AuditEvent[]): Promise<void> => {
  if (events.length === 0) return;
  try {
    await db.named(APPEND_MANY, toColumns(db, events));
  } catch (error) {
    throw new AuditUnavailableError(db.city.code, error);
  }
};
