import type { CityDatabase, Named } from '#platform/database/city-database.ts';
import { newId } from '#platform/database/new-id.ts';
import { spoolReadings } from './append.ts';
import { AUDIT_COLUMNS, AUDIT_TYPES, type AuditEvent, type AuditValue, toAuditValues } from './event.ts';

const APPEND_MANY: Named = {
  name: 'append_audit_many',
  text: `INSERT INTO audit.entry (${AUDIT_COLUMNS}) SELECT * FROM unnest(${AUDIT_TYPES.map((type, i) => `$${i + 1}::${type}[]`).join(', ')})`,
};
/** No target of the conflict is named: for that a role would have to be allowed to read. */
const APPEND_SPOOLED: Named = { name: 'append_audit_spooled', text: `${APPEND_MANY.text} ON CONFLICT DO NOTHING` };

/** The parameters of `AUDIT_COLUMNS` for many entries: one array a column. */
const toColumns = (rows: readonly (readonly AuditValue[])[]): AuditValue[][] =>
  AUDIT_TYPES.map((_type, i) => rows.map((row) => row[i] ?? null));

/**
 * Appends many entries of one city in one statement, in their order; all or none. For lists of reads. While the primary is gone they go to the
 * spool, where there is one.
 */
export const appendAuditMany = async (db: CityDatabase, events: readonly AuditEvent[]): Promise<void> => {
  if (events.length === 0) return;
  const readings = events.map((event) => ({ event, eventId: newId(event.city, 'evt') }));
  try {
    const rows = readings.map(({ event, eventId }) => toAuditValues(event, db.subjects, eventId));
    await db.named(APPEND_MANY, toColumns(rows));
  } catch (error) {
    await spoolReadings(db, readings, error);
  }
};

/** Writes entries that were spooled, in their order; those that are there already stay as they are. */
export const appendSpooled = async (db: CityDatabase, rows: readonly (readonly AuditValue[])[]): Promise<void> => {
  await db.named(APPEND_SPOOLED, toColumns(rows));
};
