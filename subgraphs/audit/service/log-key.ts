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
  readonly forShard: (shard: ShardKey) => LogKey | null;
  /** What a shard's checkpoints are checked with: its key where it is held, else the public one that was written down. */
  readonly toVerifier: (shard: ShardKey) => LogVerifier;
  /** Reads the keys again, where they are kept so that one can be added. */
  readonly refresh: () => Promise<void>;
};
type ShardKey = { readonly shard: number; readonly origin: string; readonly vkey: string | null };

/**
 * Opens the keys of a city's log, oldest first; all have the name of the city's first log. `readAgain` reads them anew. Throws as `openLogKey` does.
 */
export const openKeyring = (given: readonly SigningKey[], readAgain?: () => Promise<readonly SigningKey[]>): Keyring => {
  let keys = given;
  const ends = (): { readonly first: SigningKey; readonly last: SigningKey } => {
    const [first, last] = [keys[0], keys.at(-1)];
    if (!first || !last) throw new Error('a keyring holds no key');
    return { first, last };
  };
  ends();
  const forShard: Keyring['forShard'] = ({ shard, vkey }) => {
    const opened = keys.map((key) => openLogKey(key, originOfShard(ends().first.kid, shard)));
    return (vkey === null ? opened[0] : opened.find((key) => key.vkey === vkey)) ?? null;
  };
  return {
    forNew: (shard) => openLogKey(ends().last, originOfShard(ends().first.kid, shard)),
    forShard,
    toVerifier: (shard) => {
      const held = forShard(shard);
      if (held) return held;
      if (shard.vkey === null) throw new Error('no key of the shard is known');
      return { origin: shard.origin, vkey: shard.vkey, verifier: makeNoteVerifier(shard.vkey) };
    },
    refresh: async () => {
      const read = await readAgain?.();
      if (read && read.length > 0) keys = read;
    },
  };
};
