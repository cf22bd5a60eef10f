import type { SigningKey } from '#platform/config/secrets.ts';
import { makeNoteSigner, makeNoteVerifier, type NoteSigner, type NoteVerifier } from '#platform/tlog/note.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';

/** The key of a city's log: it signs checkpoints of this origin. `vkey` is its public half as verifiers take it. */
export type LogKey = { readonly origin: string; readonly vkey: string; readonly signer: NoteSigner; readonly verifier: NoteVerifier };

/** Opens a log's key. Throws where its private half is not 32 bytes, or its public half not that of the private one. */
export const openLogKey = ({ kid, privateJwk, publicJwk }: SigningKey): LogKey => {
  const key = openSigningKey(Buffer.from(privateJwk['d'] ?? '', 'base64url'));
  if (Buffer.from(key.publicKey).toString('base64url') !== publicJwk['x'])
    throw new Error('the halves of a log key do not belong together');
  const signer = makeNoteSigner(kid, key);
  return { origin: kid, vkey: signer.vkey, signer, verifier: makeNoteVerifier(signer.vkey) };
};
