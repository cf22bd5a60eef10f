import { ACTION_CODES, type Leaf, OUTCOME_CODES, type SeenEvent } from './audit-event.ts';

/** Names of ours in exported events. They are names alone: nothing is served there. docs/audit-log.md says what each one holds. */
const OURS = 'https://caregraph.example/fhir';
export const SYSTEMS = {
  act: `${OURS}/act`,
  role: `${OURS}/role`,
  account: `${OURS}/account`,
  record: `${OURS}/record`,
  service: `${OURS}/service`,
  request: `${OURS}/request-id`,
  commitment: `${OURS}/commitment`,
  log: `${OURS}/audit-log`,
} as const;

const HL7 = 'http://terminology.hl7.org/CodeSystem';
const DCM = 'http://dicom.nema.org/resources/ontology/DCM';
const INTERACTION = 'http://hl7.org/fhir/restful-interaction';
const RESOURCE = 'http://hl7.org/fhir/resource-types';
const BALP = 'https://profiles.ihe.net/ITI/BALP';

type Coding = { readonly system: string; readonly code: string; readonly display?: string };
type CodeableConcept = { readonly coding: readonly Coding[] };
type Reference = {
  readonly type?: string;
  readonly identifier?: { readonly system: string; readonly value: string; readonly assigner?: { readonly display: string } };
  readonly display?: string;
};
type Detail = { readonly type: string } & ({ readonly valueString: string } | { readonly valueBase64Binary: string });
type Network = {
  readonly _address: { readonly extension: readonly { readonly url: string; readonly valueCode: string }[] };
};
type Agent = {
  readonly type: CodeableConcept;
  readonly role?: readonly CodeableConcept[];
  readonly who: Reference;
  readonly requestor: boolean;
  readonly network?: Network;
  readonly purposeOfUse?: readonly CodeableConcept[];
};
type Entity = {
  readonly what: Reference;
  readonly type: Coding;
  readonly role?: Coding;
  readonly name?: string;
  readonly detail?: readonly Detail[];
};

/** A FHIR R4 AuditEvent, https://hl7.org/fhir/R4/auditevent.html, with the elements that an entry fills. */
export type FhirAuditEvent = {
  readonly resourceType: 'AuditEvent';
  readonly id: string;
  readonly meta?: { readonly profile: readonly string[] };
  readonly type: Coding;
  readonly subtype: readonly Coding[];
  readonly action: 'C' | 'R' | 'U' | 'D' | 'E';
  readonly recorded: string;
  readonly outcome: '0' | '4' | '8' | '12';
  readonly outcomeDesc?: string;
  readonly purposeOfEvent: readonly CodeableConcept[];
  readonly agent: readonly Agent[];
  readonly source: { readonly site: string; readonly observer: Reference; readonly type: readonly Coding[] };
  readonly entity: readonly Entity[];
};

/** Where an event stands in its log, and the checkpoint over it. `leafHash` and `root` are 32 bytes in base64. */
export type PlaceInLog = {
  readonly origin: string;
  readonly leafIndex: number;
  readonly leafHash: string;
  readonly treeSize: number;
  readonly root: string;
};

type Action = FhirAuditEvent['action'];
/** The interaction that comes nearest. https://hl7.org/fhir/R4/codesystem-restful-interaction.html */
const INTERACTIONS = { C: 'create', R: 'read', U: 'update', D: 'delete', E: 'operation' } as const;
/** BALP's profile of an act that was done. There is none for what is neither created, read, updated nor deleted, and none for a failure. */
const PROFILES: Readonly<Partial<Record<Action, string>>> = { C: 'Create', R: 'Read', U: 'Update', D: 'Delete' };

const SOURCE: Coding = { system: DCM, code: '110153', display: 'Source Role ID' };
const DESTINATION: Coding = { system: DCM, code: '110152', display: 'Destination Role ID' };
/** Which end gives and which end gets. A deletion moves nothing: BALP calls its ends application and custodian. */
const ENDS: Readonly<Record<Action, { readonly client: Coding; readonly server: Coding }>> = {
  C: { client: SOURCE, server: DESTINATION },
  U: { client: SOURCE, server: DESTINATION },
  R: { client: DESTINATION, server: SOURCE },
  E: { client: SOURCE, server: DESTINATION },
  D: {
    client: { system: DCM, code: '110150', display: 'Application' },
    server: { system: `${HL7}/provenance-participant-type`, code: 'custodian', display: 'Custodian' },
  },
};
const RECIPIENT: Coding = { system: `${HL7}/v3-ParticipationType`, code: 'IRCP', display: 'information recipient' };
const AUTHOR: Coding = { system: `${HL7}/v3-ParticipationType`, code: 'AUT', display: 'author (originator)' };

/** DICOM's names of coming and going. https://dicom.nema.org/medical/dicom/current/output/chtml/part16/sect_CID_400.html */
const AUTHENTICATION: Coding = { system: DCM, code: '110114', display: 'User Authentication' };
const SESSION_ACTS: Readonly<Record<string, readonly Coding[]>> = {
  login: [{ system: DCM, code: '110122', display: 'Login' }],
  logout: [{ system: DCM, code: '110123', display: 'Logout' }],
  refreshSession: [],
};

const PURPOSES: Readonly<Record<string, string>> = {
  TREAT: 'treatment',
  PATRQT: 'patient requested',
  HOPERAT: 'healthcare operations',
  HCOMPL: 'health compliance',
  SYSADMIN: 'health system administration',
};

/** Kinds of ours that are resources of FHIR R4, by their name there. An account of ours is a login, and FHIR's Account a bill. */
const RESOURCES: Readonly<Record<string, string>> = {
  Patient: 'Patient',
  Practitioner: 'Practitioner',
  Schedule: 'Schedule',
  Slot: 'Slot',
  Appointment: 'Appointment',
  Encounter: 'Encounter',
  Observation: 'Observation',
  Coverage: 'Coverage',
  CoverageEligibilityResponse: 'CoverageEligibilityResponse',
  Claim: 'Claim',
  Invoice: 'Invoice',
  Consent: 'Consent',
  Provenance: 'Provenance',
  AuditEvent: 'AuditEvent',
  MedicalFile: 'DocumentReference',
};
const JOBS = new Set(['Upload', 'Download', 'Range', 'Import', 'AuditExport']);

const PERSON: Coding = { system: `${HL7}/audit-entity-type`, code: '1', display: 'Person' };
const SYSTEM_OBJECT: Coding = { system: `${HL7}/audit-entity-type`, code: '2', display: 'System Object' };
const OTHER: Coding = { system: `${HL7}/audit-entity-type`, code: '4', display: 'Other' };
const PATIENT_ROLE: Coding = { system: `${HL7}/object-role`, code: '1', display: 'Patient' };
const DOMAIN_RESOURCE: Coding = { system: `${HL7}/object-role`, code: '4', display: 'Domain Resource' };
const REPOSITORY: Coding = { system: `${HL7}/object-role`, code: '17', display: 'Data Repository' };
const JOB: Coding = { system: `${HL7}/object-role`, code: '20', display: 'Job' };
const REQUEST: Coding = { system: `${BALP}/CodeSystem/BasicAuditEntityType`, code: 'XrequestId' };

/** BALP wants the addresses of both ends; an entry holds none, as an address tells where somebody is. */
const ADDRESS_UNKNOWN: Network = {
  _address: { extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }] },
};

const concept = (...coding: readonly Coding[]): CodeableConcept => ({ coding });
const service = (name: string): Reference => ({ identifier: { system: SYSTEMS.service, value: name }, display: name });
const textDetail = (type: string, valueString: string): Detail => ({ type, valueString });
const bytesDetail = (type: string, valueBase64Binary: string): Detail => ({ type, valueBase64Binary });

const HEX = /^(?:[0-9a-f]{2})+$/;
/** Bytes in hexadecimal as base64. */
const toBase64 = (hex: string): string => btoa(String.fromCharCode(...(hex.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16))));

/** A personal value by itself while it is disclosed, by its commitment otherwise; null where the entry has none. */
const identify = (system: string, shown: string | null, inLeaf: string | null): { system: string; value: string } | null => {
  if (shown !== null) return { system, value: shown };
  return inLeaf === null ? null : { system: SYSTEMS.commitment, value: inLeaf };
};

type Named = {
  readonly kind: string;
  readonly identifier: { readonly system: string; readonly value: string };
  readonly detail: readonly Detail[];
};
const hashDetail = (shown: string | null, inLeaf: string | undefined): readonly Detail[] => {
  if (shown !== null && HEX.test(shown)) return [bytesDetail('sha256', toBase64(shown))];
  return inLeaf === undefined ? [] : [textDetail('sha256-commitment', inLeaf)];
};

/** What an act was about and has an id. */
const recordsOf = (event: SeenEvent, leaf: Leaf): readonly Named[] =>
  event.entities.flatMap(({ kind, id, sha256 }, i) => {
    const inLeaf = leaf.entities[i];
    const identifier = identify(SYSTEMS.record, id, inLeaf?.what ?? null);
    return identifier ? [{ kind, identifier, detail: hashDetail(sha256, inLeaf?.sha256) }] : [];
  });

/** The first record is BALP's data, of which there is one; further ones have their resource's name for a type. */
const toEntity = ({ kind, identifier, detail }: Named, place: number): Entity => {
  const resource = Object.hasOwn(RESOURCES, kind) ? RESOURCES[kind] : undefined;
  return {
    what: { ...(resource === undefined ? {} : { type: resource }), identifier },
    type: place === 0 ? SYSTEM_OBJECT : resource === undefined ? OTHER : { system: RESOURCE, code: resource, display: resource },
    role: JOBS.has(kind) ? JOB : DOMAIN_RESOURCE,
    name: kind,
    ...(detail.length > 0 ? { detail } : {}),
  };
};

const toPlaceEntity = ({ origin, leafIndex, leafHash, treeSize, root }: PlaceInLog): Entity => ({
  what: { identifier: { system: SYSTEMS.log, value: `${origin}#${leafIndex}` } },
  type: OTHER,
  role: REPOSITORY,
  name: 'audit log',
  detail: [
    textDetail('origin', origin),
    textDetail('leaf-index', String(leafIndex)),
    bytesDetail('leaf-hash', leafHash),
    textDetail('checkpoint-size', String(treeSize)),
    bytesDetail('checkpoint-root', root),
  ],
});

/**
 * An event as a FHIR R4 AuditEvent: what its leaf holds, with the personal values that `event` discloses and the commitments of the leaf in the
 * place of the others. What was created, read, updated or deleted and names its record is of the BALP profile that `meta.profile` tells.
 * https://profiles.ihe.net/ITI/BALP/
 */
export const toFhirEvent = (event: SeenEvent, place: PlaceInLog | null): FhirAuditEvent => {
  const leaf = JSON.parse(event.leaf) as Leaf & { readonly source: { readonly observer: string } };
  const action = ACTION_CODES[event.action];
  const outcome = `${OUTCOME_CODES[event.outcome]}` as const;
  const actor = leaf.agent.find(({ requestor }) => requestor);
  const { role, city } = event.agent;
  const { observer } = leaf.source;
  const session = Object.hasOwn(SESSION_ACTS, event.act) ? SESSION_ACTS[event.act] : undefined;
  const display = PURPOSES[event.purpose];
  const purpose = concept({ system: `${HL7}/v3-ActReason`, code: event.purpose, ...(display === undefined ? {} : { display }) });

  const account = identify(SYSTEMS.account, event.agent.accountId, actor?.who ?? null);
  const who: Reference = account
    ? { identifier: { ...account, ...(city === null ? {} : { assigner: { display: city } }) } }
    : { display: role };
  const isService = role === 'SERVICE';
  const asActor = { role: [concept({ system: SYSTEMS.role, code: role })], requestor: true, purposeOfUse: [purpose] } as const;
  const ends = ENDS[action];
  const agents: readonly Agent[] = [
    ...(isService ? [] : [{ type: concept(action === 'R' || action === 'E' ? RECIPIENT : AUTHOR), who, ...asActor }]),
    // What the network does by itself has no user: the service is the client.
    isService
      ? { type: concept(ends.client), who: account ? who : service(observer), network: ADDRESS_UNKNOWN, ...asActor }
      : { type: concept(ends.client), who: service('gateway'), requestor: false, network: ADDRESS_UNKNOWN },
    { type: concept(ends.server), who: service(observer), requestor: false, network: ADDRESS_UNKNOWN },
  ];

  const patient = identify(SYSTEMS.record, event.patientId, leaf.patient);
  const records = recordsOf(event, leaf);
  const profile = PROFILES[action];
  const isProfiled = profile !== undefined && !session && outcome === '0' && records.length > 0;
  return {
    resourceType: 'AuditEvent',
    id: event.id,
    ...(isProfiled
      ? { meta: { profile: [`${BALP}/StructureDefinition/IHE.BasicAudit.${patient === null ? '' : 'Patient'}${profile}`] } }
      : {}),
    type: session ? AUTHENTICATION : { system: `${HL7}/audit-event-type`, code: 'rest', display: 'RESTful Operation' },
    subtype: [
      ...(session ?? [{ system: INTERACTION, code: INTERACTIONS[action], display: INTERACTIONS[action] }]),
      { system: SYSTEMS.act, code: event.act },
    ],
    action,
    recorded: event.recordedAt.toISOString(),
    outcome,
    ...(event.reason === null ? {} : { outcomeDesc: event.reason }),
    purposeOfEvent: [purpose],
    agent: agents,
    source: {
      site: event.cityCode,
      observer: service(observer),
      type: [{ system: `${HL7}/security-source-type`, code: '4', display: 'Application Server' }],
    },
    entity: [
      ...(patient === null ? [] : [{ what: { type: 'Patient', identifier: patient }, type: PERSON, role: PATIENT_ROLE }]),
      ...records.map(toEntity),
      { what: { identifier: { system: SYSTEMS.request, value: event.requestId } }, type: REQUEST },
      ...(place ? [toPlaceEntity(place)] : []),
    ],
  };
};
