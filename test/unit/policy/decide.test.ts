import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decide, NO_RELATION, type PolicyViewer, type Question, type Relation } from '#policy/decide.ts';

type Action = Question['action'];

/** A patient of QUE with an appointment in MTL, in a slot of a practitioner of MTL. */
const HOME = 'QUE';
const HOST = 'MTL';
const PATIENT = 'QUE-pat-1';
const PRACTITIONER = 'MTL-prc-1';

const aViewer = (role: PolicyViewer['role'], city: string, own: Partial<PolicyViewer> = {}): PolicyViewer => ({
  role,
  city,
  patientId: role === 'P' ? `${city}-pat-9` : null,
  practitionerId: role === 'D' ? `${city}-prc-9` : null,
  ...own,
});
type Case = { readonly viewer: PolicyViewer | null; readonly relation?: Partial<Relation> };
const CASES = {
  nobody: { viewer: null },
  'the patient': { viewer: aViewer('P', HOME, { patientId: PATIENT }) },
  'another patient of the home city': { viewer: aViewer('P', HOME) },
  'another patient of the host city': { viewer: aViewer('P', HOST) },
  'a practitioner of the home city': { viewer: aViewer('D', HOME) },
  'the practitioner of the slot': { viewer: aViewer('D', HOST, { practitionerId: PRACTITIONER }) },
  'another practitioner of the host city': { viewer: aViewer('D', HOST) },
  'a practitioner elsewhere': { viewer: aViewer('D', 'SHE') },
  'a practitioner elsewhere in care of the patient': { viewer: aViewer('D', 'SHE'), relation: { inCare: true } },
  'a practitioner elsewhere with a grant': { viewer: aViewer('D', 'SHE'), relation: { granted: true } },
  'a practitioner of a city the patient visits': { viewer: aViewer('D', 'SHE'), relation: { visiting: true } },
  'an admin of the home city': { viewer: aViewer('A', HOME) },
  'an admin of the host city': { viewer: aViewer('A', HOST) },
  'an admin elsewhere': { viewer: aViewer('A', 'SHE') },
  'an admin of a city the patient visits': { viewer: aViewer('A', 'SHE'), relation: { visiting: true } },
  'an admin elsewhere with every relation': { viewer: aViewer('A', 'SHE'), relation: { inCare: true, granted: true } },
  'an auditor of the home city': { viewer: aViewer('U', HOME) },
  'an auditor elsewhere with every relation': { viewer: aViewer('U', 'SHE'), relation: { inCare: true, granted: true, visiting: true } },
} as const satisfies Record<string, Case>;
type CaseName = keyof typeof CASES;
const CASE_NAMES = Object.keys(CASES) as CaseName[];

const CARERS: readonly CaseName[] = [
  'a practitioner of the home city',
  'a practitioner elsewhere in care of the patient',
  'a practitioner elsewhere with a grant',
];
const RECORD: readonly CaseName[] = ['the patient', ...CARERS, 'an admin of the home city'];
const STAFF: readonly CaseName[] = ['the practitioner of the slot', 'an admin of the home city', 'an admin of the host city'];
const ADMINS = CASE_NAMES.filter((name) => name.startsWith('an admin'));

/** Who may do what: whoever is not named may not. */
const MAY: Readonly<Record<Action, readonly CaseName[]>> = {
  'patient:read': RECORD,
  'patient:update': RECORD,
  'schedule:read': RECORD,
  'patient:read-name': [...RECORD, 'an admin of a city the patient visits'],
  'patient:delete': ['an admin of the home city'],
  'access:grant': ['the patient', 'an admin of the home city'],
  'patient:create': ['a practitioner of the home city', 'an admin of the home city'],
  'patient:search': ['a practitioner of the home city', 'an admin of the home city'],
  'account:set-role': ['an admin of the home city'],
  'slot:read': CASE_NAMES.filter((name) => name !== 'nobody'),
  'slot:add': ['an admin of the host city'],
  'slot:read-appointments': ['an admin of the host city', 'the practitioner of the slot'],
  'appointment:book': ['the patient', 'an admin of the home city'],
  'appointment:read': ['the patient', ...STAFF],
  'appointment:cancel-as-staff': STAFF,
  'appointment:cancel-as-patient': ['the patient'],
  'file:read': RECORD,
  'file:write': RECORD,
  // What the patient uploaded; see below for what others did.
  'file:delete': RECORD,
  'file:operate': ['an admin of the home city'],
  'audit:read-trail': ['the patient', 'an auditor of the home city', 'an auditor elsewhere with every relation'],
  'audit:read': ['an auditor of the home city', 'an auditor elsewhere with every relation'],
  'graph:introspect': ADMINS,
};
const ACTIONS = Object.keys(MAY) as Action[];

const ask = (action: Action, relation: Relation): Question => {
  const resource = {
    patientId: PATIENT,
    patientCity: HOME,
    relation,
    hostCity: HOST,
    practitionerId: PRACTITIONER,
    isUploader: true,
    city: action.startsWith('slot:') ? HOST : HOME,
  };
  return { action, resource } as Question;
};

describe.each(ACTIONS)('%s', (action) => {
  it.each(CASE_NAMES)('by %s', (name) => {
    const { viewer, relation }: Case = CASES[name];
    const allow = MAY[action].includes(name);
    const reason = viewer === null ? 'unauthenticated' : 'forbidden';
    expect(decide(viewer, ask(action, { ...NO_RELATION, ...relation }))).toEqual(allow ? { allow: true } : { allow: false, reason });
  });
});

const city = fc.constantFrom('MTL', 'QUE', 'SHE');
const anId = (kind: string) => fc.tuple(city, fc.integer({ min: 1, max: 3 })).map(([code, n]) => `${code}-${kind}-${n}`);
const viewers: fc.Arbitrary<PolicyViewer> = fc.record({
  role: fc.constantFrom('P', 'D', 'A', 'U'),
  city,
  patientId: fc.option(anId('pat')),
  practitionerId: fc.option(anId('prc')),
});
const relations: fc.Arbitrary<Relation> = fc.record({ inCare: fc.boolean(), granted: fc.boolean(), visiting: fc.boolean() });
const resources = fc.record({
  patientId: anId('pat'),
  patientCity: city,
  relation: relations,
  hostCity: city,
  practitionerId: fc.option(anId('prc')),
  isUploader: fc.boolean(),
  city,
});
const actions = fc.constantFrom(...ACTIONS);
const allows = (viewer: PolicyViewer | null, action: Action, resource: object): boolean =>
  decide(viewer, { action, resource } as Question).allow;

describe('whatever is asked', () => {
  it('is denied to nobody in particular', () => {
    fc.assert(fc.property(actions, resources, (action, resource) => !allows(null, action, resource)));
  });

  it('is denied to auditors, but for slots and the audit log', () => {
    fc.assert(
      fc.property(viewers, actions, resources, (viewer, action, resource) => {
        const allowed = allows({ ...viewer, role: 'U' }, action, resource);
        return allowed === ['slot:read', 'audit:read', 'audit:read-trail'].includes(action);
      }),
    );
  });

  it('is denied to a patient where it is about anybody else', () => {
    fc.assert(
      fc.property(viewers, actions, resources, (viewer, action, resource) => {
        fc.pre(action !== 'slot:read' && viewer.patientId !== resource.patientId);
        return !allows({ ...viewer, role: 'P' }, action, resource);
      }),
    );
  });

  it('is never allowed by two ids that are both missing', () => {
    fc.assert(
      fc.property(viewers, resources, (viewer, resource) => {
        const practitioner: PolicyViewer = { ...viewer, role: 'D', practitionerId: null };
        return !allows(practitioner, 'appointment:read', { ...resource, practitionerId: null });
      }),
    );
  });

  it('gives an admin of another city no more of a record than its name, however they stand to the patient', () => {
    fc.assert(
      fc.property(viewers, resources, (viewer, resource) => {
        fc.pre(viewer.city !== resource.patientCity);
        const admin: PolicyViewer = { ...viewer, role: 'A' };
        expect(allows(admin, 'patient:read', resource)).toBe(false);
        expect(allows(admin, 'patient:update', resource)).toBe(false);
        expect(allows(admin, 'patient:read-name', resource)).toBe(resource.relation.visiting);
      }),
    );
  });

  it('opens a record to a practitioner of another city only by care or by a grant', () => {
    fc.assert(
      fc.property(viewers, resources, (viewer, resource) => {
        fc.pre(viewer.city !== resource.patientCity);
        const { inCare, granted } = resource.relation;
        return allows({ ...viewer, role: 'D' }, 'patient:read', resource) === (inCare || granted);
      }),
    );
  });

  it('never lets somebody change who may not read', () => {
    fc.assert(
      fc.property(viewers, resources, (viewer, resource) => {
        for (const action of ['patient:update', 'patient:delete'] as const)
          if (allows(viewer, action, resource)) expect(allows(viewer, 'patient:read', resource)).toBe(true);
        for (const action of ['file:write', 'file:delete'] as const)
          if (allows(viewer, action, resource)) expect(allows(viewer, 'file:read', resource)).toBe(true);
        if (allows(viewer, 'appointment:cancel-as-staff', resource)) expect(allows(viewer, 'appointment:read', resource)).toBe(true);
      }),
    );
  });

  it('opens files to nobody whom the record is not open to', () => {
    fc.assert(
      fc.property(viewers, resources, (viewer, resource) => {
        for (const action of ['file:read', 'file:write', 'file:delete'] as const)
          if (allows(viewer, action, resource)) expect(allows(viewer, 'patient:read', resource)).toBe(true);
      }),
    );
  });

  it('lets a patient take out of the record what they put in, and nothing else', () => {
    fc.assert(
      fc.property(viewers, resources, (viewer, resource) => {
        const patient: PolicyViewer = { ...viewer, role: 'P', patientId: resource.patientId };
        return allows(patient, 'file:delete', resource) === resource.isUploader;
      }),
    );
  });

  it('depends on nothing but what is given', () => {
    fc.assert(
      fc.property(fc.option(viewers), actions, resources, (viewer, action, resource) => {
        const frozen = Object.freeze(structuredClone(resource));
        expect(decide(viewer, { action, resource: frozen } as Question)).toEqual(decide(viewer, { action, resource } as Question));
      }),
    );
  });

  it('is not answered at all where no rule names it', () => {
    fc.assert(
      fc.property(viewers, fc.string(), (viewer, action) => {
        fc.pre(!(ACTIONS as string[]).includes(action));
        expect(() => decide(viewer, { action } as never)).toThrow('unreachable');
      }),
    );
  });
});
