import { hash } from 'node:crypto';
import type { Named } from '#platform/database/city-database.ts';
import { newId } from '#platform/database/new-id.ts';
import { randomBytesOf } from '#platform/database/random-bytes.ts';
import { loginSubject, type SubjectKeys } from '#platform/subjects/subject-keys.ts';
import { isClearId, isHash, requireName, requireRequestId } from './clear-text.ts';
import { makeSealer, SALT_BYTES } from './sealed.ts';

export { SALT_BYTES };

/** Outcome of an act. https://hl7.org/fhir/R4/valueset-audit-event-outcome.html */
export const Outcome = { SUCCESS: 0, REFUSED: 4, DENIED: 8, FAILED: 12 } as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** What was done: create, read, update, delete, execute. https://hl7.org/fhir/R4/valueset-audit-event-action.html */
export type AuditAction = 'C' | 'R' | 'U' | 'D' | 'E';

/** Who acted, as far as the system knows: role and city of the account, and its id (a personal value). */
export type AuditActor = { readonly role: string; readonly city: string | null; readonly accountId: string | null };

/**
 * What an act was about. `sha256` (hex) is the hash of the version that was read or written. `id` stands in the leaf where it has the form in which
 * things of the kind are named here and something bears it, and is committed to where it is a person's or anything else: see `isClearId`.
 */
export type AuditEntity = { readonly kind: string; readonly id: string | null; readonly sha256?: string };

/**
 * One act. `act` is its name in the graph (`bookAppointment`, `patient`), `reason` the refusal or error code where it did not succeed,
 * `purpose` a code of https://terminology.hl7.org/CodeSystem-v3-ActReason.html. All of these, role, kind, and the names of `values` are names that the code gives, and stand in the
 * leaf for everybody to read. Shape after IHE BALP.
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
  /** Further personal values, committed to in the leaf and sealed beside it. */
  readonly values?: Readonly<Record<string, string>>;
  /** Of a reading: its entry waited in a spool until the city's primary was back. */
  readonly spooled?: boolean;
};

/** Column list of an entry, in the order of `toAuditValues`. */
export const AUDIT_COLUMNS = 'city, event_id, recorded_at, act, action, outcome, actor_tag, patient_tag, sealed, body';
/** SQL types of those columns. */
export const AUDIT_TYPES: readonly string[] = [
  'text',
  'text',
  'timestamptz',
  'text',
  'text',
  'smallint',
  'bytea',
  'bytea',
  'bytea',
  'bytea',
];
/** What stands in such a column. */
export type AuditValue = string | number | null | Date | Uint8Array;
/** Place of `recorded_at` among them. */
export const RECORDED_AT = 2;
/** How many parameters an entry takes. */
export const AUDIT_PARAMETERS = AUDIT_TYPES.length;

/** The parameters of an entry as SQL, `$first …`, typed, for use in `INSERT INTO audit.entry (AUDIT_COLUMNS) SELECT … FROM act`. */
export const auditParameters = (first: number): string => AUDIT_TYPES.map((type, i) => `$${first + i}::${type}`).join(', ');

/**
 * Commitment to a value: SHA-256 of a fresh salt of 16 bytes and the value's UTF-8, hex. Without the salt it tells nothing of the value;
 * the salt's fixed length leaves no two readings.
 */
export const commitTo = (value: string, salt: Uint8Array): string => {
  if (salt.length !== SALT_BYTES) throw new Error(`a salt has ${SALT_BYTES} bytes`);
  return hash('sha256', Buffer.concat([salt, Buffer.from(value, 'utf8')]), 'hex');
};

/**
 * Kinds whose hash is committed to. The hash of a person's record or file tells whoever guesses what it says that the guess is right; that of an
 * appointment whose it is, as nothing else in it is unknown; that of an imported file whom it was about.
 */
const GUESSABLE: readonly string[] = ['Patient', 'Account', 'Appointment', 'MedicalFile', 'File'];
/** Names of values that are login names. */
const LOGIN_NAMES: readonly string[] = ['value:username', 'value:renamed'];
/** Values of nobody in particular stand under this subject, which is never erased. */
const NOBODY = 'nobody';

/**
 * Whose a value is, by its commitment's name: the id of the account or patient, or `login:NAME` for a login name that no account of the entry
 * has. Whoever erases that subject takes the value away.
 */
export const subjectOf = (
  { actorId, patientId, entities }: { actorId: string | null; patientId: string | null; entities: readonly AuditEntity[] },
  name: string,
  value: string,
): string => {
  if (name === 'actor') return value;
  if (name === 'patient') return value;
  const [, index] = /^entity(\d+)(?::sha256)?$/.exec(name) ?? [];
  const entity = index === undefined ? undefined : entities[Number(index)];
  if (entity && (entity.kind === 'Patient' || entity.kind === 'Account') && entity.id !== null) return entity.id;
  if (LOGIN_NAMES.includes(name)) return entities.find(({ kind, id }) => kind === 'Account' && id !== null)?.id ?? loginSubject(value);
  return patientId ?? actorId ?? NOBODY;
};

/**
 * Freezes an event: draws its id and the salts, commits to its personal values, and writes the rest as RFC 8785 bytes (at most 65,535). Salts and
 * values are sealed beside it, each under its subject's key; a subject whose key was destroyed is committed to and disclosed nowhere.
 * `subjects` are those of the event's city. Returns the values of `AUDIT_COLUMNS`. Must be inserted in the act's own transaction. Throws `RangeError`
 * where a name is none, as it may be a text that somebody typed.
 */
export const toAuditValues = (event: AuditEvent, subjects: SubjectKeys, eventId = newId(event.city, 'evt')): readonly AuditValue[] => {
  const recordedAt = new Date();
  const sealer = makeSealer(eventId, subjects);
  const { accountId: actorId } = event.actor;
  const patientId = event.patientId ?? null;
  const entities = event.entities ?? [];
  const about = { actorId, patientId, entities };
  const commit = (name: string, value: string | null | undefined): string | null => {
    if (value === null || value === undefined) return null;
    const salt = randomBytesOf(SALT_BYTES);
    sealer.add(subjectOf(about, name, value), name, salt, value);
    return `cm:${commitTo(value, salt)}`;
  };
  const values = event.values ?? {};
  // Names stand in the order of RFC 8785 already, and no number needs its care: so plain JSON is canonical, in a fifth of the time of the whole.
  const body = {
    act: requireName('the act', event.act),
    action: event.action,
    agent: [
      {
        city: event.actor.city === null ? null : requireName('the city', event.actor.city),
        requestor: true,
        role: requireName('the role', event.actor.role),
        who: commit('actor', actorId),
      },
      { requestor: false, role: 'SUBGRAPH', who: requireName('the observer', event.observer) },
    ],
    city: requireName('the city', event.city),
    entities: entities.map(({ kind, id, sha256 }, i) => {
      requireName('the kind', kind);
      const isBorne = event.outcome === Outcome.SUCCESS || sha256 !== undefined;
      const what = id === null || isClearId(kind, id, isBorne) ? id : commit(`entity${i}`, id);
      if (sha256 === undefined) return { kind, what };
      return { kind, sha256: GUESSABLE.includes(kind) || !isHash(sha256) ? commit(`entity${i}:sha256`, sha256) : sha256, what };
    }),
    id: eventId,
    outcome: String(event.outcome),
    patient: commit('patient', patientId),
    purpose: requireName('the purpose', event.purpose),
    reason: event.reason === undefined ? undefined : requireName('the reason', event.reason),
    recorded: recordedAt.toISOString(),
    requestId: requireRequestId(event.requestId),
    source: { observer: `${event.city}.${event.observer}`, type: '4' },
    spooled: event.spooled ? true : undefined,
    type: { code: 'rest', system: 'http://terminology.hl7.org/CodeSystem/audit-event-type' },
    v: 1,
    values: Object.fromEntries(
      Object.keys(values)
        .sort()
        .map((name) => [requireName('the value', name), commit(`value:${name}`, values[name])]),
    ),
  };
  return [
    event.city,
    eventId,
    recordedAt,
    event.act,
    event.action,
    event.outcome,
    actorId === null ? null : sealer.tagOf(actorId),
    patientId === null ? null : sealer.tagOf(patientId),
    sealer.seal(),
    Buffer.from(JSON.stringify(body), 'utf8'),
  ];
};

/** Appends one entry by itself: for refusals, denials and reads, which change nothing else. */
export const APPEND_AUDIT: Named = {
  name: 'append_audit',
  text: `INSERT INTO audit.entry (${AUDIT_COLUMNS}) VALUES (${auditParameters(1)})`,
};
