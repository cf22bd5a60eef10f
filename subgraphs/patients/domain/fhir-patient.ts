import { BadInputError } from '#platform/pure/faults.ts';
import { checkBirthDate } from './check-patient.ts';
import { identifiersOr, type Json, readAddresses, readContacts, readIdentifiers, readName, referencesTo, textAt } from './fhir-elements.ts';
import type { Gender, NewPatient } from './patient.ts';

/** A patient read from a bundle. `references` are the ways in which other resources of the bundle name them. */
export type PatientDraft = { readonly path: string; readonly references: readonly string[]; readonly patient: NewPatient };

const GENDERS: Readonly<Record<string, Gender>> = { male: 'MALE', female: 'FEMALE', other: 'OTHER', unknown: 'UNKNOWN' };
const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;

const readBirthDate = (path: string, value: unknown, today: string): string | null => {
  const text = textAt(path, value);
  // A year or month alone is good FHIR and says no day.
  if (text === null || /^\d{4}(-(0[1-9]|1[0-2]))?$/.test(text)) return null;
  const [year = 0, month = 0, day = 0] = DAY.exec(text)?.slice(1).map(Number) ?? [];
  const date = new Date(Date.UTC(year, month - 1, day));
  if (month < 1 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day)
    throw new BadInputError(path, 'is no day, such as 1984-02-29');
  return checkBirthDate(path, text, today);
};

/** Reads https://hl7.org/fhir/R4/patient.html. `BadInputError` names the path of the first element that cannot be kept. */
export const readPatient = (path: string, resource: Json, fullUrl: string | null, today: string): PatientDraft => {
  const id = textAt(`${path}.id`, resource['id']);
  const gender = textAt(`${path}.gender`, resource['gender']) ?? 'unknown';
  const known = Object.hasOwn(GENDERS, gender) ? GENDERS[gender] : undefined;
  if (!known) throw new BadInputError(`${path}.gender`, 'is none of male, female, other, unknown');
  const identifiers = readIdentifiers(`${path}.identifier`, resource['identifier']);
  return {
    path,
    references: referencesTo('Patient', fullUrl, id),
    patient: {
      name: readName(`${path}.name`, resource['name']),
      birthDate: readBirthDate(`${path}.birthDate`, resource['birthDate'], today),
      gender: known,
      contacts: readContacts(`${path}.telecom`, resource['telecom']),
      addresses: readAddresses(`${path}.address`, resource['address']),
      identifiers: identifiersOr(path, identifiers, fullUrl, id),
      coverages: [],
    },
  };
};
