import { BadInputError } from '#platform/pure/faults.ts';
import { cleanLine } from '#platform/pure/text.ts';
import type { Address, Contact, ContactSystem, Gender, Identifier, NewCoverage, NewPatient, PatientRecord, PersonName } from './patient.ts';
import { parseRamq, RAMQ_SYSTEM } from './ramq.ts';

type Maybe<T> = T | null | undefined;
export type NameInput = { readonly family: string; readonly given: readonly string[] };
export type ContactInput = { readonly system: ContactSystem; readonly value: string; readonly use?: Maybe<string> };
export type AddressInput = {
  readonly lines: readonly string[];
  readonly city?: Maybe<string>;
  readonly state?: Maybe<string>;
  readonly postalCode?: Maybe<string>;
  readonly country?: Maybe<string>;
};
export type IdentifierInput = { readonly system: string; readonly value: string; readonly type?: Maybe<string> };
export type CoverageInput = { readonly plan: string; readonly payor: string; readonly memberId?: Maybe<string> };
export type PatientInput = {
  readonly name: NameInput;
  readonly birthDate: string;
  readonly gender?: Maybe<Gender>;
  readonly contacts?: Maybe<readonly ContactInput[]>;
  readonly addresses?: Maybe<readonly AddressInput[]>;
  readonly identifiers?: Maybe<readonly IdentifierInput[]>;
  readonly coverages?: Maybe<readonly CoverageInput[]>;
};
/** A change of a record: what is left out (or null) stays. */
export type PatientChange = { readonly [K in keyof PatientInput]?: Maybe<PatientInput[K]> };

/** The most entries that a list of a record holds. */
export const LIMITS = { given: 10, contacts: 20, addresses: 10, lines: 10, identifiers: 20, coverages: 10 } as const;
const NAME_LENGTH = 100;
const LINE_LENGTH = 200;
/** The plan and member id of a card stand on one line. */
const CODE_LENGTH = 100;

const atMost = (field: string, list: readonly unknown[], limit: number): void => {
  if (list.length > limit) throw new BadInputError(field, `holds more than ${limit} entries`);
};
const optional = (field: string, text: Maybe<string>, maxLength = LINE_LENGTH): string | null =>
  text === null || text === undefined ? null : cleanLine(field, text, maxLength);

/** `given` and `family` as one writes them. */
export const toNameText = (given: readonly string[], family: string | null): string =>
  [...given, ...(family === null ? [] : [family])].join(' ');

/** Checks a name: family and 1–10 given names of 1–100 characters each. */
export const checkName = (field: string, { family, given }: NameInput): PersonName => {
  if (given.length === 0) throw new BadInputError(`${field}.given`, 'is empty; send at least one given name');
  atMost(`${field}.given`, given, LIMITS.given);
  const cleanFamily = cleanLine(`${field}.family`, family, NAME_LENGTH);
  const cleanGiven = given.map((name, i) => cleanLine(`${field}.given[${i}]`, name, NAME_LENGTH));
  return { text: toNameText(cleanGiven, cleanFamily), family: cleanFamily, given: cleanGiven };
};

/** Checks a day of birth: it exists, is not in the future, and not before 1850. `today` is `YYYY-MM-DD` in UTC plus no zone's lead. */
export const checkBirthDate = (field: string, day: string, today: string): string => {
  if (day < '1850-01-01') throw new BadInputError(field, 'is before 1850');
  if (day > today) throw new BadInputError(field, 'is in the future');
  return day;
};

export const checkContacts = (field: string, contacts: readonly ContactInput[]): Contact[] => {
  atMost(field, contacts, LIMITS.contacts);
  return contacts.map(({ system, value, use }, i) => ({
    system,
    value: cleanLine(`${field}[${i}].value`, value, LINE_LENGTH),
    use: optional(`${field}[${i}].use`, use, CODE_LENGTH),
  }));
};

export const checkAddresses = (field: string, addresses: readonly AddressInput[]): Address[] => {
  atMost(field, addresses, LIMITS.addresses);
  return addresses.map((address, i) => {
    const at = `${field}[${i}]`;
    atMost(`${at}.lines`, address.lines, LIMITS.lines);
    return {
      lines: address.lines.map((line, n) => cleanLine(`${at}.lines[${n}]`, line, LINE_LENGTH)),
      city: optional(`${at}.city`, address.city),
      state: optional(`${at}.state`, address.state),
      postalCode: optional(`${at}.postalCode`, address.postalCode),
      country: optional(`${at}.country`, address.country),
    };
  });
};

/** Checks identifiers: a URI each, a RAMQ number in its form (and stored in one spelling), none twice. */
export const checkIdentifiers = (field: string, identifiers: readonly IdentifierInput[]): Identifier[] => {
  atMost(field, identifiers, LIMITS.identifiers);
  const seen = new Set<string>();
  return identifiers.map((identifier, i) => {
    const at = `${field}[${i}]`;
    const system = cleanLine(`${at}.system`, identifier.system, LINE_LENGTH);
    if (!/^[a-z][a-z0-9+.-]*:\S+$/i.test(system)) throw new BadInputError(`${at}.system`, `is no URI, such as ${RAMQ_SYSTEM}`);
    let value = cleanLine(`${at}.value`, identifier.value, LINE_LENGTH);
    if (system === RAMQ_SYSTEM) {
      const ramq = parseRamq(value);
      if (ramq === null)
        throw new BadInputError(`${at}.value`, 'is no RAMQ number: four letters, then eight digits with a day of birth in them');
      value = ramq;
    }
    const key = `${system}|${value}`;
    if (seen.has(key)) throw new BadInputError(at, 'stands twice in the list');
    seen.add(key);
    return { system, value, type: optional(`${at}.type`, identifier.type, CODE_LENGTH) };
  });
};

export const checkCoverages = (field: string, coverages: readonly CoverageInput[]): NewCoverage[] => {
  atMost(field, coverages, LIMITS.coverages);
  return coverages.map(({ plan, payor, memberId }, i) => ({
    plan: cleanLine(`${field}[${i}].plan`, plan, CODE_LENGTH),
    payor: cleanLine(`${field}[${i}].payor`, payor, LINE_LENGTH),
    memberId: optional(`${field}[${i}].memberId`, memberId, CODE_LENGTH),
    status: 'active',
  }));
};

/** Checks and cleans a whole new record. `BadInputError` names the first field that cannot be meant, under `field`. */
export const checkNewPatient = (field: string, input: PatientInput, today: string): NewPatient => ({
  name: checkName(`${field}.name`, input.name),
  birthDate: checkBirthDate(`${field}.birthDate`, input.birthDate, today),
  gender: input.gender ?? 'UNKNOWN',
  contacts: checkContacts(`${field}.contacts`, input.contacts ?? []),
  addresses: checkAddresses(`${field}.addresses`, input.addresses ?? []),
  identifiers: checkIdentifiers(`${field}.identifiers`, input.identifiers ?? []),
  coverages: checkCoverages(`${field}.coverages`, input.coverages ?? []),
});

/** Checks a change and gives the parts that it names. */
export const checkPatientChange = (field: string, change: PatientChange, today: string): Partial<NewPatient> => ({
  ...(change.name ? { name: checkName(`${field}.name`, change.name) } : {}),
  ...(change.birthDate ? { birthDate: checkBirthDate(`${field}.birthDate`, change.birthDate, today) } : {}),
  ...(change.gender ? { gender: change.gender } : {}),
  ...(change.contacts ? { contacts: checkContacts(`${field}.contacts`, change.contacts) } : {}),
  ...(change.addresses ? { addresses: checkAddresses(`${field}.addresses`, change.addresses) } : {}),
  ...(change.identifiers ? { identifiers: checkIdentifiers(`${field}.identifiers`, change.identifiers) } : {}),
  ...(change.coverages ? { coverages: checkCoverages(`${field}.coverages`, change.coverages) } : {}),
});

/** Whether two values of a record say the same, in whatever order their parts are kept. */
const isSame = (a: unknown, b: unknown): boolean => {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const keys = Object.keys(a);
  return (
    Array.isArray(a) === Array.isArray(b) &&
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
  );
};

/** The parts of a change that say something else than the record; a list counts as a whole, in its order. */
export const keepNews = (record: PatientRecord, change: Partial<NewPatient>): Partial<NewPatient> => {
  const standing: NewPatient = { ...record, coverages: record.coverages.map(({ id: _id, ...coverage }) => coverage) };
  return Object.fromEntries(
    (Object.keys(change) as (keyof NewPatient)[])
      .filter((part) => !isSame(change[part], standing[part]))
      .map((part) => [part, change[part]]),
  );
};

/** The words of a search, longest first, at most six. `BadInputError` where there is none. */
export const searchWords = (field: string, name: string): string[] => {
  const words = cleanLine(field, name, NAME_LENGTH)
    .split(/[\s\-'’‘.,‐‑–]+/u)
    .filter((word) => word !== '');
  if (words.length === 0) throw new BadInputError(field, 'holds no letter; send the beginning of a name');
  return words.sort((a, b) => b.length - a.length).slice(0, 6);
};
