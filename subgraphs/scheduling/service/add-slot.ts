import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { toAuditValues } from '#platform/audit/event.ts';
import { sqlStateOf } from '#platform/database/errors.ts';
import { newId } from '#platform/database/new-id.ts';
import { BadInputError, ForbiddenError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { isoWeek } from '#platform/pure/iso-week.ts';
import { toLocal } from '#platform/pure/zoned-time.ts';
import { decide } from '#policy/decide.ts';
import type { AddSlotRefusal } from '../domain/refusal.ts';
import type { Slot } from '../domain/slot.ts';
import { toSlotCode } from '../domain/slot-code.ts';
import { readSlotTime, type SlotTimeInput } from '../domain/slot-time.ts';
import { addSlot, findSlotInTheWay } from '../store/slot-store.ts';
import { Outcome, slotEntity, toEvent } from './acts.ts';
import { isUnavailable, orUnavailable, type Parts } from './parts.ts';

export type AddSlotRequest = SlotTimeInput & {
  readonly city?: string | null;
  readonly appointmentType: string;
  readonly capacity: number;
  readonly practitionerId?: string | null;
};
export type AddSlotOutcome =
  | { readonly kind: 'added'; readonly slot: Slot }
  | { readonly kind: 'refused'; readonly refusal: AddSlotRefusal };
export type AddSlot = (caller: Caller, input: AddSlotRequest) => Promise<AddSlotOutcome>;

const ACT = 'addSlot';
const MAX_CAPACITY = 1_000;

/**
 * Opens a slot in the admin's own city. Throws `UnauthenticatedError`, `ForbiddenError` (another city, no admin), `BadInputError` (time,
 * capacity, unknown city).
 */
export const makeAddSlot = ({ cities, appointmentTypes, clock, poke }: Parts): AddSlot => {
  return async (caller, input) => {
    const { viewer } = caller;
    if (!viewer) throw new UnauthenticatedError();
    const db = cities.find(input.city ?? viewer.city);
    if (!db) throw new BadInputError('input.city', 'is no city of the network');
    const city = db.city.code;
    const event = (outcome: Outcome, reason?: string) =>
      toEvent(caller, { city, act: ACT, action: 'C', outcome, ...(reason === undefined ? {} : { reason }) });
    if (!decide(viewer, { action: 'slot:add', resource: { city } }).allow) {
      await appendAudit(db, event(Outcome.DENIED, 'FORBIDDEN'));
      throw new ForbiddenError();
    }
    if (!Number.isInteger(input.capacity) || input.capacity < 1 || input.capacity > MAX_CAPACITY)
      throw new BadInputError('input.capacity', `must be from 1 to ${MAX_CAPACITY}`);
    const { startsAt, endsAt } = readSlotTime(db.city, input, clock());
    const refuse = async (refusal: AddSlotRefusal): Promise<AddSlotOutcome> => {
      await appendAudit(db, event(Outcome.REFUSED, refusal.kind));
      return { kind: 'refused', refusal };
    };
    const add = async (): Promise<AddSlotOutcome> => {
      if (!appointmentTypes.includes(input.appointmentType)) return refuse({ kind: 'UnknownAppointmentType', known: appointmentTypes });
      const practitionerId = input.practitionerId ?? null;
      if (practitionerId !== null && cityOfId(practitionerId, 'prc') !== city) return refuse({ kind: 'PractitionerNotFound' });
      const { date, minuteOfDay } = toLocal(db.city.timeZone, startsAt);
      const slot = {
        city,
        id: newId(city, 'slt'),
        code: toSlotCode(city, date, minuteOfDay),
        appointmentType: input.appointmentType,
        practitionerId,
        startsAt,
        endsAt,
        localDate: date,
        week: isoWeek(date),
        capacity: input.capacity,
      };
      try {
        const added = await addSlot(db, slot, toAuditValues({ ...event(Outcome.SUCCESS), entities: [slotEntity(slot)] }, db.subjects));
        if (!added) return await refuse({ kind: 'PractitionerNotFound' });
        poke(city);
        return { kind: 'added', slot: added };
      } catch (error) {
        if (!['23505', '23P01'].includes(sqlStateOf(error) ?? '')) throw error;
        return await refuse({ kind: 'SlotAlreadyExists', existing: await findSlotInTheWay(db, slot) });
      }
    };
    const outcome = await orUnavailable(add());
    return isUnavailable(outcome) ? { kind: 'refused', refusal: outcome } : outcome;
  };
};
