import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { toAuditValues } from '#platform/audit/event.ts';
import { OverloadedError } from '#platform/database/errors.ts';
import { describeError } from '#platform/observability/log.ts';
import { UnauthenticatedError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { cleanLine } from '#platform/pure/text.ts';
import { decide } from '#policy/decide.ts';
import type { Appointment } from '../domain/appointment.ts';
import type { CancelRefusal } from '../domain/refusal.ts';
import { cancelSeat, findAppointments } from '../store/seat-store.ts';
import { appointmentEntity, Outcome, toEvent } from './acts.ts';
import type { Recovery } from './book-appointment.recovery.ts';
import { isUnavailable, orUnavailable, type Parts } from './parts.ts';

export type CancelOutcome =
  | { readonly kind: 'cancelled'; readonly appointment: Appointment }
  | { readonly kind: 'refused'; readonly refusal: CancelRefusal };
export type CancelAppointment = (
  caller: Caller,
  input: { readonly appointmentId: string; readonly reason?: string | null },
) => Promise<CancelOutcome>;

const ACT = 'cancelAppointment';
const TRIES = 3;
const MAX_REASON = 200;
const NOT_FOUND: CancelOutcome = { kind: 'refused', refusal: { kind: 'AppointmentNotFound' } };

/**
 * Gives a place back: by the patient up to the notice window of the host city, by staff always; judged by the time of the host's database.
 * The host decides in one statement and owes the news to the home city, which is told at once or by the sweeper. Done again it changes
 * nothing and answers the same. Throws `UnauthenticatedError`, `BadInputError`.
 */
export const makeCancelAppointment = (parts: Parts, recovery: Recovery): CancelAppointment => {
  const { cities, fault, poke, log } = parts;
  const cancel: CancelAppointment = async (caller, { appointmentId, reason }) => {
    const { viewer } = caller;
    if (!viewer) throw new UnauthenticatedError();
    const why = reason === undefined || reason === null ? null : cleanLine('reason', reason, MAX_REASON);
    const hostCity = cityOfId(appointmentId, 'apt');
    const host = hostCity === null ? null : cities.find(hostCity);
    const notFound = async (outcome: Outcome, patientId: string | null): Promise<CancelOutcome> => {
      const city = host?.city.code ?? viewer.city;
      await appendAudit(
        cities.of(city),
        toEvent(caller, {
          city,
          act: ACT,
          action: 'U',
          outcome,
          reason: 'AppointmentNotFound',
          patientId,
          entities: [{ kind: 'Appointment', id: hostCity === null ? null : appointmentId }],
        }),
      );
      return NOT_FOUND;
    };
    if (!host) return notFound(Outcome.REFUSED, null);
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      const [found] = await findAppointments(host, [appointmentId]);
      if (!found) return notFound(Outcome.REFUSED, null);
      const resource = {
        patientId: found.patientId,
        patientCity: found.patientCity,
        hostCity: host.city.code,
        practitionerId: found.practitionerId,
      };
      const isStaff = decide(viewer, { action: 'appointment:cancel-as-staff', resource }).allow;
      const isPatient = decide(viewer, { action: 'appointment:cancel-as-patient', resource }).allow;
      if (!isStaff && !isPatient) return notFound(Outcome.DENIED, found.patientId);
      const entities = [appointmentEntity({ ...found, status: 'CANCELLED' })];
      if (found.status === 'CANCELLED') {
        await appendAudit(
          host,
          toEvent(caller, {
            city: host.city.code,
            act: 'appointment',
            action: 'R',
            outcome: Outcome.SUCCESS,
            patientId: found.patientId,
            entities,
          }),
        );
        return { kind: 'cancelled', appointment: found };
      }
      const { noticeMinutes } = host.city;
      const event = toEvent(caller, {
        city: host.city.code,
        act: ACT,
        action: 'U',
        outcome: Outcome.SUCCESS,
        patientId: found.patientId,
        entities,
      });
      const cancelled = await cancelSeat(
        host,
        appointmentId,
        isStaff ? null : noticeMinutes,
        toAuditValues(why === null ? event : { ...event, values: { reason: why } }, host.subjects),
      );
      if (cancelled) {
        await fault('after-cancel');
        poke(host.city.code);
        if (cancelled.patientCity !== host.city.code)
          await recovery.settle(host, appointmentId, cancelled.patientCity).catch((error: unknown) => {
            log.warn('a cancellation waits to be settled', { city: cancelled.patientCity, appointmentId, ...describeError(error) });
          });
        return { kind: 'cancelled', appointment: cancelled };
      }
      const [now] = await findAppointments(host, [appointmentId]);
      if (now?.status !== 'BOOKED' || isStaff) continue; // somebody else was faster
      await appendAudit(
        host,
        toEvent(caller, {
          city: host.city.code,
          act: ACT,
          action: 'U',
          outcome: Outcome.REFUSED,
          reason: 'NoticeWindowPassed',
          patientId: found.patientId,
          entities: [appointmentEntity(found)],
        }),
      );
      return { kind: 'refused', refusal: { kind: 'NoticeWindowPassed', noticeMinutes } };
    }
    throw new OverloadedError(host.city.code);
  };
  return async (caller, input) => {
    const outcome = await orUnavailable(cancel(caller, input));
    return isUnavailable(outcome) ? { kind: 'refused', refusal: outcome } : outcome;
  };
};
