import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { BadInputError, ForbiddenError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import type { Delivery, Feed, FeedEvent } from '#platform/sequence/feed.ts';
import { isPositions, type Positions } from '#platform/sequence/position.ts';
import { decide } from '#policy/decide.ts';
import { APPOINTMENT_TOPIC, decodeAppointmentEvent, decodeSlotEvent, SLOT_TOPIC } from '#schema/events/scheduling.ts';
import type { Appointment } from '../domain/appointment.ts';
import type { AppointmentChange, SlotChange } from '../domain/change.ts';
import { matchesChange } from '../domain/slot-filter.ts';
import { findLedgerEntry } from '../store/ledger-store.ts';
import { appointmentEntity, Outcome, toEvent } from './acts.ts';
import { SLOT_FEED } from './find-slots.ts';
import type { Parts } from './parts.ts';
import { mayReadSchedule } from './schedule-permission.ts';
import { readSlotFilter, type SlotFilterInput } from './slot-filter.ts';

/** Translates what a feed delivers; `null` ends the stream. Ending it ends the feed at once, also while a change is waited for. */
const mapDeliveries = <T>(
  deliveries: AsyncIterableIterator<Delivery>,
  translate: (delivery: Delivery) => T | null | Promise<T | null>,
): AsyncIterableIterator<T> => {
  const end = async (): Promise<IteratorResult<T>> => {
    await deliveries.return?.();
    return { done: true, value: undefined };
  };
  return {
    next: async () => {
      const result = await deliveries.next();
      if (result.done) return { done: true, value: undefined };
      const value = await translate(result.value);
      return value === null ? end() : { done: false, value };
    },
    return: end,
    throw: async (error) => {
      await end();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
};

/** Feeds of changes, from now on or from a cursor, without gap or repeat. */
export const makeFollowChanges = ({ cities, cursors, feed, clock, log }: Parts) => {
  const openFeed = (): Feed => {
    if (!feed) throw new Error('this process was started without feeds');
    return feed;
  };
  const readCursor = (scope: string, after: string | null | undefined): Positions | null => {
    if (after === undefined || after === null) return null;
    const positions = cursors.decode<unknown>(scope, after);
    if (!isPositions(positions)) throw new BadInputError('after', 'is no cursor of this feed; take one that it gave');
    return positions;
  };
  /** A shape that this version does not know is passed over, and told to the operators. */
  const decoded = <T>(decode: (event: FeedEvent) => T, event: FeedEvent): T | null => {
    try {
      return decode(event);
    } catch {
      log.error('an event of the outbox could not be read', { city: event.city, topic: event.topic, position: event.position });
      return null;
    }
  };

  /** Changes of slots that match the filter before or after the change. */
  const slots = (caller: Caller, input: SlotFilterInput, after: string | null | undefined): AsyncIterableIterator<SlotChange> => {
    if (!decide(caller.viewer, { action: 'slot:read' }).allow) throw new UnauthenticatedError();
    const filter = readSlotFilter(cities.codes, input);
    const deliveries = openFeed().follow({
      cities: filter.cities,
      after: readCursor(SLOT_FEED, after),
      accept: (event) => {
        if (event.topic !== SLOT_TOPIC) return false;
        const change = decoded(decodeSlotEvent, event);
        return change !== null && matchesChange(filter, change, clock());
      },
      coalesce: ({ subject }) => subject,
    });
    return mapDeliveries(deliveries, (delivery) => {
      const cursor = cursors.encode(SLOT_FEED, delivery.cursor);
      if (delivery.kind === 'restart') return { kind: 'RESTART', cursor, city: null, slotId: null, at: clock() };
      const { kind, slotId } = decodeSlotEvent(delivery.event);
      return { kind, cursor, city: delivery.event.city, slotId, at: delivery.event.at };
    });
  };

  /**
   * Changes of a patient's appointments, as the home city tells them. `ForbiddenError` for whoever may not read the schedule, whether there
   * is such a patient or not; asked again at every change, and the feed ends when the answer has become no.
   */
  const appointments = async (
    caller: Caller,
    patient: string | null | undefined,
    after: string | null | undefined,
  ): Promise<AsyncIterableIterator<AppointmentChange>> => {
    const { viewer } = caller;
    if (!viewer) throw new UnauthenticatedError();
    const patientId = patient ?? viewer.patientId;
    if (patientId === null) throw new BadInputError('patientId', 'is needed: you are no patient yourself');
    const scope = `appointment-feed:${patientId}`;
    const home = cities.find(cityOfId(patientId, 'pat') ?? '');
    const db = home ?? cities.of(viewer.city);
    const audit = (outcome: Outcome): Promise<void> =>
      appendAudit(
        db,
        toEvent(caller, {
          city: db.city.code,
          act: 'appointmentChanged',
          action: 'R',
          outcome,
          ...(outcome === Outcome.DENIED ? { reason: 'FORBIDDEN' } : {}),
          patientId: home ? patientId : null,
        }),
      );
    if (!home || !(await mayReadSchedule(cities, viewer, patientId))) {
      await audit(Outcome.DENIED);
      throw new ForbiddenError();
    }
    const positions = readCursor(scope, after);
    await audit(Outcome.SUCCESS);
    const deliveries = openFeed().follow({
      cities: [home.city.code],
      after: positions,
      accept: (event) => event.topic === APPOINTMENT_TOPIC && event.subject === patientId,
    });
    return mapDeliveries(deliveries, async (delivery) => {
      const cursor = cursors.encode(scope, delivery.cursor);
      if (delivery.kind === 'restart') return { kind: 'RESTART', cursor, appointmentId: null, patientId, at: clock() };
      if (viewer.role === 'D' && !(await mayReadSchedule(cities, viewer, patientId))) return null;
      const event = decoded(decodeAppointmentEvent, delivery.event);
      return event && { kind: event.kind, cursor, appointmentId: event.appointmentId, patientId, at: delivery.event.at };
    });
  };

  /** The appointment of a change as the patient's home knows it now; recorded, each time, before it is shown. */
  const appointmentOf = async (caller: Caller, { appointmentId, patientId }: AppointmentChange): Promise<Appointment | null> => {
    const home = cities.find(cityOfId(patientId, 'pat') ?? '');
    const found = home && appointmentId !== null ? await findLedgerEntry(home, appointmentId) : null;
    if (!home || !found) return null;
    await appendAudit(
      home,
      toEvent(caller, {
        city: home.city.code,
        act: 'AppointmentChange.appointment',
        action: 'R',
        outcome: Outcome.SUCCESS,
        patientId,
        entities: [appointmentEntity(found)],
      }),
    );
    return found;
  };
  return { slots, appointments, appointmentOf };
};
export type FollowChanges = ReturnType<typeof makeFollowChanges>;
