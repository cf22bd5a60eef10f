import type { SigningKey } from '#platform/config/secrets.ts';
import { makeNoteSigner, makeNoteVerifier, type NoteSigner, type NoteVerifier } from '#platform/tlog/note.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';

/** What a shard's checkpoints are checked with: the name of its log and the public half of its key, `vkey` as verifiers take it. */
export type LogVerifier = { readonly origin: string; readonly vkey: string; readonly verifier: NoteVerifier };
/** The key of a shard of a city's log: it signs checkpoints of this origin. */
export type LogKey = LogVerifier & { readonly signer: NoteSigner };

/** Name of a shard's log: the city's own for the first one, then that with the number behind it. */
export const originOfShard = (base: string, shard: number): string => (shard === 1 ? base : `${base}/${shard}`);

/** A key under the name of a log. Throws where its private half is not 32 bytes, or its public half not that of the private one. */
export const openLogKey = ({ kid, privateJwk, publicJwk }: SigningKey, origin = kid): LogKey => {
  const key = openSigningKey(Buffer.from(privateJwk['d'] ?? '', 'base64url'));
  if (Buffer.from(key.publicKey).toString('base64url') !== publicJwk['x'])
    throw new Error('the halves of a log key do not belong together');
  const signer = makeNoteSigner(origin, key);
  return { origin, vkey: signer.vkey, signer, verifier: makeNoteVerifier(signer.vkey) };
};

/** The keys of one city's log. */
export type Keyring = {
  /** The key that a new shard is signed with: the last one, under the shard's name. */
  readonly forNew: (shard: number) => LogKey;
  /** The key of a shard that there is, by its number and public key; where none is known yet, the first one. Null where it is not held. */
  readonly forShard: (shard: { readonly shard: number; readonly vkey: string | null }) => LogKey | null;
};

/** Opens the keys of a city's log, oldest first; all have the name of the city's first log. Throws as `openLogKey` does. */
export const openKeyring = (keys: readonly SigningKey[]): Keyring => {
  const [first, last] = [keys[0], keys.at(-1)];
  if (!first || !last) throw new Error('a keyring holds no key');
  return {
    forNew: (shard) => openLogKey(last, originOfShard(first.kid, shard)),
    forShard: ({ shard, vkey }) => {
      const opened = keys.map((key) => openLogKey(key, originOfShard(first.kid, shard)));
      return (vkey === null ? opened[0] : opened.find((key) => key.vkey === vkey)) ?? null;
    },
  };
};
