import { BadInputError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { ACTION_CODES, type ActionName, OUTCOME_CODES, type OutcomeName } from './audit-event.ts';

/** What an auditor asks for; null and left out say nothing. */
export type EventFilterInput = {
  readonly city?: string | null;
  readonly patientId?: string | null;
  readonly actorId?: string | null;
  readonly action?: ActionName | null;
  readonly act?: string | null;
  readonly outcome?: OutcomeName | null;
  readonly from?: Date | null;
  readonly to?: Date | null;
};

/** The same, checked and in the codes of the entries. Only what was asked is there. */
export type EventFilter = {
  readonly patientId?: string;
  readonly actorId?: string;
  readonly action?: string;
  readonly act?: string;
  readonly outcome?: number;
  readonly from?: Date;
  readonly to?: Date;
};

/** Ids of accounts, and the names under which the network's own services act. */
const ACTOR = /^[A-Za-z0-9:_-]{1,100}$/;
/** A field of the graph: of a root type by its name alone, of another type as `Slot.appointments`. */
const ACT = /^[A-Za-z][A-Za-z0-9_]{0,63}(?:\.[A-Za-z][A-Za-z0-9_]{0,63})?$/;

/** Checks a filter. `city` is null where all cities are asked. Throws `BadInputError` for what no entry can match by its form. */
export const checkFilter = (
  input: EventFilterInput,
  cities: readonly string[],
): { readonly city: string | null; readonly filter: EventFilter } => {
  const { city, patientId, actorId, action, act, outcome, from, to } = input;
  if (city && !cities.includes(city)) throw new BadInputError('filter.city', `is no city; known are ${cities.join(', ')}`);
  if (city === '') throw new BadInputError('filter.city', 'is empty; leave it out to ask all cities');
  if (typeof patientId === 'string' && cityOfId(patientId, 'pat') === null)
    throw new BadInputError('filter.patientId', 'is no id of a patient');
  if (typeof actorId === 'string' && !ACTOR.test(actorId)) throw new BadInputError('filter.actorId', 'is no id of an account');
  if (typeof act === 'string' && !ACT.test(act)) throw new BadInputError('filter.act', 'is no name of an act, such as bookAppointment');
  if (from && to && from >= to) throw new BadInputError('filter.to', 'must be later than from');
  return {
    city: city ?? null,
    filter: {
      ...(typeof patientId === 'string' ? { patientId } : {}),
      ...(typeof actorId === 'string' ? { actorId } : {}),
      ...(action ? { action: ACTION_CODES[action] } : {}),
      ...(typeof act === 'string' ? { act } : {}),
      ...(outcome ? { outcome: OUTCOME_CODES[outcome] } : {}),
      ...(from ? { from } : {}),
      ...(to ? { to } : {}),
    },
  };
};
