import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import { randomBytesOf } from '#platform/database/random-bytes.ts';
import { type SubjectKeys, TAG_BYTES } from '#platform/subjects/subject-keys.ts';

/** A value that an entry commits to, by the commitment's name, with its salt of 16 bytes. */
export type Disclosed = { readonly salt: Buffer; readonly value: string };

/** Length of a commitment's salt. */
export const SALT_BYTES = 16;
const FORM = 1;
const NONCE_BYTES = 12;
const AUTH_BYTES = 16;
const HEAD_BYTES = TAG_BYTES + NONCE_BYTES + 4;
const MAX_NAME = 255;
const MAX_VALUE = 65_535;

/** One value as it stands in the plaintext: length of the name (1 byte), name, salt (16), length of the value (2), value, both in UTF-8. */
const toField = (name: string, salt: Uint8Array, value: string): Buffer => {
  const nameBytes = Buffer.byteLength(name);
  const valueBytes = Buffer.byteLength(value);
  if (nameBytes > MAX_NAME || valueBytes > MAX_VALUE)
    throw new RangeError(`a value of an audit entry has at most ${MAX_VALUE} bytes, its name ${MAX_NAME}`);
  const field = Buffer.allocUnsafe(1 + nameBytes + SALT_BYTES + 2 + valueBytes);
  field[0] = nameBytes;
  field.write(name, 1);
  field.set(salt, 1 + nameBytes);
  field.writeUInt16BE(valueBytes, 1 + nameBytes + SALT_BYTES);
  field.write(value, 1 + nameBytes + SALT_BYTES + 2);
  return field;
};
const readFields = (plain: Buffer, into: Map<string, Disclosed>): void => {
  for (let at = 0; at < plain.length; ) {
    const nameEnd = at + 1 + (plain[at] ?? 0);
    const valueAt = nameEnd + SALT_BYTES + 2;
    if (valueAt > plain.length) return;
    const end = valueAt + plain.readUInt16BE(valueAt - 2);
    if (end > plain.length) return;
    into.set(plain.toString('utf8', at + 1, nameEnd), {
      salt: plain.subarray(nameEnd, nameEnd + SALT_BYTES),
      value: plain.toString('utf8', valueAt, end),
    });
    at = end;
  }
};

/** What the ciphertext of a subject is bound to: the entry's id and the subject's tag. */
const boundTo = (eventId: string, tag: Uint8Array): Buffer => {
  const bound = Buffer.allocUnsafe(eventId.length + TAG_BYTES);
  bound.write(eventId, 'latin1');
  bound.set(tag, eventId.length);
  return bound;
};

type Group = { readonly subject: string; readonly tag: Buffer; readonly key: KeyObject | null; fields: Buffer[] };

/**
 * Seals the values of one entry: a byte 1, then for each subject its tag (16), a random nonce (12), the ciphertext's length (4, high byte first),
 * the ciphertext and its authentication tag (16): AES-256-GCM under the subject's key, bound to the event's id and the tag.
 */
export const makeSealer = (eventId: string, subjects: SubjectKeys) => {
  const groups: Group[] = [];
  /** Each subject is asked for once: what is looked up costs as much as what is sealed. */
  const groupOf = (subject: string): Group => {
    for (const group of groups) if (group.subject === subject) return group;
    const tag = subjects.tagOf(subject);
    const group = { subject, tag, key: subjects.keyOf(tag), fields: [] };
    groups.push(group);
    return group;
  };
  return {
    /** The subject's tag; null where its key was destroyed. */
    tagOf: (subject: string): Buffer | null => {
      const { tag, key } = groupOf(subject);
      return key === null ? null : tag;
    },
    /** Puts a value among the subject's; left out where the subject's key was destroyed. */
    add: (subject: string, name: string, salt: Uint8Array, value: string): void => {
      const { key, fields } = groupOf(subject);
      if (key !== null) fields.push(toField(name, salt, value));
    },
    seal: (): Buffer => {
      const pieces: Uint8Array[] = [Uint8Array.of(FORM)];
      for (const { tag, key, fields } of groups) {
        const [first] = fields;
        if (key === null || first === undefined) continue;
        const head = Buffer.allocUnsafe(HEAD_BYTES);
        const nonce = randomBytesOf(NONCE_BYTES);
        const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(boundTo(eventId, tag));
        const sealed = cipher.update(fields.length === 1 ? first : Buffer.concat(fields));
        cipher.final();
        head.set(tag, 0);
        head.set(nonce, TAG_BYTES);
        head.writeUInt32BE(sealed.length, TAG_BYTES + NONCE_BYTES);
        pieces.push(head, sealed, cipher.getAuthTag());
      }
      return Buffer.concat(pieces);
    },
  };
};

/**
 * Opens what can still be opened of an entry's sealed values, by name. What was shredded, or is not as it was written, is left out; nothing
 * throws. Whether a value is the one committed to shows against the leaf alone.
 */
export const openSealed = (sealed: Uint8Array, eventId: string, subjects: Pick<SubjectKeys, 'keyOf'>): Map<string, Disclosed> => {
  const values = new Map<string, Disclosed>();
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
  if (bytes[0] !== FORM) return values;
  for (let at = 1; at + HEAD_BYTES + AUTH_BYTES <= bytes.length; ) {
    const from = at + HEAD_BYTES;
    const to = from + bytes.readUInt32BE(from - 4);
    if (to + AUTH_BYTES > bytes.length) break;
    const tag = bytes.subarray(at, at + TAG_BYTES);
    const key = subjects.keyOf(tag);
    if (key !== null) {
      const nonce = bytes.subarray(at + TAG_BYTES, at + TAG_BYTES + NONCE_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: AUTH_BYTES }).setAAD(boundTo(eventId, tag));
      decipher.setAuthTag(bytes.subarray(to, to + AUTH_BYTES));
      try {
        const plain = decipher.update(bytes.subarray(from, to));
        decipher.final();
        readFields(plain, values);
      } catch {
        // Not as it was written; the values behind it are as good as shredded.
      }
    }
    at = to + AUTH_BYTES;
  }
  return values;
};
