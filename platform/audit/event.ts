import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { Named } from '#platform/database/city-database.ts';
import { newId } from '#platform/database/new-id.ts';
import { randomBytesOf } from '#platform/database/random-bytes.ts';

/** Outcome of an act. https://hl7.org/fhir/R4/valueset-audit-event-outcome.html */
export const Outcome = { SUCCESS: 0, REFUSED: 4, DENIED: 8, FAILED: 12 } as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** What was done: create, read, update, delete, execute. https://hl7.org/fhir/R4/valueset-audit-event-action.html */
export type AuditAction = 'C' | 'R' | 'U' | 'D' | 'E';

/** Who acted, as far as the system knows: role and city of the account, and its id (a personal value). */
export type AuditActor = { readonly role: string; readonly city: string | null; readonly accountId: string | null };

/** What an act was about. `sha256` (hex) is the hash of the version that was read or written. */
export type AuditEntity = { readonly kind: string; readonly id: string | null; readonly sha256?: string };

/**
 * One act. `act` is its name in the graph (`bookAppointment`, `patient`), `reason` the refusal or error code where it did not succeed,
 * `purpose` a code of https://terminology.hl7.org/CodeSystem-v3-ActReason.html. Shape after IHE BALP.
 */
export type AuditEvent = {
  readonly city: string;
  readonly observer: string;
  readonly act: string;
  readonly action: AuditAction;
  readonly outcome: Outcome;
  readonly reason?: string;
  readonly purpose: string;
  readonly actor: AuditActor;
  readonly patientId?: string | null;
  readonly entities?: readonly AuditEntity[];
  readonly requestId: string;
  /** Further personal values, committed to in the leaf and disclosed beside it. */
  readonly values?: Readonly<Record<string, string>>;
};

/** Column list of an entry, in the order of `toAuditValues`. */
export const AUDIT_COLUMNS = 'city, event_id, recorded_at, act, action, outcome, actor_id, patient_id, disclosure, body';
/** SQL types of those columns. */
const AUDIT_TYPES = ['text', 'text', 'timestamptz', 'text', 'text', 'smallint', 'text', 'text', 'jsonb', 'bytea'];
/** How many parameters an entry takes. */
export const AUDIT_PARAMETERS = AUDIT_TYPES.length;

/** The parameters of an entry as SQL, `$first …`, typed, for use in `INSERT INTO audit.entry (AUDIT_COLUMNS) SELECT … FROM act`. */
export const auditParameters = (first: number): string => AUDIT_TYPES.map((type, i) => `$${first + i}::${type}`).join(', ');

/** Length of a commitment's salt. */
export const SALT_BYTES = 16;
/**
 * Commitment to a value: SHA-256 of a fresh salt of 16 bytes and the value's UTF-8, hex. Without the salt it tells nothing of the value;
 * the salt's fixed length leaves no two readings.
 */
export const commitTo = (value: string, salt: Uint8Array): string => {
  if (salt.length !== SALT_BYTES) throw new Error(`a salt has ${SALT_BYTES} bytes`);
  return hash('sha256', Buffer.concat([salt, Buffer.from(value, 'utf8')]), 'hex');
};

/**
 * Freezes an event: draws its id and the salts, commits to its personal values, and writes the rest as RFC 8785 bytes (at most 65,535).
 * Returns the values of `AUDIT_COLUMNS`. Must be inserted in the act's own transaction.
 */
export const toAuditValues = (event: AuditEvent): readonly unknown[] => {
  const eventId = newId(event.city, 'evt');
  const recordedAt = new Date();
  const disclosure: Record<string, { salt: string; value: string }> = {};
  const commit = (name: string, value: string | null | undefined): string | null => {
    if (value === null || value === undefined) return null;
    const salt = randomBytesOf(SALT_BYTES);
    disclosure[name] = { salt: salt.toString('base64url'), value };
    return `cm:${commitTo(value, salt)}`;
  };
  const body = {
    v: 1,
    id: eventId,
    recorded: recordedAt.toISOString(),
    city: event.city,
    type: { system: 'http://terminology.hl7.org/CodeSystem/audit-event-type', code: 'rest' },
    act: event.act,
    action: event.action,
    outcome: String(event.outcome),
    ...(event.reason === undefined ? {} : { reason: event.reason }),
    purpose: event.purpose,
    agent: [
      { role: event.actor.role, city: event.actor.city, who: commit('actor', event.actor.accountId), requestor: true },
      { role: 'SUBGRAPH', who: event.observer, requestor: false },
    ],
    source: { observer: `${event.city}.${event.observer}`, type: '4' },
    patient: commit('patient', event.patientId),
    entities: (event.entities ?? []).map((entity, i) => {
      const { kind, id, sha256 } = entity;
      // The hash of a person's record or file tells whoever guesses what it says that the guess is right, so it is committed to.
      const isPerson = kind === 'Patient' || kind === 'Account';
      const isGuessable = isPerson || kind === 'MedicalFile';
      return {
        kind,
        what: isPerson ? commit(`entity${i}`, id) : id,
        ...(sha256 === undefined ? {} : { sha256: isGuessable ? commit(`entity${i}:sha256`, sha256) : sha256 }),
      };
    }),
    values: Object.fromEntries(Object.entries(event.values ?? {}).map(([name, value]) => [name, commit(`value:${name}`, value)])),
    requestId: event.requestId,
  };
  const bytes = Buffer.from(canonicalize(body) ?? '', 'utf8');
  return [
    event.city,
    eventId,
    recordedAt,
    event.act,
    event.action,
    event.outcome,
    event.actor.accountId,
    event.patientId ?? null,
    JSON.stringify(disclosure),
    bytes,
  ];
};

/** Appends one entry by itself: for refusals, denials and reads, which change nothing else. */
export const APPEND_AUDIT: Named = {
  name: 'append_audit',
  text: `INSERT INTO audit.entry (${AUDIT_COLUMNS}) VALUES (${auditParameters(1)})`,
};
