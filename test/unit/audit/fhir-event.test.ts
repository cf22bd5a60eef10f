import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parse } from 'graphql';
import { ACTION_CODES, type Leaf, OUTCOME_CODES, type SeenEvent, toSeenEvent } from '#audit/domain/audit-event.ts';
import { type FhirAuditEvent, type PlaceInLog, SYSTEMS, toFhirEvent } from '#audit/domain/fhir-event.ts';
import { PROFILES, validateAuditEvent, validateBundle } from '#test/support/fhir/validate.ts';

const CM = (letter: string): string => `cm:${letter.repeat(64)}`;
const HASH = 'ab'.repeat(32);
const PLACE: PlaceInLog = {
  origin: 'caregraph.example/audit/MTL',
  leafIndex: 7,
  leafHash: Buffer.alloc(32, 1).toString('base64'),
  treeSize: 9,
  root: Buffer.alloc(32, 2).toString('base64'),
};
const DISCLOSED: Readonly<Record<string, string>> = {
  actor: 'MTL-acc-1',
  patient: 'MTL-pat-1',
  entity0: 'MTL-pat-1',
  'entity0:sha256': HASH,
};

const aLeaf = (given: Partial<Leaf> = {}) => ({
  v: 1,
  id: 'MTL-evt-01jd0000000000000000000000',
  recorded: '2026-03-01T10:00:00.123Z',
  city: 'MTL',
  type: { system: 'http://terminology.hl7.org/CodeSystem/audit-event-type', code: 'rest' },
  act: 'patient',
  action: 'R',
  outcome: '0',
  purpose: 'TREAT',
  agent: [
    { role: 'PRACTITIONER', city: 'MTL', who: CM('a'), requestor: true },
    { role: 'SUBGRAPH', who: 'patients', requestor: false },
  ],
  source: { observer: 'MTL.patients', type: '4' },
  patient: CM('b'),
  entities: [{ kind: 'Patient', what: CM('c'), sha256: CM('d') }],
  values: {},
  requestId: 'f3b0-1',
  ...given,
});
/** As a reader sees it whom so much of it is disclosed to. */
const seen = (leaf: Partial<Leaf> = {}, disclosed: Readonly<Record<string, string>> = DISCLOSED): SeenEvent =>
  toSeenEvent(JSON.stringify(aLeaf(leaf)), (name, commitment) => (commitment === null ? null : (disclosed[name] ?? null)));
const profileOf = ({ meta }: FhirAuditEvent): string | undefined => meta?.profile[0]?.replace(/^.*IHE\.BasicAudit\./, '');

describe('an event as FHIR R4 AuditEvent', () => {
  it('has what the leaf says and the validator accepts', () => {
    const event = toFhirEvent(seen(), PLACE);
    expect(validateAuditEvent(event)).toEqual([]);
    expect(event).toMatchObject({
      resourceType: 'AuditEvent',
      id: 'MTL-evt-01jd0000000000000000000000',
      meta: { profile: ['https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead'] },
      type: { code: 'rest' },
      subtype: [{ code: 'read' }, { system: SYSTEMS.act, code: 'patient' }],
      action: 'R',
      recorded: '2026-03-01T10:00:00.123Z',
      outcome: '0',
      agent: [
        {
          who: { identifier: { system: SYSTEMS.account, value: 'MTL-acc-1', assigner: { display: 'MTL' } } },
          role: [{ coding: [{ system: SYSTEMS.role, code: 'PRACTITIONER' }] }],
          requestor: true,
          purposeOfUse: [{ coding: [{ code: 'TREAT' }] }],
        },
        { type: { coding: [{ code: '110152' }] }, who: { display: 'gateway' }, requestor: false },
        { type: { coding: [{ code: '110153' }] }, who: { display: 'MTL.patients' }, requestor: false },
      ],
      source: { site: 'MTL', observer: { display: 'MTL.patients' } },
      entity: [
        { what: { type: 'Patient', identifier: { system: SYSTEMS.record, value: 'MTL-pat-1' } }, role: { code: '1' } },
        {
          name: 'Patient',
          role: { code: '4' },
          detail: [{ type: 'sha256', valueBase64Binary: Buffer.from(HASH, 'hex').toString('base64') }],
        },
        { what: { identifier: { value: 'f3b0-1' } }, type: { code: 'XrequestId' } },
        { what: { identifier: { system: SYSTEMS.log, value: 'caregraph.example/audit/MTL#7' } }, name: 'audit log' },
      ],
    });
    expect(event).not.toHaveProperty('outcomeDesc');
  });

  it('shows a thing that is named by no id of ours by its name, and by its commitment to whoever may not see it', () => {
    const leaf = { entities: [{ kind: 'Practitioner', what: CM('c'), sha256: CM('d') }] };
    const as = (disclosed: Readonly<Record<string, string>>) => toFhirEvent(seen(leaf, disclosed), PLACE);
    const [open, closed] = [as({ entity0: 'Dre Tremblay', 'entity0:sha256': 'no hash' }), as({})];
    expect([validateAuditEvent(open), validateAuditEvent(closed)]).toEqual([[], []]);
    expect(open.entity.find(({ name }) => name === 'Practitioner')).toMatchObject({
      what: { type: 'Practitioner', identifier: { system: SYSTEMS.record, value: 'Dre Tremblay' } },
      detail: [{ type: 'sha256-commitment', valueString: CM('d') }],
    });
    expect(closed.entity.find(({ name }) => name === 'Practitioner')).toMatchObject({
      what: { type: 'Practitioner', identifier: { system: SYSTEMS.commitment, value: CM('c') } },
      detail: [{ type: 'sha256-commitment', valueString: CM('d') }],
    });
  });
  it('holds commitments in the place of what was erased, and is valid still', () => {
    const event = toFhirEvent(seen({}, {}), null);
    expect(validateAuditEvent(event)).toEqual([]);
    expect(profileOf(event)).toBe('PatientRead');
    const text = JSON.stringify(event);
    for (const value of Object.values(DISCLOSED)) expect(text).not.toContain(value);
    expect(event.agent[0]?.who.identifier).toEqual({ system: SYSTEMS.commitment, value: CM('a'), assigner: { display: 'MTL' } });
    expect(event.entity[0]?.what).toEqual({ type: 'Patient', identifier: { system: SYSTEMS.commitment, value: CM('b') } });
    expect(event.entity[1]?.detail).toEqual([{ type: 'sha256-commitment', valueString: CM('d') }]);
  });

  it.each([
    ['C', 'Create', 'create', 'AUT', ['110153', '110152']],
    ['R', 'Read', 'read', 'IRCP', ['110152', '110153']],
    ['U', 'Update', 'update', 'AUT', ['110153', '110152']],
    ['D', 'Delete', 'delete', 'AUT', ['110150', 'custodian']],
  ])('is of the profile of what was done: %s', (action, profile, interaction, user, ends) => {
    const withPatient = toFhirEvent(seen({ action }), PLACE);
    const without = toFhirEvent(seen({ action, patient: null, entities: [{ kind: 'Slot', what: 'MTL-slt-1', sha256: HASH }] }), PLACE);
    expect([profileOf(withPatient), profileOf(without)]).toEqual([`Patient${profile}`, profile]);
    for (const event of [withPatient, without]) {
      expect(validateAuditEvent(event)).toEqual([]);
      expect(event.subtype[0]?.code).toBe(interaction);
      expect(event.agent.map(({ type }) => type.coding[0]?.code)).toEqual([user, ...ends]);
    }
  });

  it('calls logins and logouts what DICOM calls them, and claims no profile for them', () => {
    const [login, logout, refresh] = ['login', 'logout', 'refreshSession'].map((act) =>
      toFhirEvent(seen({ act, action: 'E', patient: null, entities: [{ kind: 'Session', what: 'MTL-ses-1' }] }), null),
    );
    expect([login, logout, refresh].map((event) => [event?.type.code, event?.subtype.map(({ code }) => code), event?.meta])).toEqual([
      ['110114', ['110122', 'login'], undefined],
      ['110114', ['110123', 'logout'], undefined],
      ['110114', ['refreshSession'], undefined],
    ]);
    for (const event of [login, logout, refresh]) expect(validateAuditEvent(event)).toEqual([]);
  });

  it.each([
    ['4', 'SlotNotFree'],
    ['8', 'FORBIDDEN'],
    ['12', 'CityUnavailable'],
  ])('has the outcome of a refusal or failure and its reason, and claims no profile of success: %s', (outcome, reason) => {
    const event = toFhirEvent(seen({ outcome, reason }), PLACE);
    expect(validateAuditEvent(event)).toEqual([]);
    expect([event.outcome, event.outcomeDesc, event.meta]).toEqual([outcome, reason, undefined]);
  });

  it('has no user for what the network does by itself, and nobody’s name where nobody was logged in', () => {
    const agent = (role: string) => [
      { role, city: 'MTL', who: null, requestor: true },
      { role: 'SUBGRAPH', who: 'files', requestor: false },
    ];
    const own = toFhirEvent(seen({ action: 'D', purpose: 'SYSADMIN', agent: agent('SERVICE') }), PLACE);
    expect(own.agent.map(({ requestor, who }) => [requestor, who.display])).toEqual([
      [true, 'MTL.patients'],
      [false, 'MTL.patients'],
    ]);
    const nobody = toFhirEvent(seen({ outcome: '8', agent: agent('ANONYMOUS') }), PLACE);
    expect(nobody.agent[0]?.who).toEqual({ display: 'ANONYMOUS' });
    expect([validateAuditEvent(own), validateAuditEvent(nobody)]).toEqual([[], []]);
  });

  it('keeps one patient and one record in their slices, however many an act was about', () => {
    const event = toFhirEvent(
      seen({
        entities: [
          { kind: 'Appointment', what: null },
          { kind: 'Slot', what: 'MTL-slt-1' },
          { kind: 'Patient', what: CM('e') },
          { kind: 'Upload', what: 'u' },
        ],
      }),
      PLACE,
    );
    expect(validateAuditEvent(event)).toEqual([]);
    expect(event.entity.map(({ type }) => type.code)).toEqual(['1', '2', 'Patient', '4', 'XrequestId', '4']);
  });

  const anAct = fc.oneof(
    fc.constantFrom('login', 'logout', 'refreshSession', 'patient', 'Patient.auditTrail', '__proto__', 'constructor'),
    fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,20}$/),
  );
  const anEntity = fc.record({
    kind: fc.constantFrom(
      'Patient',
      'Account',
      'Slot',
      'Appointment',
      'Session',
      'MedicalFile',
      'Upload',
      'Consent',
      'KeyEncryptionKey',
      'toString',
    ),
    what: fc.option(fc.constantFrom('MTL-slt-1', CM('c'), 'Éloïse Lévêque'), { nil: null }),
    sha256: fc.constantFrom(HASH, CM('d')),
  });
  const anyEvent = fc
    .record({
      act: anAct,
      action: fc.constantFrom(...Object.values(ACTION_CODES)),
      outcome: fc.constantFrom(...Object.values(OUTCOME_CODES).map(String)),
      reason: fc.constantFrom('FORBIDDEN', 'SlotNotFree'),
      purpose: fc.constantFrom('TREAT', 'PATRQT', 'HOPERAT', 'HCOMPL', 'SYSADMIN'),
      role: fc.constantFrom('PATIENT', 'PRACTITIONER', 'ADMIN', 'AUDITOR', 'SERVICE', 'ANONYMOUS'),
      who: fc.option(fc.constant(CM('a')), { nil: null }),
      city: fc.option(fc.constant('QUE'), { nil: null }),
      patient: fc.option(fc.constant(CM('b')), { nil: null }),
      entities: fc.array(anEntity, { maxLength: 5 }),
      isErased: fc.boolean(),
    })
    .map(({ role, who, city, isErased, ...leaf }) =>
      seen(
        {
          ...leaf,
          agent: [
            { role, city, who, requestor: true },
            { role: 'SUBGRAPH', who: 'patients', requestor: false },
          ],
        },
        isErased ? {} : DISCLOSED,
      ),
    );

  it('is valid whatever was done, by whomever, with whatever end, and claims profiles of BALP alone', () => {
    fc.assert(
      fc.property(anyEvent, fc.option(fc.constant(PLACE), { nil: null }), (event, place) => {
        const exported = toFhirEvent(event, place);
        expect(validateAuditEvent(exported)).toEqual([]);
        for (const url of exported.meta?.profile ?? []) expect(PROFILES).toContain(url);
      }),
      { numRuns: 400 },
    );
  });

  it('maps every field that the graph’s roots have', () => {
    const roots = parse(readFileSync(new URL('../../../schema/supergraph.graphql', import.meta.url), 'utf8')).definitions.flatMap(
      (definition) =>
        definition.kind === 'ObjectTypeDefinition' && ['Query', 'Mutation', 'Subscription'].includes(definition.name.value)
          ? (definition.fields ?? []).map(({ name }) => name.value)
          : [],
    );
    expect(roots.length).toBeGreaterThan(40);
    for (const act of roots)
      for (const outcome of ['0', '4', '8', '12'])
        expect([
          act,
          validateAuditEvent(toFhirEvent(seen({ act, outcome, ...(outcome === '0' ? {} : { reason: 'FORBIDDEN' }) }), PLACE)),
        ]).toEqual([act, []]);
  });
});

describe('the validator of the tests', () => {
  type Loose = Record<string, unknown> & {
    agent: Record<string, unknown>[];
    entity: Record<string, unknown>[];
    subtype: Record<string, unknown>[];
  };
  const broken = (change: (event: Loose) => void): Loose => {
    const event = structuredClone(toFhirEvent(seen(), PLACE)) as unknown as Loose;
    change(event);
    return event;
  };
  const without = (name: string) => (each: Record<string, unknown> | undefined) => {
    if (each) delete each[name];
  };
  const MUTATIONS: Readonly<Record<string, (event: Loose) => void>> = {
    'no type': without('type'),
    'no recorded': without('recorded'),
    'no source': without('source'),
    'no agents': without('agent'),
    'an unknown element': (event) => Object.assign(event, { sha256: 'x' }),
    'a time that is no instant': (event) => Object.assign(event, { recorded: '2026-03-01' }),
    'an unknown outcome': (event) => Object.assign(event, { outcome: '7' }),
    'an unknown action': (event) => Object.assign(event, { action: 'X' }),
    'an id that is none': (event) => Object.assign(event, { id: 'a_b' }),
    'another resource': (event) => Object.assign(event, { resourceType: 'Provenance' }),
    'an outcome that is no success under a profile of success': (event) => Object.assign(event, { outcome: '8' }),
    'an action that is not of the profile': (event) => Object.assign(event, { action: 'U' }),
    'no interaction': (event) => event.subtype.shift(),
    'an interaction of another profile': (event) => Object.assign(event.subtype[0] ?? {}, { code: 'update' }),
    'an unknown purpose': (event) =>
      Object.assign(event, {
        purposeOfEvent: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'CURIOUS' }] }],
      }),
    'an agent that does not say whether it asked': (event) => without('requestor')(event.agent[0]),
    'a user who did not ask': (event) => Object.assign(event.agent[0] ?? {}, { requestor: false }),
    'a user without a name': (event) => without('who')(event.agent[0]),
    'a user with an address': (event) => Object.assign(event.agent[0] ?? {}, { network: { address: '192.0.2.1' } }),
    'no client': (event) => event.agent.splice(1, 1),
    'no server': (event) => event.agent.pop(),
    'a client without a network': (event) => without('network')(event.agent[1]),
    'an empty network': (event) => Object.assign(event.agent[1] ?? {}, { network: {} }),
    'no patient': (event) => event.entity.shift(),
    'two patients': (event) => event.entity.push(event.entity[0] ?? {}),
    'a patient in another role': (event) =>
      Object.assign(event.entity[0] ?? {}, { role: { system: 'http://terminology.hl7.org/CodeSystem/object-role', code: '4' } }),
    'a patient who is nobody': (event) => without('what')(event.entity[0]),
    'no record': (event) => event.entity.splice(1, 1),
    'two records': (event) => event.entity.push(event.entity[1] ?? {}),
    'a record in the role of a repository': (event) =>
      Object.assign(event.entity[1] ?? {}, { role: { system: 'http://terminology.hl7.org/CodeSystem/object-role', code: '17' } }),
    'a hash that is no base64': (event) => Object.assign(event.entity[1] ?? {}, { detail: [{ type: 'sha256', valueBase64Binary: '?' }] }),
    'a detail with two values': (event) =>
      Object.assign(event.entity[1] ?? {}, { detail: [{ type: 'x', valueString: 'a', valueBase64Binary: 'AAAA' }] }),
    'a detail without a value': (event) => Object.assign(event.entity[1] ?? {}, { detail: [{ type: 'x' }] }),
    'a request id without a value': (event) => Object.assign(event.entity[2] ?? {}, { what: { identifier: { system: 'urn:x' } } }),
    'a query with a name beside it (sev-1)': (event) => Object.assign(event.entity[1] ?? {}, { query: 'AAAA' }),
    'a profile that is unknown': (event) => Object.assign(event, { meta: { profile: ['https://example.org/p'] } }),
    'one entity, not a list': (event) => Object.assign(event, { entity: event.entity[0] }),
  };
  it.each(Object.keys(MUTATIONS))('refuses %s', (name) => {
    const event = broken(MUTATIONS[name] ?? (() => {}));
    expect(validateAuditEvent(event)).not.toEqual([]);
  });
  it('refuses a Bundle with one bad event', () => {
    const bundle = (resource: unknown) => ({
      resourceType: 'Bundle',
      type: 'collection',
      entry: [{ resource: toFhirEvent(seen(), PLACE) }, { resource }],
    });
    expect(validateBundle(bundle(toFhirEvent(seen({ act: 'login', action: 'E' }), null)))).toEqual([]);
    expect(validateBundle(bundle(broken(without('source'))))).not.toEqual([]);
  });
});
