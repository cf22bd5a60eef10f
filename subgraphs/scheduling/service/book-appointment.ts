import { LRUCache } from 'lru-cache';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { type AuditEvent, toAuditValues } from '#platform/audit/event.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { CityUnavailableError, constraintOf, OverloadedError, sqlStateOf } from '#platform/database/errors.ts';
import { newId } from '#platform/database/new-id.ts';
import { BadInputError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { decide } from '#policy/decide.ts';
import { type Appointment, toAppointment } from '../domain/appointment.ts';
import { decideBooking, decideSeat } from '../domain/decide-booking.ts';
import type { BookingReason, BookingRefusal, KeptAnswer, Unavailable } from '../domain/refusal.ts';
import type { Slot, SlotFacts, SlotState } from '../domain/slot.ts';
import { bookLocally, findKey, keepRefusal } from '../store/booking-store.ts';
import { findLedgerEntry, readSituation, releaseRefused, reserve, undoReservation } from '../store/ledger-store.ts';
import { fence, findVerdict, readSlotState, takeSeat } from '../store/seat-store.ts';
import { findSlots } from '../store/slot-store.ts';
import { appointmentEntity, hashOf, Outcome, toEvent } from './acts.ts';
import type { Recovery } from './book-appointment.recovery.ts';
import type { Confirmer } from './confirm-bookings.ts';
import type { FindAlternatives } from './find-alternatives.ts';
import { isUnavailable, orUnavailable, type Parts } from './parts.ts';

export type BookingInput = { readonly slotId: string; readonly patientId?: string | null; readonly idempotencyKey: string };
export type BookingOutcome =
  | { readonly kind: 'booked'; readonly appointment: Appointment; readonly replayed: boolean }
  | { readonly kind: 'refused'; readonly refusal: BookingRefusal };
export type BookAppointment = (caller: Caller, input: BookingInput) => Promise<BookingOutcome>;

const OPERATION = 'bookAppointment';
const KEY_FORM = /^[A-Za-z0-9_-]{1,64}$/;
/** How often a booking is tried when what stood against it is gone by the time it is looked at. */
const TRIES = 5;
/** How long a request waits for another one with the same key. */
const WAIT_MS = 2_000;
const LOOK_EVERY_MS = 40;
const FACTS_KEPT = 20_000;

/** One booking on its way. `home` keeps the ledger and the key. */
type Request = {
  readonly caller: Caller;
  readonly viewer: Viewer;
  readonly home: CityDatabase;
  readonly patientId: string;
  readonly slotId: string;
  readonly key: string;
  readonly inputHash: string;
};

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** A rule of the database stood in the way: a unique (23505) or an exclusion constraint (23P01). */
const isConflict = (error: unknown): boolean => ['23505', '23P01'].includes(sqlStateOf(error) ?? '');
const refused = (refusal: BookingRefusal): BookingOutcome => ({ kind: 'refused', refusal });
const unavailable = (city: string, retryAfterSeconds = 2): Unavailable => ({ kind: 'CityUnavailable', city, retryAfterSeconds });

/**
 * Takes a place in a slot for a patient. In one city it is one statement. Across cities: reserve at home, take the seat at the host (the
 * decision), confirm at home a moment later; what is left half-way is finished by book-appointment.recovery.ts.
 * Throws `UnauthenticatedError`, `BadInputError`, `OverloadedError`; everything else that is refused is an answer, kept under the key.
 */
export const makeBookAppointment = (
  parts: Parts,
  { recovery, confirmer, findAlternatives }: { recovery: Recovery; confirmer: Confirmer; findAlternatives: FindAlternatives },
): BookAppointment => {
  const { cities, fault, poke } = parts;
  const facts = new LRUCache<string, SlotFacts>({ max: FACTS_KEPT });

  const eventOf = (
    request: Request,
    city: string,
    appointmentId: string | null,
    outcome: Outcome,
    reason?: string,
    action: 'C' | 'R' = 'C',
  ): AuditEvent =>
    toEvent(request.caller, {
      city,
      act: OPERATION,
      action,
      outcome,
      ...(reason === undefined ? {} : { reason }),
      patientId: request.patientId,
      entities: [
        { kind: 'Slot', id: cityOfId(request.slotId, 'slt') === null ? null : request.slotId },
        ...(appointmentId === null
          ? []
          : [appointmentEntity({ id: appointmentId, slotId: request.slotId, patientId: request.patientId, status: 'BOOKED' })]),
      ],
    });
  const refusalEvent = (request: Request, city: string, reason: string): AuditEvent =>
    eventOf(request, city, null, Outcome.REFUSED, reason);

  const tellRefusal = async (reason: BookingReason, slot: SlotFacts | null): Promise<BookingRefusal> =>
    reason.kind === 'SlotFull' ? { ...reason, alternatives: slot ? await findAlternatives(slot) : [] } : reason;
  const toKept = (refusal: BookingRefusal, reason: BookingReason): KeptAnswer => ({
    kind: 'refused',
    reason,
    alternativeIds: refusal.kind === 'SlotFull' ? refusal.alternatives.map(({ id }) => id) : [],
  });

  /** The answer that is kept under a key, told again. */
  const replay = async (request: Request, answer: KeptAnswer): Promise<BookingOutcome> => {
    if (answer.kind === 'booked') {
      const appointment = await findLedgerEntry(request.home, answer.appointmentId);
      if (!appointment) throw new Error('a key names an appointment that the ledger does not have');
      const told: Appointment = appointment.status === 'PENDING' ? { ...appointment, status: 'BOOKED' } : appointment;
      const event = eventOf(request, request.home.city.code, null, Outcome.SUCCESS, undefined, 'R');
      await appendAudit(request.home, { ...event, entities: [...(event.entities ?? []), appointmentEntity(told)] });
      return { kind: 'booked', appointment: told, replayed: true };
    }
    const { reason, alternativeIds } = answer;
    await appendAudit(request.home, eventOf(request, request.home.city.code, null, Outcome.REFUSED, reason.kind, 'R'));
    if (reason.kind !== 'SlotFull') return refused(reason);
    const found = await Promise.all(
      [...Map.groupBy(alternativeIds, (id) => cityOfId(id, 'slt') ?? '')].map(async ([city, ids]) => {
        const db = cities.find(city);
        return db ? findSlots(db, ids).catch((): Slot[] => []) : [];
      }),
    );
    const byId = new Map(found.flat().map((slot) => [slot.id, slot]));
    return refused({ kind: 'SlotFull', alternatives: alternativeIds.flatMap((id) => byId.get(id) ?? []) });
  };

  /** What stands under the key: an answer to tell again, another input, or nothing. Waits while another request is on its way with it. */
  const lookUpKey = async (
    request: Request,
  ): Promise<{ readonly kind: 'fresh' | 'other-input' } | { readonly kind: 'known'; readonly outcome: BookingOutcome }> => {
    const deadline = Date.now() + WAIT_MS;
    for (;;) {
      const row = await findKey(request.home, request.viewer.accountId, request.key);
      if (!row) return { kind: 'fresh' };
      if (row.inputHash !== request.inputHash) return { kind: 'other-input' };
      if (row.state === 'done' && row.answer) return { kind: 'known', outcome: await replay(request, row.answer) };
      if (Date.now() >= deadline) {
        const host = row.appointmentId === null ? null : cityOfId(row.appointmentId, 'apt');
        const ended = row.appointmentId === null ? 'waits' : await recovery.finishOne(request.home, row.appointmentId);
        if (ended === 'waits') return { kind: 'known', outcome: refused(unavailable(host ?? request.home.city.code)) };
        continue;
      }
      await sleep(LOOK_EVERY_MS);
    }
  };

  /**
   * Finds out why nothing was written. `slot` as the host sees it now, null: there is none. Null: nothing stands against it any more.
   * A refusal is kept under the key together with its audit entry before it is told.
   */
  const diagnose = async (request: Request, slot: SlotState | SlotFacts | null): Promise<BookingOutcome | null> => {
    const key = await lookUpKey(request);
    if (key.kind === 'known') return key.outcome;
    const { home, patientId } = request;
    const has = await readSituation(home, patientId, slot);
    const reason = decideBooking({
      patientExists: has.patientExists,
      slot: slot && ('isFull' in slot ? slot : { status: 'open', isStarted: false, isFull: false, week: slot.week }),
      key: key.kind,
      has,
      isAway: slot !== null && slot.city !== home.city.code,
      usedThisWeek: has.usedThisWeek,
    });
    if (!reason) return null;
    const event = refusalEvent(request, home.city.code, reason.kind);
    if (key.kind === 'other-input') {
      await appendAudit(home, event);
      return refused(await tellRefusal(reason, slot));
    }
    const refusal = await tellRefusal(reason, slot);
    const isKept = await keepRefusal(home, {
      callerId: request.viewer.accountId,
      key: request.key,
      operation: OPERATION,
      inputHash: request.inputHash,
      answer: toKept(refusal, reason),
      audit: toAuditValues(event, home.subjects),
    });
    return isKept ? refused(refusal) : null;
  };

  const bookInOneCity = async (request: Request): Promise<BookingOutcome | null> => {
    const { home, patientId, slotId } = request;
    const city = home.city.code;
    const appointmentId = newId(city, 'apt');
    try {
      const taken = await bookLocally(home, {
        city,
        slotId,
        appointmentId,
        patientId,
        callerId: request.viewer.accountId,
        key: request.key,
        operation: OPERATION,
        inputHash: request.inputHash,
        audit: toAuditValues(eventOf(request, city, appointmentId, Outcome.SUCCESS), home.subjects),
      });
      if (taken) {
        poke(city);
        const { slot, bookedAt } = taken;
        return {
          kind: 'booked',
          appointment: toAppointment(slot, { id: appointmentId, patientId, patientCity: city, status: 'BOOKED', bookedAt }),
          replayed: false,
        };
      }
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
    return diagnose(request, await readSlotState(home, slotId));
  };

  /** The slot's facts never change, so they are read once. Null: there is no such slot. */
  const factsOf = async (host: CityDatabase, slotId: string): Promise<SlotFacts | null> => {
    const known = facts.get(slotId);
    if (known) return known;
    const slot = await readSlotState(host, slotId);
    if (slot) facts.set(slotId, slot);
    return slot;
  };

  /** The host certainly did nothing: gives the reservation back, so that nothing of the patient's is bound while the host is away. */
  const undo = async (request: Request, appointmentId: string, host: string): Promise<void> => {
    const event = eventOf(request, request.home.city.code, null, Outcome.FAILED, 'CityUnavailable');
    const audit = toAuditValues({ ...event, values: { host } }, request.home.subjects);
    await undoReservation(request.home, appointmentId, audit).catch((error: unknown) => {
      if (!(error instanceof CityUnavailableError)) throw error; // the sweeper finishes it
    });
  };

  const bookAcross = async (request: Request, host: CityDatabase): Promise<BookingOutcome | null> => {
    const { home, patientId, slotId } = request;
    const homeCity = home.city.code;
    const hostCity = host.city.code;
    const slot = await orUnavailable(factsOf(host, slotId));
    if (isUnavailable(slot)) {
      // A key that was used before is answered without the host.
      const key = await lookUpKey(request);
      if (key.kind === 'known') return key.outcome;
      await appendAudit(home, eventOf(request, homeCity, null, Outcome.FAILED, 'CityUnavailable'));
      return refused(slot);
    }
    if (!slot) return diagnose(request, null);
    const appointmentId = newId(hostCity, 'apt');
    await fault('before-reserve');
    let isReserved = false;
    try {
      isReserved = await reserve(home, {
        appointmentId,
        patientId,
        slot,
        callerId: request.viewer.accountId,
        key: request.key,
        operation: OPERATION,
        inputHash: request.inputHash,
      });
    } catch (error) {
      // The home, which should enter the failure, certainly heard nothing: the host enters it.
      if (error instanceof CityUnavailableError && error.outcome === 'not-sent')
        await appendAudit(host, eventOf(request, hostCity, null, Outcome.FAILED, 'CityUnavailable'));
      if (!isConflict(error)) throw error;
    }
    if (!isReserved) {
      // Removed and started come before what the home has to say; a host that is silent cannot say it.
      const now = await orUnavailable(readSlotState(host, slotId));
      return diagnose(request, isUnavailable(now) ? slot : now && { ...now, isFull: false });
    }
    await fault('after-reserve');
    return seatAtHost(request, host, slot, appointmentId);
  };

  const seatAtHost = async (
    request: Request,
    host: CityDatabase,
    slot: SlotFacts,
    appointmentId: string,
  ): Promise<BookingOutcome | null> => {
    const { home, patientId, slotId } = request;
    const homeCity = home.city.code;
    const hostCity = host.city.code;
    const booked = async (bookedAt: Date): Promise<BookingOutcome> => {
      await fault('after-seat');
      poke(hostCity);
      confirmer.confirm(homeCity, { appointmentId, bookedAt });
      return {
        kind: 'booked',
        appointment: toAppointment(slot, { id: appointmentId, patientId, patientCity: homeCity, status: 'BOOKED', bookedAt }),
        replayed: false,
      };
    };
    const refuse = async (reason: BookingReason): Promise<BookingOutcome> => {
      const refusal = await tellRefusal(reason, slot);
      await fault('before-refuse');
      const verdict = await fence(host, {
        appointmentId,
        slotId,
        patientId,
        patientCity: homeCity,
        reason: reason.kind,
        audit: toAuditValues(refusalEvent(request, hostCity, reason.kind), host.subjects),
      });
      if (verdict.status !== 'void') return booked(verdict.bookedAt);
      await fault('after-refuse');
      if (verdict.reason !== reason.kind) return refused(unavailable(hostCity)); // given up by the sweeper meanwhile
      await releaseRefused(home, appointmentId, toKept(refusal, reason));
      return refused(refusal);
    };
    let isDecided = false;
    try {
      for (let attempt = 1; attempt <= TRIES; attempt++) {
        try {
          const taken = await takeSeat(host, {
            appointmentId,
            slotId,
            patientId,
            patientCity: homeCity,
            audit: toAuditValues(eventOf(request, hostCity, appointmentId, Outcome.SUCCESS), host.subjects),
          });
          if (taken) return await booked(taken.bookedAt);
        } catch (error) {
          if (!isConflict(error)) throw error;
          isDecided = true;
          if (constraintOf(error) === 'appointment_once') return await refuse({ kind: 'AlreadyBooked' });
          const verdict = await findVerdict(host, appointmentId);
          return verdict && verdict.status !== 'void' ? await booked(verdict.bookedAt) : refused(unavailable(hostCity));
        }
        const reason = decideSeat(await readSlotState(host, slotId));
        if (reason) return await refuse(reason);
      }
      return await refuse({ kind: 'SlotFull' });
    } catch (error) {
      if (error instanceof CityUnavailableError && error.city === hostCity) {
        if (error.outcome === 'not-sent' && !isDecided) await undo(request, appointmentId, hostCity);
        return refused(unavailable(hostCity, error.retryAfterSeconds));
      }
      if (error instanceof OverloadedError && error.city === hostCity && !isDecided) await undo(request, appointmentId, hostCity);
      throw error;
    }
  };

  return async (caller, input) => {
    const { viewer } = caller;
    if (!viewer) throw new UnauthenticatedError();
    const { slotId, idempotencyKey: key } = input;
    if (!KEY_FORM.test(key)) throw new BadInputError('input.idempotencyKey', 'must be 1–64 of A-Z a-z 0-9 _ -');
    const patientId = input.patientId ?? viewer.patientId;
    if (patientId === null) throw new BadInputError('input.patientId', 'is needed: you are no patient yourself');
    const homeCity = cityOfId(patientId, 'pat');
    const home = homeCity === null ? null : cities.find(homeCity);
    const permitted =
      home && homeCity !== null && decide(viewer, { action: 'appointment:book', resource: { patientId, patientCity: homeCity } }).allow;
    if (!home || !permitted) {
      const city = home?.city.code ?? viewer.city;
      await appendAudit(
        cities.of(city),
        toEvent(caller, {
          city,
          act: OPERATION,
          action: 'C',
          outcome: Outcome.DENIED,
          reason: 'PatientNotFound',
          patientId: homeCity === null ? null : patientId,
        }),
      );
      return refused({ kind: 'PatientNotFound' });
    }
    const inputHash = hashOf({ operation: OPERATION, slotId, patientId });
    const request: Request = { caller, viewer, home, patientId, slotId, key, inputHash };
    const hostCity = cityOfId(slotId, 'slt');
    const host = hostCity === null ? null : cities.find(hostCity);
    const book = (): Promise<BookingOutcome | null> => {
      if (!host) return diagnose(request, null);
      return host === home ? bookInOneCity(request) : bookAcross(request, host);
    };
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      const outcome = await orUnavailable(book());
      if (isUnavailable(outcome)) return refused(outcome);
      if (outcome) return outcome;
    }
    throw new OverloadedError((host ?? home).city.code);
  };
};
