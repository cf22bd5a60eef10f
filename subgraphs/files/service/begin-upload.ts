import type { Caller } from '#platform/access/viewer.ts';
import { appendAuditIn } from '#platform/audit/append.ts';
import type { Transaction } from '#platform/database/city-database.ts';
import { newId } from '#platform/database/new-id.ts';
import { foldText } from '#platform/pure/text.ts';
import { toAllowedType } from '../domain/content-type.ts';
import type { Priority, Upload } from '../domain/file.ts';
import { cleanFileName } from '../domain/file-name.ts';
import { requireSha256, requireSize } from '../domain/quota.ts';
import type { RefusalOf } from '../domain/refusal.ts';
import { claimName, insertUpload, reserveForCity, reserveForPatient } from '../store/upload-store.ts';
import { fileEntity, Outcome, toEvent } from './acts.ts';
import { admitUpload, orUnavailable, refuse, requireViewer } from './admit-upload.ts';
import type { Parts } from './parts.ts';

/** An upload that is asked for. `sizeBytes` and `sha256` (hex) are the content's. */
export type UploadInput = {
  readonly patientId: string;
  readonly name: string;
  readonly contentType: string;
  readonly priority?: Priority | null | undefined;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly appointmentId?: string | null | undefined;
  /** Sealed streams: the transfer key as the uploader sealed it. */
  readonly sealedKey?: string | null | undefined;
  /** Seconds until an upload that is not kept ends, by the time of the database. */
  readonly expiresInSeconds: number;
  /**
   * Who receives at once, as part of the same act, whose entry `keepVersion` then writes. Left out: asking is an act by itself, and is
   * audited here.
   */
  readonly lease?: string;
};

export type BeginOutcome =
  | { readonly kind: 'begun'; readonly upload: Upload }
  | RefusalOf<'PatientNotFound' | 'AppointmentNotFound' | 'QuotaExceeded' | 'ContentRefused' | 'CityUnavailable'>;
export type BeginUpload = (caller: Caller, act: string, input: UploadInput) => Promise<BeginOutcome>;

/** Ends a transaction whose upload does not fit, so that nothing of it stays. */
class Shortage extends Error {
  readonly usedBytes: number;
  readonly limitBytes: number;
  constructor(usedBytes: number, limitBytes: number) {
    super('no room');
    this.usedBytes = usedBytes;
    this.limitBytes = limitBytes;
  }
}

/**
 * Begins an upload: asks for permission, cleans the name, and writes in one transaction what it takes of the quotas of patient and city,
 * the file's name and the intent, before the first byte reaches a store. Throws `BadInputError`, `UnauthenticatedError`, `ForbiddenError`.
 */
export const makeBeginUpload = (parts: Parts): BeginUpload => {
  const { cities, quotas, fault, inTurn } = parts;
  return (caller, act, input) =>
    orUnavailable(async (): Promise<BeginOutcome> => {
      const viewer = requireViewer(caller);
      const { patientId, expiresInSeconds, lease = null } = input;
      const name = cleanFileName('input.name', input.name);
      const sizeBytes = requireSize('input.sizeBytes', input.sizeBytes);
      const sha256 = requireSha256('input.sha256', input.sha256);
      const admission = await admitUpload(parts, caller, act, input);
      if (admission.kind !== 'admitted') return admission;
      const { city } = admission;
      const contentType = toAllowedType(input.contentType);
      if (contentType === null)
        return refuse(parts, caller, { city, act, patientId }, { kind: 'ContentRefused', reason: 'TYPE_NOT_ALLOWED' });
      const intent: Upload = {
        id: newId(city, 'upl'),
        city,
        blobId: newId(city, 'blb'),
        patientId,
        fileId: newId(city, 'fil'),
        versionId: newId(city, 'fiv'),
        name,
        contentType,
        priority: input.priority ?? 'MEDIUM',
        appointmentId: input.appointmentId ?? null,
        sizeBytes,
        sha256,
        accountId: viewer.accountId,
        sessionId: viewer.sessionId,
        sealedKey: input.sealedKey ?? null,
        state: 'open',
        storedBytes: 0,
        keyId: null,
        owed: [],
      };
      try {
        const reserve = async (tx: Transaction): Promise<Upload> => {
          const ofPatient = await reserveForPatient(tx, city, patientId, sizeBytes, quotas.patientBytes);
          if (ofPatient) throw new Shortage(ofPatient.usedBytes, quotas.patientBytes);
          const fileId = await claimName(tx, intent, foldText(name));
          const begun = { ...intent, fileId };
          await insertUpload(tx, begun, { expiresInSeconds, lease });
          if (lease === null)
            await appendAuditIn(
              tx,
              toEvent(caller, { city, act, outcome: Outcome.SUCCESS, patientId, entities: [fileEntity({ id: fileId, sha256 })] }),
            );
          const ofCity = await reserveForCity(tx, city, sizeBytes, quotas.cityBytes);
          if (ofCity) throw new Shortage(ofCity.usedBytes, quotas.cityBytes);
          return begun;
        };
        const upload = await inTurn(city, () => cities.of(city).transaction(reserve));
        await fault('upload:intent');
        return { kind: 'begun', upload };
      } catch (error) {
        if (!(error instanceof Shortage)) throw error;
        const { usedBytes, limitBytes } = error;
        return refuse(parts, caller, { city, act, patientId }, { kind: 'QuotaExceeded', usedBytes, limitBytes });
      }
    });
};
