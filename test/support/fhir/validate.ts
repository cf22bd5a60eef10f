import { readFileSync } from 'node:fs';
import { indexStructureDefinitionBundle, validateResource } from '@medplum/core';

/** Refusals of a resource, each a sentence with the place; empty: it is valid. */
export type Faults = readonly string[];

type Json = Readonly<Record<string, unknown>>;
type Element = {
  readonly id: string;
  readonly path: string;
  readonly sliceName?: string;
  readonly min: number;
  readonly max: string;
  readonly binding?: { readonly strength: string; readonly valueSet?: string };
} & Json;
type Definition = { readonly url: string; readonly name: string; readonly snapshot: { readonly element: readonly Element[] } };

const read = (name: string): Definition[] =>
  readFileSync(new URL(`./${name}.ndjson`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const R4 = read('r4-definitions');
const BALP = new Map(read('balp-1.1.4').map((definition) => [definition.url, definition]));
/** URLs of the BALP profiles that are known. */
export const PROFILES: readonly string[] = [...BALP.keys()];

const HL7 = 'http://terminology.hl7.org/CodeSystem';
/** Codes with their displays, as https://hl7.org/fhir/R4/ and https://terminology.hl7.org give them: those that an exported event may hold. */
const CODES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  [`${HL7}/audit-event-type`]: { rest: 'RESTful Operation' },
  'http://hl7.org/fhir/restful-interaction': {
    create: 'create',
    read: 'read',
    update: 'update',
    delete: 'delete',
    operation: 'operation',
  },
  'http://dicom.nema.org/resources/ontology/DCM': {
    '110114': 'User Authentication',
    '110122': 'Login',
    '110123': 'Logout',
    '110150': 'Application',
    '110152': 'Destination Role ID',
    '110153': 'Source Role ID',
  },
  [`${HL7}/provenance-participant-type`]: { custodian: 'Custodian' },
  [`${HL7}/v3-ParticipationType`]: { IRCP: 'information recipient', AUT: 'author (originator)' },
  [`${HL7}/v3-ActReason`]: {
    TREAT: 'treatment',
    PATRQT: 'patient requested',
    HOPERAT: 'healthcare operations',
    HCOMPL: 'health compliance',
    SYSADMIN: 'health system administration',
    ETREAT: 'Emergency Treatment',
  },
  [`${HL7}/audit-entity-type`]: { '1': 'Person', '2': 'System Object', '4': 'Other' },
  [`${HL7}/object-role`]: { '1': 'Patient', '4': 'Domain Resource', '17': 'Data Repository', '20': 'Job' },
  [`${HL7}/security-source-type`]: { '4': 'Application Server' },
  'https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType': { XrequestId: '' },
  'http://hl7.org/fhir/resource-types': Object.fromEntries(
    'Appointment AuditEvent Claim Consent Coverage CoverageEligibilityResponse DocumentReference Encounter Invoice Observation Patient Practitioner Provenance Schedule Slot'
      .split(' ')
      .map((name) => [name, name]),
  ),
};
/** Systems of ours, whose codes are names of acts and roles. */
const OURS = /^https:\/\/caregraph\.example\/fhir\/(?:act|role)$/;
/** Value sets that bind as required. */
const VALUE_SETS: Readonly<Record<string, readonly string[]>> = {
  'http://hl7.org/fhir/ValueSet/audit-event-action': ['C', 'R', 'U', 'D', 'E'],
  'http://hl7.org/fhir/ValueSet/audit-event-outcome': ['0', '4', '8', '12'],
  'http://hl7.org/fhir/ValueSet/network-type': ['1', '2', '3', '4', '5'],
  'http://hl7.org/fhir/ValueSet/identifier-use': ['usual', 'official', 'temp', 'secondary', 'old'],
  'http://hl7.org/fhir/ValueSet/narrative-status': ['generated', 'extensions', 'additional', 'empty'],
  'https://profiles.ihe.net/ITI/BALP/ValueSet/AllReadVS': ['read', 'vread'],
  'https://profiles.ihe.net/ITI/BALP/ValueSet/AllUpdateVS': ['update', 'patch'],
  'https://profiles.ihe.net/ITI/BALP/ValueSet/DataSources': ['AUT', 'INF', 'CST'],
  'https://profiles.ihe.net/ITI/BALP/ValueSet/RestObjectRoles': ['4', '3', '20'],
};

const bundleOf = (definitions: readonly Definition[]) =>
  ({ resourceType: 'Bundle', type: 'collection', entry: definitions.map((resource) => ({ resource })) }) as never;
indexStructureDefinitionBundle(bundleOf(R4));
/** Medplum tells slices apart by patterns alone: the one bound to a value set is narrowed to the code in use, and `checkRules` sees to the set. */
const narrow = (definition: Definition): Definition => ({
  ...definition,
  snapshot: {
    element: definition.snapshot.element.map(({ binding, ...element }) => {
      if (element.path !== 'AuditEvent.subtype' || element.sliceName === undefined || binding?.strength !== 'required') return element;
      const [code] = VALUE_SETS[binding.valueSet ?? ''] ?? [];
      return { ...element, patternCoding: { system: 'http://hl7.org/fhir/restful-interaction', code } };
    }),
  },
});
const narrowed = new Map([...BALP].map(([url, definition]) => [url, narrow(definition)]));

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const list = (value: unknown): readonly unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

/** Whether a value has all that a pattern has. https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.pattern_x_ */
const fits = (value: unknown, pattern: unknown): boolean => {
  if (Array.isArray(pattern)) return pattern.every((each) => list(value).some((one) => fits(one, each)));
  if (isJson(pattern)) return isJson(value) && Object.entries(pattern).every(([key, each]) => fits(value[key], each));
  return value === pattern;
};
const codesOf = (value: unknown): readonly unknown[] =>
  isJson(value) ? ('coding' in value ? list(value['coding']).flatMap(codesOf) : [value['code']]) : [value];
const isIn = (value: unknown, { binding }: Element): boolean => {
  if (binding?.strength !== 'required' || binding.valueSet === undefined) return true;
  const set = VALUE_SETS[binding.valueSet.replace(/\|.*$/, '')];
  return set === undefined || codesOf(value).some((code) => set.includes(String(code)));
};
const patternOf = (element: Element): unknown => {
  const name = Object.keys(element).find((key) => /^(?:pattern|fixed)[A-Z]/.test(key));
  return name === undefined ? undefined : element[name];
};
const isFit = (value: unknown, element: Element): boolean => {
  const pattern = patternOf(element);
  return (pattern === undefined || fits(value, pattern)) && isIn(value, element);
};
/** The values of an element in what it stands in: of a choice, whichever it is; of a primitive that is absent, what says why. */
const valuesIn = (parent: unknown, name: string): readonly unknown[] => {
  if (!isJson(parent)) return [];
  if (name.endsWith('[x]')) {
    const keys = Object.keys(parent).filter((key) => key.startsWith(name.slice(0, -3)));
    return keys.flatMap((key) => list(parent[key]));
  }
  return list(parent[name] ?? parent[`_${name}`]);
};

/** The rules of a definition that Medplum leaves aside: those inside slices, bound codes, and how many values a choice has. */
const checkRules = ({ snapshot }: Definition, resource: unknown): Faults => {
  const faults: string[] = [];
  const byId = new Map(snapshot.element.map((element) => [element.id, element]));
  const [root] = snapshot.element;
  const found = new Map<string, readonly unknown[]>(root ? [[root.id, [resource]]] : []);
  for (const element of snapshot.element.slice(1)) {
    const at = element.id.lastIndexOf('.');
    const parents = found.get(element.id.slice(0, at)) ?? [];
    const name = (element.id.slice(at + 1).split(':')[0] ?? '').trim();
    const here: unknown[] = [];
    for (const parent of parents) {
      const type = byId.get(`${element.id}.type`);
      const belongs = (value: unknown): boolean =>
        element.sliceName === undefined ||
        (element.path === 'AuditEvent.subtype'
          ? isFit(value, element)
          : type !== undefined && isFit(isJson(value) ? value['type'] : undefined, type));
      const values = valuesIn(parent, name).filter(belongs);
      if (values.length < element.min) faults.push(`${element.id}: ${values.length} values, at least ${element.min} are asked for`);
      if (element.max !== '*' && values.length > Number(element.max))
        faults.push(`${element.id}: ${values.length} values, at most ${element.max} are allowed`);
      for (const value of values) if (isJson(value) && Object.keys(value).length === 0) faults.push(`${element.id}: is empty (ele-1)`);
      for (const value of values) if (!isFit(value, element)) faults.push(`${element.id}: is not of the pattern or value set`);
      here.push(...values);
    }
    found.set(element.id, here);
  }
  return faults;
};

const ID = /^[A-Za-z0-9.-]{1,64}$/;
/** Every coding in it has a known system, code and display. */
const checkCodes = (value: unknown, at = 'AuditEvent'): Faults => {
  if (Array.isArray(value)) return value.flatMap((each, i) => checkCodes(each, `${at}[${i}]`));
  if (!isJson(value)) return [];
  const { system, code, display } = value;
  const inside = Object.entries(value).flatMap(([key, each]) => checkCodes(each, `${at}.${key}`));
  if (typeof system !== 'string' || typeof code !== 'string') return inside;
  if (OURS.test(system)) return inside;
  const known = CODES[system]?.[code];
  if (known === undefined) return [...inside, `${at}: ${system}#${code} is unknown`];
  return display === undefined || display === known ? inside : [...inside, `${at}: the display of ${system}#${code} is another`];
};

const tryMedplum = (resource: unknown, profile?: Definition): Faults => {
  try {
    return validateResource(resource as never, profile ? { profile: profile as never } : {}).map(
      ({ details }) => details?.text ?? 'a warning',
    );
  } catch (error) {
    return [error instanceof Error ? error.message : 'refused'];
  }
};

const definitionOf = (name: string): Definition => {
  const found = R4.find((definition) => definition.name === name);
  if (!found) throw new Error(`no definition of ${name}`);
  return found;
};

/**
 * Validates an AuditEvent against R4's definition and against every profile that it claims: by Medplum's validator (structure, types, cardinality,
 * invariants, slices), then by what that one leaves aside.
 */
export const validateAuditEvent = (resource: unknown): Faults => {
  const claimed = isJson(resource) && isJson(resource['meta']) ? list(resource['meta']['profile']).map(String) : [];
  const id = isJson(resource) ? resource['id'] : undefined;
  return [
    ...tryMedplum(resource),
    ...checkRules(definitionOf('AuditEvent'), resource),
    ...checkCodes(resource),
    ...(typeof id === 'string' && ID.test(id) ? [] : ['AuditEvent.id: is no id']),
    ...claimed.flatMap((url) => {
      const [profile, plain] = [narrowed.get(url), BALP.get(url)];
      return profile && plain ? [...tryMedplum(resource, profile), ...checkRules(plain, resource)] : [`meta.profile: ${url} is unknown`];
    }),
  ];
};

/** Validates a Bundle of AuditEvents, and each of them. */
export const validateBundle = (bundle: unknown): Faults => [
  ...tryMedplum(bundle),
  ...(isJson(bundle) ? list(bundle['entry']) : []).flatMap((entry) => (isJson(entry) ? validateAuditEvent(entry['resource']) : [])),
];
