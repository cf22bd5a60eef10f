import { createHash, timingSafeEqual } from 'node:crypto';
import { commitTo, SALT_BYTES } from '#platform/audit/event.ts';
import { type Disclose, type SeenEvent, toSeenEvent } from '../domain/audit-event.ts';
import type { EntryRow } from '../store/entry-store.ts';

const matches = (commitment: string, value: string, salt: string): boolean => {
  const bytes = Buffer.from(salt, 'base64url');
  if (bytes.length !== SALT_BYTES) return false;
  const expected = Buffer.from(`cm:${commitTo(value, bytes)}`);
  const given = Buffer.from(commitment);
  return given.length === expected.length && timingSafeEqual(given, expected);
};

/** Opens commitments with what stands beside the leaf, and only where the two match. */
export const makeDisclose =
  (disclosure: EntryRow['disclosure']): Disclose =>
  (name, commitment) => {
    if (commitment === null) return null;
    const disclosed = Object.hasOwn(disclosure, name) ? disclosure[name] : undefined;
    if (typeof disclosed?.salt !== 'string' || typeof disclosed.value !== 'string') return null;
    return matches(commitment, disclosed.value, disclosed.salt) ? disclosed.value : null;
  };

/** Reads an entry as auditors see it: the leaf, and of its personal values those that are disclosed and match their commitment. */
export const readEntry = ({ body, disclosure }: Pick<EntryRow, 'body' | 'disclosure'>): SeenEvent =>
  toSeenEvent(Buffer.from(body).toString('utf8'), makeDisclose(disclosure));

/** SHA-256 of an entry's leaf, hexadecimal. */
export const leafHash = ({ body }: Pick<EntryRow, 'body'>): string => createHash('sha256').update(body).digest('hex');
