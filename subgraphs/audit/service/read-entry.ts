import { createHash, timingSafeEqual } from 'node:crypto';
import { commitTo, SALT_BYTES } from '#platform/audit/event.ts';
import { type Disclosed, openSealed } from '#platform/audit/sealed.ts';
import type { SubjectKeys } from '#platform/subjects/subject-keys.ts';
import { type Disclose, type SeenEvent, toSeenEvent } from '../domain/audit-event.ts';
import type { EntryRow, OpenDisclosure } from '../store/entry-store.ts';

const matches = (commitment: string, { value, salt }: Disclosed): boolean => {
  if (salt.length !== SALT_BYTES) return false;
  const expected = Buffer.from(`cm:${commitTo(value, salt)}`);
  const given = Buffer.from(commitment);
  return given.length === expected.length && timingSafeEqual(given, expected);
};

/** Opens commitments with what is disclosed beside the leaf, and only where the two match. */
const makeDisclose =
  (disclosed: ReadonlyMap<string, Disclosed>): Disclose =>
  (name, commitment) => {
    const found = disclosed.get(name);
    return commitment !== null && found && matches(commitment, found) ? found.value : null;
  };

/** What a row from before holds open. */
const fromOpen = (disclosure: OpenDisclosure): Map<string, Disclosed> =>
  new Map(
    Object.entries(disclosure).map(([name, { salt, value }]) => [
      name,
      { salt: Buffer.from(String(salt), 'base64url'), value: String(value) },
    ]),
  );

/**
 * Reads an entry of a city as auditors see it: the leaf, and of its personal values those that still open with the city's subject keys and
 * match their commitment.
 */
export const readEntry = (
  { eventId, body, sealed, disclosure }: Pick<EntryRow, 'eventId' | 'body' | 'sealed' | 'disclosure'>,
  subjects: Pick<SubjectKeys, 'keyOf'>,
): SeenEvent =>
  toSeenEvent(
    Buffer.from(body).toString('utf8'),
    makeDisclose(sealed !== null ? openSealed(sealed, eventId, subjects) : fromOpen(disclosure ?? {})),
  );

/** SHA-256 of an entry's leaf, hexadecimal. */
export const leafHash = ({ body }: Pick<EntryRow, 'body'>): string => createHash('sha256').update(body).digest('hex');
