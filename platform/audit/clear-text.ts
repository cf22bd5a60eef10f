import { isId } from '#platform/pure/id.ts';

/** Names that the code itself gives: of acts, kinds, roles, refusals, values. */
const NAME = /^[A-Za-z][A-Za-z0-9_.]{0,127}$/;
const REQUEST_ID = /^[0-9A-Za-z-]{1,64}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** Names that were looked at already; they are few, and the same ones again and again. */
const known = new Set<string>();
const MAX_KNOWN = 1_000;
const isName = (text: string): boolean => {
  if (known.has(text)) return true;
  if (!NAME.test(text)) return false;
  if (known.size < MAX_KNOWN) known.add(text);
  return true;
};

/** What operators name, never callers: origins and keys of logs, keys that wrap others. */
const OF_OPERATORS = /^[!-~]{1,512}$/;
const INSTANT = '"\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z"';
/** Kinds that are named by something else than an id of ours, and the one form of it that may be read by everybody. */
const FORMS: ReadonlyMap<string, RegExp> = new Map([
  ['AuditLog', OF_OPERATORS],
  ['AuditLogShard', OF_OPERATORS],
  ['KeyEncryptionKey', OF_OPERATORS],
  ['AuditLogAlarm', /^[A-Z]{3}-alarm-[1-9]\d{0,17}$/],
  ['SubjectKey', /^[0-9a-f]{32}$/],
  ['Range', /^bytes \d{1,16}-\d{1,16}\/\d{1,16}$/],
  // Without the name of an act, which the auditor types.
  [
    'AuditExport',
    new RegExp(
      `^\\{"count":\\d{1,4}(,"city":"[A-Z]{3}")?(,"action":"[CRUDE]")?(,"outcome":\\d{1,2})?(,"from":${INSTANT})?(,"to":${INSTANT})?\\}$`,
    ),
  ],
]);
/** Kinds whose ids are people's. */
const PERSONS: ReadonlySet<string> = new Set(['Patient', 'Account']);

/**
 * Whether the id of what an act was about may stand in the leaf, where everybody can read it for ever: only in the form in which this house names
 * things of that kind, and never a person's. Whatever else was put there, somebody may have typed; and so may an id of ours that nothing was found under,
 * with a telephone number in its 26 letters. So `isBorne` says whether something has it: the act was done, or the version that it met is told.
 */
export const isClearId = (kind: string, id: string, isBorne: boolean): boolean => {
  if (PERSONS.has(kind)) return false;
  const form = FORMS.get(kind);
  return form === undefined ? isBorne && isId(id) : form.test(id);
};

/** Whether a text is a SHA-256 in hexadecimal; another one is no hash, and may say anything. */
export const isHash = (text: string): boolean => SHA256.test(text);

/** Passes on a name that the code gave. Throws `RangeError` for a text that is none: it may be a caller's, and the leaf keeps it for ever. */
export const requireName = (what: string, text: string): string => {
  if (!isName(text)) throw new RangeError(`${what} of an audit entry is no name`);
  return text;
};

/** The same for the id of a request, which this house draws itself. */
export const requireRequestId = (text: string): string => {
  if (!REQUEST_ID.test(text)) throw new RangeError('the request id of an audit entry is none');
  return text;
};
