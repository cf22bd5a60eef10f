import { AUDIT_COLUMNS, type AuditEvent, toAuditValues } from '#platform/audit/event.ts';
import type { SubjectKeys } from '#platform/subjects/subject-keys.ts';

/** An entry as functions of the database take it that write it together with what it tells of. */
export type FrozenEntry = {
  readonly eventId: string;
  readonly recordedAt: Date;
  readonly actorTag: Uint8Array | null;
  readonly sealed: Uint8Array;
  readonly body: Uint8Array;
};

/** Freezes an event that names no patient. Where it holds no personal value either, no subject's key is asked for. */
export const freezeEntry = (event: AuditEvent & { readonly patientId?: null }, subjects: SubjectKeys): FrozenEntry => {
  const values = toAuditValues(event, subjects);
  const of = new Map(AUDIT_COLUMNS.split(', ').map((column, i) => [column, values[i]]));
  return {
    eventId: of.get('event_id') as string,
    recordedAt: of.get('recorded_at') as Date,
    actorTag: (of.get('actor_tag') ?? null) as Uint8Array | null,
    sealed: of.get('sealed') as Uint8Array,
    body: of.get('body') as Uint8Array,
  };
};
