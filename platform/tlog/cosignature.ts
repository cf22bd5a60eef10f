import { concatBytes, toUtf8 } from './bytes.ts';
import { parseCheckpoint } from './checkpoint.ts';
import { makeEd25519Verifier, SIGNATURE_BYTES } from './crypto.ts';
import { formatVerifierKey, type NoteSignature, type NoteVerifier, parseVerifierKey, SignatureType, toVerifierKey } from './note.ts';
import type { SigningKey } from './signing-key.ts';
import { malformed, TlogError } from './tlog-error.ts';

const TIMESTAMP_BYTES = 8;

/** What a witness signs: when, and the checkpoint's text whole. https://c2sp.org/tlog-cosignature */
const messageOf = (text: string, seconds: number): Uint8Array => toUtf8(`cosignature/v1\ntime ${seconds}\n${text}`);

const isCheckpoint = (text: string): boolean => {
  try {
    parseCheckpoint(text);
    return true;
  } catch (error) {
    if (error instanceof TlogError) return false;
    throw error;
  }
};

/** Latest second that a `Date` can hold, in the year 275760. */
const MAX_SECONDS = 8_640_000_000_000n;

/** Seconds since 1970 that a cosignature says; null where it is none, or says a time that no `Date` holds. */
export const timeOfCosignature = (bytes: Uint8Array): number | null => {
  if (bytes.length !== TIMESTAMP_BYTES + SIGNATURE_BYTES) return null;
  const seconds = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
  return seconds <= MAX_SECONDS ? Number(seconds) : null;
};

/** Verifies a witness's cosignatures, type 0x04, on checkpoints alone. Throws `malformed` for anything but such a key. */
export const makeCosignatureVerifier = (vkey: string): NoteVerifier => {
  const { name, keyId, type, publicKey } = parseVerifierKey(vkey);
  if (type !== SignatureType.COSIGNATURE_V1) throw malformed('the verifier key is not one of a witness (type 04)');
  const verify = makeEd25519Verifier(publicKey);
  return {
    name,
    keyId,
    verify: async (text, bytes) => {
      const seconds = timeOfCosignature(bytes);
      return seconds !== null && isCheckpoint(text) && verify(messageOf(text, seconds), bytes.subarray(TIMESTAMP_BYTES));
    },
  };
};

/** A witness's key at work. Who calls it has checked that the checkpoint follows the last one that the witness cosigned. */
export type Cosigner = {
  readonly name: string;
  readonly keyId: string;
  readonly vkey: string;
  /** Cosigns a checkpoint's text. `at` is the time now. Throws `malformed` for a text that is no checkpoint. */
  readonly cosign: (text: string, at: Date) => Promise<NoteSignature>;
};

export const makeCosigner = (name: string, key: SigningKey): Cosigner => {
  const own = toVerifierKey(name, SignatureType.COSIGNATURE_V1, key.publicKey);
  return {
    name,
    keyId: own.keyId,
    vkey: formatVerifierKey(own),
    cosign: async (text, at) => {
      parseCheckpoint(text);
      const seconds = Math.floor(at.getTime() / 1000);
      if (!Number.isSafeInteger(seconds) || seconds < 1) throw new RangeError('at: must be a time after 1970');
      const timestamp = new Uint8Array(TIMESTAMP_BYTES);
      new DataView(timestamp.buffer).setBigUint64(0, BigInt(seconds));
      return { name, keyId: own.keyId, bytes: concatBytes(timestamp, await key.sign(messageOf(text, seconds))) };
    },
  };
};
