import { BadInputError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { cleanLine } from '#platform/pure/text.ts';
import type { SlotFilter } from '../domain/slot-filter.ts';

/** A filter as callers give it; nulls and missing fields are the same. */
export type SlotFilterInput = {
  readonly cities?: readonly string[] | null;
  readonly appointmentType?: string | null;
  readonly practitionerId?: string | null;
  readonly from?: Date | null;
  readonly to?: Date | null;
  readonly onlyAvailable?: boolean | null;
};

const MAX_CITIES = 20;

/** Checks a filter. Throws `BadInputError`. */
export const readSlotFilter = (known: readonly string[], input: SlotFilterInput): SlotFilter => {
  const cities = [...new Set(input.cities ?? known)];
  if ((input.cities?.length ?? 0) > MAX_CITIES) throw new BadInputError('filter.cities', `holds more than ${MAX_CITIES} codes`);
  if (cities.length === 0) throw new BadInputError('filter.cities', 'is empty; leave it out for all cities');
  if (cities.some((city) => !known.includes(city))) throw new BadInputError('filter.cities', `must be of ${known.join(', ')}`);
  const { appointmentType = null, practitionerId = null, from = null, to = null } = input;
  if (practitionerId !== null && cityOfId(practitionerId, 'prc') === null)
    throw new BadInputError('filter.practitionerId', 'is no id of a practitioner');
  if (from && to && from >= to) throw new BadInputError('filter.to', 'must be after from');
  return {
    cities,
    appointmentType: appointmentType === null ? null : cleanLine('filter.appointmentType', appointmentType, 64),
    practitionerId,
    from,
    to,
    onlyAvailable: input.onlyAvailable === true,
  };
};
