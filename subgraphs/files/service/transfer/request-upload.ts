import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { appendAuditIn } from '#platform/audit/append.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { makeUnsealer } from '#platform/sealing/seal.ts';
import { STORE_NAMES } from '#platform/vault/vault.ts';
import type { Upload } from '../../domain/file.ts';
import type { ContentRefusedReason, RefusalOf } from '../../domain/refusal.ts';
import { findUpload, giveUploadAddress, type OpenUpload, UPLOAD_SECONDS } from '../../store/transfer-store.ts';
import { fileEntity, Outcome, toEvent } from '../acts.ts';
import { admitUpload, orUnavailable, refuse, requireViewer } from '../admit-upload.ts';
import { type BeginOutcome, type BeginUpload, makeBeginUpload, type UploadInput } from '../begin-upload.ts';
import { type KeepOutcome, type KeepVersion, makeKeepVersion } from '../keep-version.ts';
import type { Parts } from '../parts.ts';
import { isStillAllowed, toHolder } from './access.ts';
import { ADDRESS_MS, type Addresses } from './address.ts';
import { TRANSFER_KEY_BYTES } from './receive.ts';
import { bodyOffset, bodySize } from './sealed-body.ts';

/** Where to send an upload. Sizes are of the body that is sent. */
export type UploadAddress = {
  readonly id: string;
  readonly url: string;
  readonly expiresAt: Date;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
};
export type Asked = { readonly kind: 'asked'; readonly upload: UploadAddress };
export type RequestUploadInput = Omit<UploadInput, 'expiresInSeconds' | 'lease'>;
export type RequestUpload = (caller: Caller, input: RequestUploadInput) => Promise<Asked | Exclude<BeginOutcome, { kind: 'begun' }>>;
export type ResumeUpload = (caller: Caller, uploadId: string) => Promise<Asked | RefusalOf<'UploadNotFound' | 'CityUnavailable'>>;
export type FinishUpload = (caller: Caller, uploadId: string) => Promise<KeepOutcome | RefusalOf<'UploadIncomplete' | 'ContentRefused'>>;

const CONTENT_REASONS: readonly ContentRefusedReason[] = [
  'TYPE_NOT_ALLOWED',
  'TYPE_MISMATCH',
  'HASH_MISMATCH',
  'SIZE_MISMATCH',
  'MALWARE_SIGNATURE',
  'SEAL_BROKEN',
];
/** Longest sealed transfer key that is looked at, in characters. */
const MAX_SEALED_KEY = 10_000;

/** What is asked in the graph of an upload whose bytes come beside it: its address, a new one, and that what came is kept. */
export const makeRequestUpload = (
  parts: Parts,
  addresses: Addresses,
  {
    beginUpload = makeBeginUpload(parts),
    keepVersion = makeKeepVersion(parts),
  }: { readonly beginUpload?: BeginUpload; readonly keepVersion?: KeepVersion } = {},
): { readonly requestUpload: RequestUpload; readonly resumeUpload: ResumeUpload; readonly finishUpload: FinishUpload } => {
  const { cities, clock } = parts;
  const unseal = makeUnsealer(parts.sealing);

  const toAsked = (caller: Caller, viewer: Viewer, upload: Upload, expiresAt: Date): Asked => {
    const isSealed = upload.sealedKey !== null;
    return {
      kind: 'asked',
      upload: {
        id: upload.id,
        url: addresses.give('upload', upload.id, expiresAt, viewer.sessionId, caller.origin),
        expiresAt,
        offsetBytes: upload.state === 'open' ? bodyOffset(upload.storedBytes, isSealed) : bodySize(upload.sizeBytes, isSealed),
        sizeBytes: bodySize(upload.sizeBytes, isSealed),
      },
    };
  };

  /** An upload of the caller's that has not ended; null where there is none. */
  const findOwn = async (viewer: Viewer, uploadId: string): Promise<OpenUpload | null> => {
    const city = cityOfId(uploadId, 'upl');
    const db = city === null ? null : cities.find(city);
    const found = db && (await findUpload(db, db.city.code, uploadId));
    return found?.holder && found.upload.accountId === viewer.accountId ? found : null;
  };
  const notFound = (caller: Caller, act: string, uploadId: string, open: OpenUpload | null): Promise<RefusalOf<'UploadNotFound'>> => {
    const viewer = requireViewer(caller);
    const named = cityOfId(uploadId, 'upl');
    const city = named !== null && cities.find(named) ? named : viewer.city;
    return refuse(parts, caller, { city, act, patientId: open?.upload.patientId ?? null }, { kind: 'UploadNotFound' });
  };

  return {
    requestUpload: (caller, input) =>
      orUnavailable(async () => {
        const viewer = requireViewer(caller);
        const { patientId, sealedKey } = input;
        if (sealedKey !== null && sealedKey !== undefined) {
          const admission = await admitUpload(parts, caller, 'requestUpload', input);
          if (admission.kind !== 'admitted') return admission;
          const key = sealedKey.length > MAX_SEALED_KEY ? null : await unseal(sealedKey, TRANSFER_KEY_BYTES);
          if (key?.length !== TRANSFER_KEY_BYTES)
            return refuse(
              parts,
              caller,
              { city: admission.city, act: 'requestUpload', patientId },
              { kind: 'ContentRefused', reason: 'SEAL_BROKEN' },
            );
        }
        const begun = await beginUpload(caller, 'requestUpload', { ...input, expiresInSeconds: UPLOAD_SECONDS });
        if (begun.kind !== 'begun') return begun;
        const { upload } = begun;
        const expiresAt = new Date(clock().getTime() + ADDRESS_MS);
        await giveUploadAddress(cities.of(upload.city), upload.city, upload.id, expiresAt, toHolder(viewer));
        return toAsked(caller, viewer, upload, expiresAt);
      }),

    resumeUpload: (caller, uploadId) =>
      orUnavailable(async () => {
        const viewer = requireViewer(caller);
        const open = await findOwn(viewer, uploadId);
        if (!open || open.isOver || !['open', 'received'].includes(open.upload.state))
          return notFound(caller, 'resumeUpload', uploadId, open);
        const { upload } = open;
        const { city, patientId, fileId, sha256 } = upload;
        if (!(await isStillAllowed(parts, 'file:write', toHolder(viewer), upload))) return notFound(caller, 'resumeUpload', uploadId, open);
        const expiresAt = new Date(clock().getTime() + ADDRESS_MS);
        const given = await cities.of(city).transaction(async (tx) => {
          if (!(await giveUploadAddress(tx, city, upload.id, expiresAt, toHolder(viewer)))) return false;
          const entities = [fileEntity({ id: fileId, sha256 })];
          await appendAuditIn(tx, toEvent(caller, { city, act: 'resumeUpload', outcome: Outcome.SUCCESS, patientId, entities }));
          return true;
        });
        return given ? toAsked(caller, viewer, upload, expiresAt) : notFound(caller, 'resumeUpload', uploadId, open);
      }),

    finishUpload: (caller, uploadId) =>
      orUnavailable(async () => {
        const viewer = requireViewer(caller);
        const open = await findOwn(viewer, uploadId);
        if (!open) return notFound(caller, 'finishUpload', uploadId, open);
        const { upload, refusal } = open;
        const { city, patientId, sizeBytes, sha256, storedBytes, keyId } = upload;
        const place = { city, act: 'finishUpload', patientId };
        if (upload.state === 'refused') {
          const reason = CONTENT_REASONS.find((each) => each === refusal);
          return reason === undefined
            ? notFound(caller, 'finishUpload', uploadId, open)
            : refuse(parts, caller, place, { kind: 'ContentRefused', reason });
        }
        if (open.isOver && upload.state !== 'kept') return notFound(caller, 'finishUpload', uploadId, open);
        if (upload.state === 'open') {
          const isSealed = upload.sealedKey !== null;
          const [offsetBytes, ofBytes] = [bodyOffset(storedBytes, isSealed), bodySize(sizeBytes, isSealed)];
          return refuse(parts, caller, place, { kind: 'UploadIncomplete', offsetBytes, sizeBytes: ofBytes });
        }
        const owed = STORE_NAMES.filter((name) => upload.owed.includes(name));
        return keepVersion(caller, 'finishUpload', upload, { sizeBytes, sha256, keyId: keyId ?? '', owed });
      }),
  };
};
