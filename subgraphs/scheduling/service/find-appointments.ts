import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { appendAuditMany } from '#platform/audit/append-many.ts';
import type { AuditEvent } from '#platform/audit/event.ts';
import { type CityDatabase, readingOf } from '#platform/database/city-database.ts';
import { type Connection, pageSize, toConnection } from '#platform/paging/connection.ts';
import { BadInputError, ForbiddenError, NotFoundError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { decide } from '#policy/decide.ts';
import { type Appointment, asOfReading } from '../domain/appointment.ts';
import type { Slot } from '../domain/slot.ts';
import { patientExists } from '../store/directory-store.ts';
import { readSchedule, type SchedulePosition } from '../store/ledger-store.ts';
import type { Loaders } from '../store/loaders.ts';
import { readSlotAppointments } from '../store/seat-store.ts';
import { appointmentEntity, hashOf, Outcome, toEvent } from './acts.ts';
import type { PageInput } from './find-slots.ts';
import type { Parts } from './parts.ts';
import { mayReadSchedule } from './schedule-permission.ts';

/** `asOf`: where a replica gave the page, when it was true. */
export type AppointmentPage = Connection<Appointment> & { readonly asOf: Date | null };

const toViewer = ({ viewer }: Caller): Viewer => {
  if (!viewer) throw new UnauthenticatedError();
  return viewer;
};

/** Appointments, for whoever may see them. Each answer is audited before it is given; what one may not see is not there. */
export const makeFindAppointments = ({ cities, cursors }: Parts) => {
  /** Reads of one record by one act are one entry per request of the gateway. */
  const audited = new WeakMap<Caller, Map<string, Promise<void>>>();
  const auditOnce = (caller: Caller, db: CityDatabase, name: string, event: AuditEvent): Promise<void> => {
    const known = audited.get(caller) ?? new Map<string, Promise<void>>();
    audited.set(caller, known);
    const done = known.get(name) ?? appendAudit(db, event);
    known.set(name, done);
    return done;
  };

  /** One appointment as the host city knows it. `NotFoundError`: none, or none that the caller may see; both take the same steps. */
  const appointment = async (caller: Caller, loaders: Loaders, id: string): Promise<Appointment> => {
    const viewer = toViewer(caller);
    const city = cityOfId(id, 'apt');
    const host = city === null ? null : cities.find(city);
    const found = host ? await loaders.appointment.load(id) : null;
    const isAllowed =
      found !== null &&
      decide(viewer, {
        action: 'appointment:read',
        resource: {
          patientId: found.patientId,
          patientCity: found.patientCity,
          hostCity: found.city,
          practitionerId: found.practitionerId,
        },
      }).allow;
    const db = host ?? cities.of(viewer.city);
    if (!found || !isAllowed) {
      await appendAudit(
        db,
        toEvent(caller, {
          city: db.city.code,
          act: 'appointment',
          action: 'R',
          outcome: found ? Outcome.DENIED : Outcome.REFUSED,
          reason: 'NOT_FOUND',
          patientId: found?.patientId ?? null,
          entities: [{ kind: 'Appointment', id: host ? id : null }],
        }),
      );
      throw new NotFoundError();
    }
    await auditOnce(
      caller,
      db,
      `appointment ${id}`,
      toEvent(caller, {
        city: db.city.code,
        act: 'appointment',
        action: 'R',
        outcome: Outcome.SUCCESS,
        patientId: found.patientId,
        entities: [appointmentEntity(found)],
      }),
    );
    return found;
  };

  /** A patient's schedule from the home city alone, grouped by type and ordered by start. `NotFoundError` for whoever may not read it. */
  const schedule = async (
    caller: Caller,
    patientId: string,
    { from, to, first, after }: PageInput & { readonly from?: Date | null; readonly to?: Date | null },
  ): Promise<AppointmentPage> => {
    const viewer = toViewer(caller);
    const size = pageSize(first);
    if (from && to && from >= to) throw new BadInputError('to', 'must be after from');
    const scope = `schedule:${viewer.accountId}:${patientId}:${from?.getTime() ?? ''}:${to?.getTime() ?? ''}`;
    const behind = after === undefined || after === null ? null : cursors.decode<SchedulePosition>(scope, after);
    const home = cities.find(cityOfId(patientId, 'pat') ?? '');
    const isAllowed = await mayReadSchedule(cities, viewer, patientId);
    const reading = home && readingOf(home);
    const isThere = reading !== null && (await patientExists(reading, patientId));
    const db = home ?? cities.of(viewer.city);
    if (!home || !reading || !isAllowed || !isThere) {
      await appendAudit(
        db,
        toEvent(caller, {
          city: db.city.code,
          act: 'appointments',
          action: 'R',
          outcome: isThere ? Outcome.DENIED : Outcome.REFUSED,
          reason: 'NOT_FOUND',
          patientId: home ? patientId : null,
        }),
      );
      throw new NotFoundError();
    }
    const range = { from: from ?? null, to: to ?? null };
    const rows = asOfReading(await readSchedule(reading, patientId, range, behind, size + 1), reading.staleAsOf());
    const entities = rows.slice(0, size).map(appointmentEntity);
    await auditOnce(
      caller,
      home,
      // Another page of the same schedule is another reading: its records are not in the first one's entry.
      `appointments ${patientId} ${hashOf(entities)}`,
      toEvent(caller, {
        city: home.city.code,
        act: 'appointments',
        action: 'R',
        outcome: Outcome.SUCCESS,
        patientId,
        entities,
      }),
    );
    const position = (row: Appointment): SchedulePosition => [row.appointmentType, row.startsAt.toISOString(), row.id];
    return { ...toConnection(rows, size, (row) => cursors.encode(scope, position(row)), behind !== null), asOf: reading.staleAsOf() };
  };

  /** Live appointments in a slot by time of booking, for its staff; others get `ForbiddenError`, as the slot itself is known to them. */
  const ofSlot = async (caller: Caller, slot: Slot, { first, after }: PageInput): Promise<AppointmentPage> => {
    const viewer = toViewer(caller);
    const size = pageSize(first);
    const db = cities.of(slot.city);
    const event = (outcome: Outcome, patientId: string | null, entities: AuditEvent['entities']): AuditEvent =>
      toEvent(caller, {
        city: slot.city,
        act: 'Slot.appointments',
        action: 'R',
        outcome,
        ...(outcome === Outcome.DENIED ? { reason: 'FORBIDDEN' } : {}),
        patientId,
        entities: [{ kind: 'Slot', id: slot.id }, ...(entities ?? [])],
      });
    if (!decide(viewer, { action: 'slot:read-appointments', resource: slot }).allow) {
      await appendAudit(db, event(Outcome.DENIED, null, []));
      throw new ForbiddenError();
    }
    const scope = `slot-appointments:${viewer.accountId}:${slot.id}`;
    const behind = after === undefined || after === null ? null : cursors.decode<readonly [string, string]>(scope, after);
    const reading = readingOf(db);
    const rows = asOfReading(await readSlotAppointments(reading, slot.id, behind, size + 1), reading.staleAsOf());
    const seen = rows.slice(0, size).map((row) => event(Outcome.SUCCESS, row.patientId, [appointmentEntity(row)]));
    // That nobody comes is told as well.
    await appendAuditMany(db, seen.length > 0 ? seen : [event(Outcome.SUCCESS, null, [])]);
    const cursorOf = (row: Appointment) => cursors.encode(scope, [row.bookedAt.toISOString(), row.id]);
    return { ...toConnection(rows, size, cursorOf, behind !== null), asOf: reading.staleAsOf() };
  };
  return { appointment, schedule, ofSlot };
};
export type FindAppointments = ReturnType<typeof makeFindAppointments>;
