import { BadInputError } from '#platform/pure/faults.ts';
import { addDays, atLocal, readLocal } from '#platform/pure/zoned-time.ts';
import { DAY_PARTS, parseSlotCode } from './slot-code.ts';

/** The ways in which the time of a new slot can be given; nulls and missing fields are the same. */
export type SlotTimeInput = {
  readonly start?: Date | null;
  readonly end?: Date | null;
  readonly localStart?: string | null;
  readonly localEnd?: string | null;
  readonly code?: string | null;
};

const MAX_HOURS = 24;
const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

const localInstant = (field: string, zone: string, text: string): Date => {
  const reading = readLocal(zone, text);
  switch (reading.kind) {
    case 'instant':
      return reading.at;
    case 'gap':
      throw new BadInputError(
        field,
        `does not exist in the zone ${zone}: the clock jumps over it; take ${reading.before} or ${reading.after}`,
      );
    case 'twice':
      throw new BadInputError(field, `happens twice in the zone ${zone}; say which: ${reading.earlier} or ${reading.later}`);
    case 'wrong-offset':
      throw new BadInputError(field, `has an offset that does not hold then in the zone ${zone}; take ${reading.right}`);
    case 'invalid':
      throw new BadInputError(field, 'is no day and time that exists, such as 2027-02-10T08:00');
  }
};

/**
 * The interval `[startsAt, endsAt)` of a new slot, given in exactly one of three ways. `BadInputError` names the fields and the fix: no
 * way or two, a local time that does not exist or happens twice, a code of another city, the past, an end before the start, over 24 h.
 */
export const readSlotTime = (
  city: { readonly code: string; readonly timeZone: string },
  input: SlotTimeInput,
  now: Date,
): { readonly startsAt: Date; readonly endsAt: Date } => {
  const ways = [
    isGiven(input.start) || isGiven(input.end),
    isGiven(input.localStart) || isGiven(input.localEnd),
    isGiven(input.code),
  ].filter(Boolean).length;
  if (ways !== 1)
    throw new BadInputError('input.start', 'give the time in exactly one way: start and end, or localStart and localEnd, or code');
  const { startsAt, endsAt, field } = readOneWay(city, input);
  if (endsAt <= startsAt) throw new BadInputError(field.end, `must be after ${field.start.replace('input.', '')}`);
  if (endsAt.getTime() - startsAt.getTime() > MAX_HOURS * 3_600_000)
    throw new BadInputError(field.end, `must be at most ${MAX_HOURS} h after the start`);
  if (startsAt <= now) throw new BadInputError(field.start, 'must be in the future');
  return { startsAt, endsAt };
};

const readOneWay = (city: { readonly code: string; readonly timeZone: string }, input: SlotTimeInput) => {
  if (isGiven(input.code)) {
    const code = parseSlotCode(String(input.code));
    if (!code) throw new BadInputError('input.code', 'is no code of a day that exists, such as MTLA100227');
    if (code.city !== city.code) throw new BadInputError('input.code', 'belongs to another city than the slot');
    const { from, to } = DAY_PARTS[code.part];
    return {
      startsAt: atLocal(city.timeZone, code.date, from),
      endsAt: atLocal(city.timeZone, addDays(code.date, Math.floor(to / 1_440)), to % 1_440),
      field: { start: 'input.code', end: 'input.code' },
    };
  }
  if (isGiven(input.localStart) || isGiven(input.localEnd)) {
    if (!isGiven(input.localStart)) throw new BadInputError('input.localStart', 'is needed beside localEnd');
    if (!isGiven(input.localEnd)) throw new BadInputError('input.localEnd', 'is needed beside localStart');
    return {
      startsAt: localInstant('input.localStart', city.timeZone, String(input.localStart)),
      endsAt: localInstant('input.localEnd', city.timeZone, String(input.localEnd)),
      field: { start: 'input.localStart', end: 'input.localEnd' },
    };
  }
  if (!(input.start instanceof Date)) throw new BadInputError('input.start', 'is needed beside end');
  if (!(input.end instanceof Date)) throw new BadInputError('input.end', 'is needed beside start');
  return { startsAt: input.start, endsAt: input.end, field: { start: 'input.start', end: 'input.end' } };
};
