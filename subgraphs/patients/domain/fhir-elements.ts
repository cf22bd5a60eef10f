import { BadInputError } from '#platform/pure/faults.ts';
import { cleanLine } from '#platform/pure/text.ts';
import { checkAddresses, checkContacts, checkIdentifiers, LIMITS, toNameText } from './check-patient.ts';
import type { Address, Contact, ContactSystem, Identifier, PersonName } from './patient.ts';

/** A JSON object of which nothing is known yet. */
export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A text; null where there is none. `BadInputError` for anything else. */
export const textAt = (path: string, value: unknown): string | null => {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw new BadInputError(path, 'is no text');
  return value;
};
const objectAt = (path: string, value: unknown): Json => {
  if (!isObject(value)) throw new BadInputError(path, 'is no object');
  return value;
};
/** A list of objects with the path of each; empty where there is none. */
export const objectsAt = (path: string, value: unknown): { readonly at: string; readonly value: Json }[] => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new BadInputError(path, 'is no list');
  return value.map((each, i) => ({ at: `${path}[${i}]`, value: objectAt(`${path}[${i}]`, each) }));
};
const textsAt = (path: string, value: unknown): string[] => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new BadInputError(path, 'is no list');
  return value.flatMap((each, i) => textAt(`${path}[${i}]`, each) ?? []);
};

/** The name in use: official, usual, or the first that is not an old one. https://hl7.org/fhir/R4/datatypes.html#HumanName */
export const readName = (path: string, value: unknown): PersonName => {
  const names = objectsAt(path, value);
  const ofUse = (use: string) => names.find((name) => name.value['use'] === use);
  const name = ofUse('official') ?? ofUse('usual') ?? names.find(({ value: { use } }) => use !== 'old' && use !== 'maiden') ?? names[0];
  if (!name) throw new BadInputError(path, 'is missing; a person needs a name');
  const { at } = name;
  const family = textAt(`${at}.family`, name.value['family']);
  const given = textsAt(`${at}.given`, name.value['given']);
  if (given.length > LIMITS.given) throw new BadInputError(`${at}.given`, `holds more than ${LIMITS.given} entries`);
  const cleanFamily = family === null ? null : cleanLine(`${at}.family`, family, 100);
  const cleanGiven = given.map((each, i) => cleanLine(`${at}.given[${i}]`, each, 100));
  const composed = toNameText(cleanGiven, cleanFamily);
  if (composed !== '') return { text: composed, family: cleanFamily, given: cleanGiven };
  const text = textAt(`${at}.text`, name.value['text']);
  if (text === null) throw new BadInputError(at, 'holds no name');
  return { text: cleanLine(`${at}.text`, text, 200), family: null, given: [] };
};

const CONTACT_SYSTEMS: Readonly<Record<string, ContactSystem>> = { phone: 'PHONE', sms: 'PHONE', email: 'EMAIL' };
/** Contact points that have a value. https://hl7.org/fhir/R4/datatypes.html#ContactPoint */
export const readContacts = (path: string, value: unknown): Contact[] =>
  checkContacts(
    path,
    objectsAt(path, value).flatMap(({ at, value: contact }) => {
      const number = textAt(`${at}.value`, contact['value']);
      const system = textAt(`${at}.system`, contact['system']) ?? '';
      const known = Object.hasOwn(CONTACT_SYSTEMS, system) ? CONTACT_SYSTEMS[system] : undefined;
      return number === null ? [] : [{ system: known ?? 'OTHER', value: number, use: textAt(`${at}.use`, contact['use']) }];
    }),
  );

/** Postal addresses. https://hl7.org/fhir/R4/datatypes.html#Address */
export const readAddresses = (path: string, value: unknown): Address[] =>
  checkAddresses(
    path,
    objectsAt(path, value).map(({ at, value: address }) => ({
      lines: textsAt(`${at}.line`, address['line']),
      city: textAt(`${at}.city`, address['city']),
      state: textAt(`${at}.state`, address['state']),
      postalCode: textAt(`${at}.postalCode`, address['postalCode']),
      country: textAt(`${at}.country`, address['country']),
    })),
  );

/** First code of a CodeableConcept; else its text. */
export const readCode = (path: string, value: unknown): string | null => {
  if (value === undefined || value === null) return null;
  const concept = objectAt(path, value);
  const coding = objectsAt(`${path}.coding`, concept['coding'])[0];
  const code = coding ? textAt(`${coding.at}.code`, coding.value['code']) : null;
  return code ?? textAt(`${path}.text`, concept['text']);
};

/** Identifiers that have a system and a value, none twice. https://hl7.org/fhir/R4/datatypes.html#Identifier */
export const readIdentifiers = (path: string, value: unknown): Identifier[] => {
  const seen = new Set<string>();
  const read = objectsAt(path, value).flatMap(({ at, value: identifier }) => {
    const system = textAt(`${at}.system`, identifier['system']);
    const text = textAt(`${at}.value`, identifier['value']);
    if (system === null || text === null || seen.has(`${system}|${text}`)) return [];
    seen.add(`${system}|${text}`);
    return [{ at, system, value: text, type: readCode(`${at}.type`, identifier['type']) }];
  });
  try {
    return checkIdentifiers(path, read);
  } catch (error) {
    // The check counts those that were kept: the path is to name the place in the file.
    const place = error instanceof BadInputError ? /^(.*)\[(\d+)\](.*)$/.exec(error.field.slice(path.length)) : null;
    const kept = read[Number(place?.[2])];
    if (!(error instanceof BadInputError) || !kept) throw error;
    throw new BadInputError(`${kept.at}${place?.[3] ?? ''}`, error.message.slice(error.field.length + 2));
  }
};

/** What a record is known by, also when it comes again: its identifiers, else the id it has in its bundle. */
export const identifiersOr = (
  path: string,
  identifiers: readonly Identifier[],
  fullUrl: string | null,
  id: string | null,
): Identifier[] => {
  if (identifiers.length > 0) return [...identifiers];
  const url = fullUrl ?? (id === null ? null : `urn:uuid:${id}`);
  if (url === null) throw new BadInputError(`${path}.identifier`, 'is missing; without one the record could not be known again');
  return [{ system: 'urn:ietf:rfc:3986', value: cleanLine(`${path}.id`, url, 200), type: null }];
};

/** A reference's target as written. */
export const readReference = (path: string, value: unknown): string | null =>
  value === undefined || value === null ? null : textAt(`${path}.reference`, objectAt(path, value)['reference']);

/** Every way in which other resources of a bundle may refer to this one. */
export const referencesTo = (type: string, fullUrl: string | null, id: string | null): string[] => [
  ...(fullUrl === null ? [] : [fullUrl]),
  ...(id === null ? [] : [`${type}/${id}`, `urn:uuid:${id}`]),
];
