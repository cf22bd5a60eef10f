import { createHash } from 'node:crypto';
import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { LimitExceededError } from '#platform/pure/faults.ts';
import { readPublicKey, sealFor } from '#platform/sealing/seal.ts';
import { IntegrityError } from '#platform/vault/vault.ts';
import { contextOf, type FileVersion } from '../domain/file.ts';
import { MAX_INLINE_BYTES, MAX_SEALED_BYTES } from '../domain/quota.ts';
import { fileEntity, Outcome, toEvent } from './acts.ts';
import { requireViewer } from './admit-upload.ts';
import type { Parts } from './parts.ts';

/** Bytes of contents that one request of the gateway is answered with: all of them stand in memory at once. */
const REQUEST_BYTES = 8 * 1024 * 1024;

/** Contents that travel in the graph, for callers who were shown the version. Each is audited by its own act before it is given. */
export const makeReadContent = ({ cities, vault }: Pick<Parts, 'cities' | 'vault'>) => {
  const spent = new WeakMap<Caller, number>();

  const open = async (caller: Caller, act: string, version: FileVersion, limitBytes: number): Promise<Uint8Array> => {
    requireViewer(caller);
    const { city, patientId, fileId, sizeBytes, sha256 } = version;
    if (sizeBytes > limitBytes)
      throw new LimitExceededError(`A content of more than ${limitBytes} bytes does not travel in the graph; fetch it by downloadUrl.`);
    const total = (spent.get(caller) ?? 0) + sizeBytes;
    if (total > REQUEST_BYTES)
      throw new LimitExceededError(
        `One request is answered with at most ${REQUEST_BYTES} bytes of contents; ask for fewer, or use downloadUrl.`,
      );
    spent.set(caller, total);
    const happening = { city, act, patientId, entities: [fileEntity({ id: fileId, sha256 })] };
    const ref = { city, id: version.blobId, context: contextOf({ city, patientId, fileId, versionId: version.id }) };
    const bytes = new Uint8Array(sizeBytes);
    try {
      const digest = createHash('sha256');
      let filled = 0;
      for await (const piece of vault.read(ref, sizeBytes)) {
        if (filled + piece.length > sizeBytes) throw new IntegrityError();
        bytes.set(piece, filled);
        digest.update(piece);
        filled += piece.length;
      }
      if (filled !== sizeBytes || digest.digest('hex') !== sha256) throw new IntegrityError();
    } catch (error) {
      const reason = error instanceof IntegrityError ? 'INTEGRITY_ERROR' : 'SUBGRAPH_UNAVAILABLE';
      await appendAudit(cities.of(city), toEvent(caller, { ...happening, outcome: Outcome.FAILED, reason }));
      throw error;
    }
    await appendAudit(cities.of(city), toEvent(caller, { ...happening, outcome: Outcome.SUCCESS }));
    return bytes;
  };

  return {
    /** The content itself, up to 256 KiB. Throws `LimitExceededError`, `IntegrityError`, `StoreUnavailableError`. */
    content: (caller: Caller, version: FileVersion): Promise<Uint8Array> => open(caller, 'content', version, MAX_INLINE_BYTES),
    /** The content sealed for a public key, up to 1 MiB; `BadInputError` for a key that nothing can be sealed for. */
    sealedContent: async (caller: Caller, version: FileVersion, publicKey: string): Promise<string> => {
      const recipient = await readPublicKey(publicKey);
      return sealFor(recipient, await open(caller, 'sealedContent', version, MAX_SEALED_BYTES));
    },
  };
};
export type ReadContent = ReturnType<typeof makeReadContent>;
