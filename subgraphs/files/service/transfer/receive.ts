import type { Caller } from '#platform/access/viewer.ts';
import { appendAuditIn } from '#platform/audit/append.ts';
import { CHUNK_BYTES, CipherError } from '#platform/cipher/stream.ts';
import { newId } from '#platform/database/new-id.ts';
import type { TransferAnswer, TransferRequest } from '#platform/http/transfer.ts';
import { describeError } from '#platform/observability/log.ts';
import { releaseBytes } from '#platform/pure/release-bytes.ts';
import { makeUnsealer } from '#platform/sealing/seal.ts';
import { IntegrityError, type VaultWriter } from '#platform/vault/vault.ts';
import { toAllowedType } from '../../domain/content-type.ts';
import { contextOf, type Upload } from '../../domain/file.ts';
import type { ContentRefusedReason } from '../../domain/refusal.ts';
import {
  findUpload,
  type Holder,
  holdUpload,
  letUploadGo,
  type OpenUpload,
  setStreamHeader,
  takeUpload,
  uploadReceived,
} from '../../store/transfer-store.ts';
import { discardForgotten, giveUpUpload } from '../../store/upload-store.ts';
import { fileEntity, Outcome, toEvent } from '../acts.ts';
import { type ContentInspector, makeContentInspector } from '../inspect-content.ts';
import type { Parts } from '../parts.ts';
import { asHolder, IN_USE_SECONDS, isPresentedBy, isStillAllowed, NOT_HELD, type Refusal, rangeEntity, turnAway } from './access.ts';
import type { Address } from './address.ts';
import { type ByteRange, readSent } from './byte-range.ts';
import { inspectHead } from './inspect-head.ts';
import { bodyOffset, bodySize, openBody } from './sealed-body.ts';
import type { Seats } from './seats.ts';

/** How often a lease is kept, in milliseconds; it lasts 30 s. */
const HOLD_MS = 8_000;
export const TRANSFER_KEY_BYTES = 32;
/** Bytes that are looked at in one step. */
const INSPECTED_AT_ONCE = 32 * 1024;

const ACT = { act: 'upload', action: 'C' } as const;
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };

/** More bytes came than were told. */
class TooLongError extends Error {}
/** Somebody else has the upload now, or it has ended. */
class LostError extends Error {}

const REASONS: Readonly<Record<ContentRefusedReason, string>> = {
  TYPE_NOT_ALLOWED: 'Contents of this type are not kept.',
  TYPE_MISMATCH: 'The content is not of the type it was declared to be.',
  HASH_MISMATCH: 'The content does not have the hash that was told.',
  SIZE_MISMATCH: 'The content does not have the length that was told.',
  MALWARE_SIGNATURE: 'The content holds a signature of malware.',
  SEAL_BROKEN: 'The seal does not open, or was changed.',
};
const TOO_LONG: Refusal = { status: 413, code: 'LIMIT_EXCEEDED', message: 'These are more bytes than the upload was asked for.' };

/** `Upload-Offset` and `Upload-Length` of a body, in its own bytes. */
const progressOf = ({ sizeBytes, sealedKey }: Upload, storedBytes: number): Record<string, string> => ({
  'upload-offset': String(bodyOffset(storedBytes, sealedKey !== null)),
  'upload-length': String(bodySize(sizeBytes, sealedKey !== null)),
});
const refOf = ({ city, blobId, patientId, fileId, versionId }: Upload) => ({
  city,
  id: blobId,
  context: contextOf({ city, patientId, fileId, versionId }),
});

/** Passes a body on up to its end; one byte more throws `TooLongError`. Each piece is gone when the next is asked for. */
async function* upTo(body: AsyncIterable<Uint8Array>, limit: number, onBytes: (count: number) => void) {
  let left = limit;
  for await (const piece of body) {
    const fits = piece.subarray(0, left);
    left -= fits.length;
    onBytes(fits.length);
    if (fits.length > 0) yield fits;
    if (fits.length < piece.length) throw new TooLongError();
    releaseBytes(piece);
  }
}

/**
 * Receives the bytes of an upload at its address: `PUT`, whole or from `Upload-Offset` on, and `HEAD`, which tells how far it is. Every
 * whole chunk that both stores (or the one that answers) hold for good counts, whatever happens to the connection or the process.
 */
export const makeReceive = (parts: Parts, seats: Seats) => {
  const { cities, vault, fault, log } = parts;
  const unseal = makeUnsealer(parts.sealing);

  const actOn = (upload: Upload, range?: string) => ({
    ...ACT,
    city: upload.city,
    patientId: upload.patientId,
    entities: [fileEntity({ id: upload.fileId, sha256: upload.sha256 }), ...(range === undefined ? [] : [rangeEntity(range)])],
  });

  /** The upload that an address is in force for; an answer where it is for none, or not for this caller. */
  const admit = async (
    { caller, sessionEnded }: Pick<TransferRequest, 'caller' | 'sessionEnded'>,
    address: Address,
  ): Promise<{ readonly open: OpenUpload; readonly holder: Holder } | TransferAnswer> => {
    const { city, id, expiresAt } = address;
    const open = await findUpload(cities.of(city), city, id);
    const deny = (reason: string): Promise<TransferAnswer> =>
      turnAway(
        parts,
        caller,
        open ? { ...actOn(open.upload), reason } : { ...ACT, city, reason, entities: [{ kind: 'Upload', id }] },
        NOT_HELD,
      );
    if (!open?.holder || open.isOver || open.upload.state !== 'open') return deny('ADDRESS_USED');
    if (open.addressUntil?.getTime() !== expiresAt.getTime()) return deny('ADDRESS_REPLACED');
    if (expiresAt <= parts.clock()) return deny('ADDRESS_EXPIRED');
    if (!isPresentedBy(open.holder, caller, sessionEnded)) return deny(sessionEnded ? 'SESSION_ENDED' : 'OTHER_ACCOUNT');
    if (!(await isStillAllowed(parts, 'file:write', open.holder, open.upload))) return deny('FORBIDDEN');
    return { open, holder: open.holder };
  };

  /** Keeps a lease while the work goes on, and says when it is lost. */
  const keep = (upload: Upload, lease: string) => {
    let isLost = false;
    let heldAt = performance.now();
    const timer = setInterval(async () => {
      try {
        isLost ||= !(await holdUpload(cities.of(upload.city), upload.city, upload.id, lease));
        heldAt = performance.now();
      } catch {
        // A city that does not answer for as long as the lease lasts may have given it to somebody else.
        isLost ||= performance.now() - heldAt > 3 * HOLD_MS;
      }
    }, HOLD_MS);
    timer.unref();
    return { isLost: () => isLost, stop: () => clearInterval(timer) };
  };

  /**
   * Lets go of a writer, to which so many bytes were `given`, and of the lease; tells what stands. Null where that could not be told.
   */
  const leave = async (upload: Upload, lease: string, writer: VaultWriter | null, given = 0, isLost = false): Promise<number | null> => {
    let stored: number | null = isLost ? null : 0;
    try {
      if (writer && isLost) await writer.abandon();
      else if (writer) stored = await writer.suspend(given < upload.sizeBytes);
    } catch (error) {
      log.warn('an upload waits to be looked at', { city: upload.city, uploadId: upload.id, ...describeError(error) });
      stored = null;
    }
    try {
      await letUploadGo(cities.of(upload.city), upload.city, upload.id, lease, stored);
    } catch (error) {
      log.warn('a lease runs out by itself', { city: upload.city, uploadId: upload.id, ...describeError(error) });
    }
    if (isLost) {
      // The sweep may have cleared the upload while bytes of it were still on their way to the stores.
      await cities
        .of(upload.city)
        .transaction((tx) => discardForgotten(tx, upload))
        .catch((error: unknown) =>
          log.error('what an upload left may stay', { city: upload.city, uploadId: upload.id, ...describeError(error) }),
        );
    }
    return stored;
  };

  /** Ends an upload whose content is not kept; the sweep clears what stands. */
  const reject = async (
    caller: Pick<Caller, 'viewer' | 'requestId'>,
    upload: Upload,
    writer: VaultWriter | null,
    reason: ContentRefusedReason,
  ): Promise<TransferAnswer> => {
    await writer?.abandon();
    const refusal: Refusal = { status: 422, code: 'BAD_USER_INPUT', message: REASONS[reason], more: { reason } };
    await cities.of(upload.city).transaction((tx) => giveUpUpload(tx, upload, reason));
    return turnAway(parts, caller, { ...actOn(upload), reason }, refusal);
  };

  /** Takes the upload and records the range, in one transaction. Null: somebody else has it. */
  const take = async (open: OpenUpload, actor: Pick<Caller, 'viewer' | 'requestId'>, range: string | null): Promise<string | null> => {
    const { upload, addressUntil } = open;
    const lease = newId(upload.city, 'lea');
    const taken = await cities.of(upload.city).transaction(async (tx) => {
      if (addressUntil === null || !(await takeUpload(tx, upload.city, upload.id, lease, addressUntil))) return false;
      if (range !== null) await appendAuditIn(tx, toEvent(actor, { ...actOn(upload, range), outcome: Outcome.SUCCESS }));
      return true;
    });
    return taken ? lease : null;
  };

  /** Looks what stands of an upload whose receiver died. */
  const findAdrift = async (open: OpenUpload, caller: Caller): Promise<number> => {
    const lease = await take(open, caller, null);
    if (lease === null) return open.upload.storedBytes;
    const writer = await vault.resume(refOf(open.upload));
    return (await leave(open.upload, lease, writer)) ?? open.upload.storedBytes;
  };

  const head = async (request: TransferRequest, address: Address): Promise<TransferAnswer> => {
    const admitted = await admit(request, address);
    if ('status' in admitted) return admitted;
    const { open } = admitted;
    const stored = open.isAdrift ? await findAdrift(open, request.caller) : open.upload.storedBytes;
    return { status: 200, headers: progressOf(open.upload, stored), body: null };
  };

  type Reception = {
    readonly open: OpenUpload;
    readonly lease: string;
    readonly actor: Pick<Caller, 'viewer' | 'requestId'>;
    readonly sent: ByteRange;
    readonly key: Uint8Array | null;
    readonly isLost: () => boolean;
  };

  /** Reads the body into the vault. What is thrown has let go of everything. */
  const store = async (request: TransferRequest, { open, lease, actor, sent, key, isLost }: Reception): Promise<TransferAnswer> => {
    const { upload } = open;
    const { city, id, sizeBytes } = upload;
    const total = bodySize(sizeBytes, key !== null);
    const type = toAllowedType(upload.contentType);
    if (type === null) return reject(actor, upload, null, 'TYPE_NOT_ALLOWED');
    const inspector: ContentInspector = makeContentInspector(type, sizeBytes);
    // In steps: a text of a whole chunk would lie among the long-lived things, and the process would grow.
    const inspect = (piece: Uint8Array): void => {
      for (let from = 0; from < piece.length; from += INSPECTED_AT_ONCE) inspector.write(piece.subarray(from, from + INSPECTED_AT_ONCE));
    };
    let writer: VaultWriter | null = null;
    /** What came before anything is stored; a piece of a connection is no longer than the room behind a chunk. */
    let held: Buffer | null = null;
    let heldBytes = 0;
    const hold = (piece: Uint8Array): void => {
      held ??= Buffer.allocUnsafeSlow(Math.min(sizeBytes, 2 * CHUNK_BYTES));
      if (heldBytes + piece.length > held.length) held = Buffer.concat([held.subarray(0, heldBytes), piece]);
      else held.set(piece, heldBytes);
      heldBytes += piece.length;
    };
    let readBytes = 0;
    let given = 0;

    const begin = async (isWhole: boolean): Promise<ContentRefusedReason | null> => {
      const first = held?.subarray(0, heldBytes) ?? Buffer.alloc(0);
      const refused = await inspectHead(type, first, isWhole);
      if (refused !== null) return refused;
      writer = await vault.create(refOf(upload));
      await fault('upload:keys');
      await writer.write(first);
      if (held) releaseBytes(held);
      held = null;
      await fault('upload:first-chunk');
      return null;
    };
    const finish = async (): Promise<TransferAnswer> => {
      if (writer === null) {
        const refused = await begin(true);
        if (refused !== null) return reject(actor, upload, null, refused);
      }
      const mine = writer as VaultWriter | null;
      if (mine === null) throw new Error('an upload was not begun');
      const refused = await inspector.finish();
      if (refused !== null) return reject(actor, upload, mine, refused);
      const stored = await mine.finish();
      writer = null;
      await fault('upload:stored');
      if (stored.sizeBytes !== sizeBytes) return reject(actor, upload, null, 'SIZE_MISMATCH');
      if (stored.sha256 !== upload.sha256) return reject(actor, upload, null, 'HASH_MISMATCH');
      if (!(await uploadReceived(cities.of(city), city, id, lease, stored))) throw new LostError();
      return {
        status: 201,
        headers: { ...JSON_TYPE, ...progressOf(upload, 0), 'upload-offset': String(total) },
        body: JSON.stringify({ uploadId: id, sizeBytes, sha256: upload.sha256 }),
      };
    };

    try {
      if (upload.storedBytes > 0 || open.isAdrift) writer = await vault.resume(refOf(upload), inspect);
      const stands = writer?.offset ?? 0;
      given = stands;
      if (bodyOffset(stands, key !== null) !== sent.start) {
        const stored = (await leave(upload, lease, writer)) ?? stands;
        return turnAway(parts, actor, { ...actOn(upload), reason: 'OFFSET' }, goOnAt(upload, stored));
      }
      const bounded = upTo(request.body, sent.end - sent.start, (count) => {
        readBytes += count;
      });
      const from = stands > 0 && open.streamHeader ? { chunk: stands / CHUNK_BYTES, header: open.streamHeader } : null;
      if (key !== null && stands > 0 && from === null) throw new LostError();
      const plain =
        key === null
          ? bounded
          : openBody(
              bounded,
              key,
              { upload: id },
              {
                sizeBytes,
                from,
                onHeader: async (header) => {
                  if (!(await setStreamHeader(cities.of(city), city, id, lease, header))) throw new LostError();
                },
              },
            );
      for await (const piece of plain) {
        if (isLost()) throw new LostError();
        inspect(piece);
        given += piece.length;
        const mine = writer as VaultWriter | null;
        if (mine) await mine.write(piece);
        else {
          hold(piece);
          if (heldBytes < CHUNK_BYTES) continue;
          const refused = await begin(heldBytes === sizeBytes);
          if (refused !== null) return await reject(actor, upload, null, refused);
        }
      }
      if (isLost()) throw new LostError();
      if (sent.start + readBytes === total) return await finish();
      const stored = await leave(upload, lease, writer, given);
      return { status: 202, headers: { ...progressOf(upload, stored ?? 0) }, body: null };
    } catch (error) {
      const mine = writer as VaultWriter | null;
      if (error instanceof CipherError) return reject(actor, upload, mine, 'SEAL_BROKEN');
      if (error instanceof IntegrityError || error instanceof LostError) {
        // The content was destroyed under its receiver, somebody else has it, or its end was sent with other bytes than before.
        const now = await findUpload(cities.of(city), city, id);
        if (error instanceof IntegrityError && now?.upload.state === 'open') return reject(actor, upload, mine, 'HASH_MISMATCH');
        await leave(upload, lease, mine, given, true);
        return turnAway(parts, actor, { ...actOn(upload), reason: 'ADDRESS_USED' }, NOT_HELD);
      }
      const stored = await leave(upload, lease, mine, given);
      if (error instanceof TooLongError) return turnAway(parts, actor, { ...actOn(upload), reason: 'TOO_LONG' }, tooLongAt(upload, stored));
      throw error;
    }
  };

  const put = async (request: TransferRequest, address: Address): Promise<TransferAnswer> => {
    const { caller, headers } = request;
    const admitted = await admit(request, address);
    if ('status' in admitted) return admitted;
    const { open, holder } = admitted;
    const { upload } = open;
    const actor = asHolder(caller, holder);
    const isSealed = upload.sealedKey !== null;
    const total = bodySize(upload.sizeBytes, isSealed);
    const sent = readSent(headers['content-range'], headers['content-length'], total);
    if (sent === 'long') return turnAway(parts, actor, { ...actOn(upload), reason: 'TOO_LONG' }, tooLongAt(upload, upload.storedBytes));
    if (sent === 'bad')
      return turnAway(
        parts,
        actor,
        { ...actOn(upload), reason: 'CONTENT_RANGE' },
        {
          status: 400,
          code: 'BAD_USER_INPUT',
          message: `Content-Range: is bytes a-b/${total}, and as long as the body.`,
        },
      );
    if (!open.isAdrift && bodyOffset(upload.storedBytes, isSealed) !== sent.start)
      return turnAway(parts, actor, { ...actOn(upload), reason: 'OFFSET' }, goOnAt(upload, upload.storedBytes));
    const key = upload.sealedKey === null ? null : await unseal(upload.sealedKey, TRANSFER_KEY_BYTES);
    if (isSealed && key?.length !== TRANSFER_KEY_BYTES) return reject(actor, upload, null, 'SEAL_BROKEN');
    return seats.within(holder.accountId, caller.requestId, async () => {
      const lease = await take(open, actor, `bytes ${sent.start}-${sent.end - 1}/${total}`);
      if (lease === null)
        return turnAway(
          parts,
          actor,
          { ...actOn(upload), reason: 'IN_USE' },
          {
            ...goOnAt(upload, upload.storedBytes),
            message: 'Somebody is sending to this address now.',
            headers: { ...progressOf(upload, upload.storedBytes), 'retry-after': IN_USE_SECONDS },
          },
        );
      const kept = keep(upload, lease);
      try {
        return await store(request, { open, lease, actor, sent, key, isLost: kept.isLost });
      } finally {
        kept.stop();
      }
    });
  };

  return { put, head };
};

const goOnAt = (upload: Upload, storedBytes: number): Refusal => ({
  status: 409,
  code: 'BAD_USER_INPUT',
  message: 'Go on at Upload-Offset, with Content-Range.',
  headers: progressOf(upload, storedBytes),
});
const tooLongAt = (upload: Upload, storedBytes: number | null): Refusal => ({
  ...TOO_LONG,
  headers: progressOf(upload, storedBytes ?? 0),
});
