import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Caller } from '#platform/access/viewer.ts';
import { agentOf } from '#platform/audit/agent.ts';
import { type AuditAction, type AuditEntity, type AuditEvent, Outcome } from '#platform/audit/event.ts';
import { type Appointment, toAppointmentRecord } from '../domain/appointment.ts';
import type { NewSlot } from '../domain/slot.ts';

/** SHA-256 (hex) of a record's RFC 8785 bytes. */
export const hashOf = (record: unknown): string => hash('sha256', canonicalize(record) ?? '');

/** What a service says of an act; who acts comes from the caller. */
export type Act = {
  readonly city: string;
  readonly act: string;
  readonly action: AuditAction;
  readonly outcome: Outcome;
  readonly reason?: string;
  readonly patientId?: string | null;
  readonly entities?: readonly AuditEntity[];
};

/** The audit event of an act of a caller. */
export const toEvent = ({ viewer, requestId }: Pick<Caller, 'viewer' | 'requestId'>, act: Act): AuditEvent => ({
  ...act,
  observer: 'scheduling',
  ...agentOf(viewer),
  requestId,
});

/** The audit event of what the system does by itself. */
export const toServiceEvent = (requestId: string, act: Act): AuditEvent => ({
  ...act,
  observer: 'scheduling',
  purpose: 'SYSADMIN',
  actor: { role: 'SERVICE', city: act.city, accountId: null },
  requestId,
});

export const appointmentEntity = (appointment: Pick<Appointment, 'id' | 'slotId' | 'patientId' | 'status'>): AuditEntity => ({
  kind: 'Appointment',
  id: appointment.id,
  sha256: hashOf(toAppointmentRecord(appointment)),
});

/** The record of a slot as it was opened. */
export const slotEntity = (slot: NewSlot): AuditEntity => ({
  kind: 'Slot',
  id: slot.id,
  sha256: hashOf({
    id: slot.id,
    code: slot.code,
    appointmentType: slot.appointmentType,
    practitionerId: slot.practitionerId,
    startsAt: slot.startsAt.toISOString(),
    endsAt: slot.endsAt.toISOString(),
    capacity: slot.capacity,
  }),
});

export { Outcome };
