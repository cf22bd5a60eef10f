import { BadInputError } from '#platform/pure/faults.ts';
import { cleanLine } from '#platform/pure/text.ts';
import { identifiersOr, type Json, readAddresses, readContacts, readIdentifiers, readName, textAt } from './fhir-elements.ts';
import type { Address, Contact, Identifier, PersonName } from './patient.ts';

/** A practitioner read from a bundle; `sourceKey` is what they are known by when they come again. */
export type PractitionerDraft = {
  readonly path: string;
  readonly name: PersonName;
  readonly identifiers: readonly Identifier[];
  readonly addresses: readonly Address[];
  readonly sourceKey: string;
};
export type OrganizationDraft = Omit<PractitionerDraft, 'name'> & { readonly name: string; readonly contacts: readonly Contact[] };

/** `system|value` of the first identifier. */
export const toSourceKey = (identifiers: readonly Identifier[]): string => `${identifiers[0]?.system ?? ''}|${identifiers[0]?.value ?? ''}`;

const readKnown = (path: string, resource: Json, fullUrl: string | null) => {
  const read = readIdentifiers(`${path}.identifier`, resource['identifier']);
  const identifiers = identifiersOr(path, read, fullUrl, textAt(`${path}.id`, resource['id']));
  return { identifiers, addresses: readAddresses(`${path}.address`, resource['address']), sourceKey: toSourceKey(identifiers) };
};

/** Reads https://hl7.org/fhir/R4/practitioner.html. */
export const readPractitioner = (path: string, resource: Json, fullUrl: string | null): PractitionerDraft => ({
  path,
  name: readName(`${path}.name`, resource['name']),
  ...readKnown(path, resource, fullUrl),
});

/** Reads https://hl7.org/fhir/R4/organization.html. */
export const readOrganization = (path: string, resource: Json, fullUrl: string | null): OrganizationDraft => {
  const name = textAt(`${path}.name`, resource['name']);
  if (name === null) throw new BadInputError(`${path}.name`, 'is missing');
  return {
    path,
    name: cleanLine(`${path}.name`, name, 200),
    contacts: readContacts(`${path}.telecom`, resource['telecom']),
    ...readKnown(path, resource, fullUrl),
  };
};
