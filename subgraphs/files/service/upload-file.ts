import { hash } from 'node:crypto';
import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { StoreFullError } from '#platform/blobs/store.ts';
import { OverloadedError } from '#platform/database/errors.ts';
import { newId } from '#platform/database/new-id.ts';
import { describeError } from '#platform/observability/log.ts';
import { BadInputError } from '#platform/pure/faults.ts';
import { makeUnsealer } from '#platform/sealing/seal.ts';
import { IntegrityError, type Stored, type VaultWriter } from '#platform/vault/vault.ts';
import { toAllowedType } from '../domain/content-type.ts';
import { contextOf, type Priority, type Upload } from '../domain/file.ts';
import { cleanFileName } from '../domain/file-name.ts';
import { MAX_INLINE_BYTES, MAX_SEALED_BYTES, MAX_SEALED_TEXT } from '../domain/quota.ts';
import type { ContentRefusedReason, RefusalOf } from '../domain/refusal.ts';
import { giveUpUpload, LEASE_SECONDS } from '../store/upload-store.ts';
import { fileEntity, Outcome, toEvent } from './acts.ts';
import { admitUpload, orUnavailable, refuse, requireViewer } from './admit-upload.ts';
import { type BeginOutcome, type BeginUpload, makeBeginUpload } from './begin-upload.ts';
import { inspectContent } from './inspect-content.ts';
import { type KeepOutcome, type KeepVersion, makeKeepVersion } from './keep-version.ts';
import type { Parts } from './parts.ts';

export type UploadFileInput = {
  readonly patientId: string;
  readonly name: string;
  readonly contentType: string;
  readonly priority?: Priority | null | undefined;
  readonly content?: Uint8Array | null | undefined;
  readonly sealed?: string | null | undefined;
  readonly appointmentId?: string | null | undefined;
};
export type UploadOutcome = Exclude<BeginOutcome, { kind: 'begun' }> | Exclude<KeepOutcome, RefusalOf<'UploadNotFound'>>;
export type UploadFile = (caller: Caller, input: UploadFileInput) => Promise<UploadOutcome>;

const ACT = 'uploadFile';
/** How often an upload begins anew whose file was deleted under its hands, or that was cleared as it took too long. */
const TRIES = 3;

/** Checks what can be told without the key: exactly one of `content` and `sealed`, within its limit. */
const requireOne = ({ content, sealed }: UploadFileInput): { readonly content: Uint8Array } | { readonly sealed: string } => {
  const hasSealed = sealed !== undefined && sealed !== null;
  if (!content && !hasSealed) throw new BadInputError('input.content', 'is missing; send content or sealed');
  if (content && hasSealed) throw new BadInputError('input.sealed', 'stands beside content; send one of the two');
  if (content && content.length > MAX_INLINE_BYTES)
    throw new BadInputError('input.content', `is longer than ${MAX_INLINE_BYTES} bytes; send it by requestUpload`);
  if (hasSealed && sealed.length > MAX_SEALED_TEXT)
    throw new BadInputError('input.sealed', `holds more than ${MAX_SEALED_BYTES} bytes; send it by requestUpload`);
  return content ? { content } : { sealed: sealed ?? '' };
};

/**
 * Keeps a file that travels in the graph. The content is opened, looked at and hashed in memory; the intent is written before the first byte
 * reaches a store, and the answer comes when the version is committed. Throws `BadInputError`, `UnauthenticatedError`, `ForbiddenError`,
 * `StoreUnavailableError` and `StoreFullError` (neither store took it), `KeysUnavailableError`.
 */
export const makeUploadFile = (
  parts: Parts,
  {
    beginUpload = makeBeginUpload(parts),
    keepVersion = makeKeepVersion(parts),
  }: { readonly beginUpload?: BeginUpload; readonly keepVersion?: KeepVersion } = {},
): UploadFile => {
  const { vault, cities, fault, log } = parts;
  const unseal = makeUnsealer(parts.sealing);

  const open = async (given: ReturnType<typeof requireOne>): Promise<Uint8Array | null> =>
    'content' in given ? given.content : unseal(given.sealed, MAX_SEALED_BYTES);

  /** Ends an upload that failed before anything was decided. What fails here is found by the sweep. */
  const giveUp = async (upload: Upload, writer: VaultWriter | null): Promise<void> => {
    try {
      await writer?.abandon();
      await cities.of(upload.city).transaction((tx) => giveUpUpload(tx, upload, 'FAILED'));
    } catch (error) {
      log.warn('an upload that failed waits to be cleared', { city: upload.city, uploadId: upload.id, ...describeError(error) });
    }
  };

  /** Null: the upload was cleared under our hands, as it took longer than its lease. */
  const store = async (caller: Caller, upload: Upload, content: Uint8Array): Promise<Stored | null> => {
    const { city, blobId, patientId, fileId, versionId } = upload;
    let writer: VaultWriter | null = null;
    try {
      writer = await vault.create({ city, id: blobId, context: contextOf({ city, patientId, fileId, versionId }) });
      await fault('upload:keys');
      await writer.write(content);
      await fault('upload:first-chunk');
      const stored = await writer.finish();
      await fault('upload:stored');
      return stored;
    } catch (error) {
      await giveUp(upload, writer);
      if (error instanceof IntegrityError) return null;
      const reason = error instanceof StoreFullError ? 'STORAGE_FULL' : 'SUBGRAPH_UNAVAILABLE';
      const entities = [fileEntity({ id: fileId, sha256: upload.sha256 })];
      await appendAudit(cities.of(city), toEvent(caller, { city, act: ACT, outcome: Outcome.FAILED, reason, patientId, entities }));
      throw error;
    }
  };

  return (caller, input) =>
    orUnavailable(async (): Promise<UploadOutcome> => {
      requireViewer(caller);
      const given = requireOne(input);
      cleanFileName('input.name', input.name);
      const admission = await admitUpload(parts, caller, ACT, input);
      if (admission.kind !== 'admitted') return admission;
      const { patientId } = input;
      const refuseContent = (reason: ContentRefusedReason) =>
        refuse(parts, caller, { city: admission.city, act: ACT, patientId }, { kind: 'ContentRefused', reason });
      const contentType = toAllowedType(input.contentType);
      if (contentType === null) return refuseContent('TYPE_NOT_ALLOWED');
      const content = await open(given);
      if (content === null) return refuseContent('SEAL_BROKEN');
      const reason = await inspectContent(contentType, content);
      if (reason !== null) return refuseContent(reason);
      const sha256 = hash('sha256', content);
      for (let attempt = 1; attempt <= TRIES; attempt++) {
        const begun = await beginUpload(caller, ACT, {
          ...input,
          sizeBytes: content.length,
          sha256,
          expiresInSeconds: LEASE_SECONDS,
          lease: newId(admission.city, 'lea'),
        });
        if (begun.kind !== 'begun') return begun;
        const stored = await store(caller, begun.upload, content);
        if (stored === null) continue;
        const outcome = await keepVersion(caller, ACT, begun.upload, stored);
        if (outcome.kind !== 'UploadNotFound') return outcome;
      }
      throw new OverloadedError(admission.city);
    });
};
