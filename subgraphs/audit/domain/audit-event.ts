/** Names of the graph and codes of the entry. https://hl7.org/fhir/R4/valueset-audit-event-action.html */
export const ACTION_CODES = { CREATE: 'C', READ: 'R', UPDATE: 'U', DELETE: 'D', EXECUTE: 'E' } as const;
export type ActionName = keyof typeof ACTION_CODES;

/** https://hl7.org/fhir/R4/valueset-audit-event-outcome.html */
export const OUTCOME_CODES = { SUCCESS: 0, MINOR_FAILURE: 4, SERIOUS_FAILURE: 8, MAJOR_FAILURE: 12 } as const;
export type OutcomeName = keyof typeof OUTCOME_CODES;

/** One act as auditors see it. Personal values are null once they were erased. */
export type SeenEvent = {
  readonly id: string;
  readonly cityCode: string;
  readonly recordedAt: Date;
  readonly action: ActionName;
  readonly act: string;
  readonly outcome: OutcomeName;
  readonly reason: string | null;
  readonly purpose: string;
  readonly agent: { readonly role: string; readonly city: string | null; readonly accountId: string | null };
  readonly entities: readonly { readonly kind: string; readonly id: string | null; readonly sha256: string | null }[];
  readonly patientId: string | null;
  readonly requestId: string;
  /** The frozen bytes as text. */
  readonly leaf: string;
};

/** The leaf of an entry: what stands in its frozen bytes. Texts that begin with `cm:` are commitments to personal values. */
export type Leaf = {
  readonly id: string;
  readonly recorded: string;
  readonly city: string;
  readonly act: string;
  readonly action: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly purpose: string;
  readonly agent: readonly {
    readonly role: string;
    readonly city?: string | null;
    readonly who: string | null;
    readonly requestor: boolean;
  }[];
  readonly patient: string | null;
  readonly entities: readonly { readonly kind: string; readonly what: string | null; readonly sha256?: string }[];
  readonly requestId: string;
};

/** The value that a commitment stands for, by its name beside the leaf; null once erased, or where what is disclosed does not match. */
export type Disclose = (name: string, commitment: string | null) => string | null;

const nameOf = <N extends string>(codes: Readonly<Record<N, string | number>>, code: string): N => {
  for (const name of Object.keys(codes) as N[]) if (String(codes[name]) === code) return name;
  throw new Error('the leaf of an audit entry holds an unknown code');
};

/** Reads a leaf with what is still disclosed of it. Everything shown comes from the leaf, which cannot change unnoticed. Throws on unknown codes. */
export const toSeenEvent = (text: string, disclose: Disclose): SeenEvent => {
  const leaf = JSON.parse(text) as Leaf;
  const actor = leaf.agent.find(({ requestor }) => requestor);
  return {
    id: leaf.id,
    cityCode: leaf.city,
    recordedAt: new Date(leaf.recorded),
    action: nameOf(ACTION_CODES, leaf.action),
    act: leaf.act,
    outcome: nameOf(OUTCOME_CODES, leaf.outcome),
    reason: leaf.reason ?? null,
    purpose: leaf.purpose,
    agent: { role: actor?.role ?? 'ANONYMOUS', city: actor?.city ?? null, accountId: disclose('actor', actor?.who ?? null) },
    entities: leaf.entities.map(({ kind, what, sha256 }, i) => ({
      kind,
      id: what?.startsWith('cm:') ? disclose(`entity${i}`, what) : what,
      // Entries from before the hashes of people's records were committed to hold them as they are.
      sha256: sha256?.startsWith('cm:') ? disclose(`entity${i}:sha256`, sha256) : (sha256 ?? null),
    })),
    patientId: disclose('patient', leaf.patient),
    requestId: leaf.requestId,
    leaf: text,
  };
};

const PERSONS = ['Patient', 'Account'];
/** The same event as the patient sees it whom it is about: other people that it was about as well stay unnamed. */
export const forPatient = (event: SeenEvent, patientId: string): SeenEvent => ({
  ...event,
  entities: event.entities.map((entity) =>
    PERSONS.includes(entity.kind) && entity.id !== patientId ? { ...entity, id: null, sha256: null } : entity,
  ),
});
