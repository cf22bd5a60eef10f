import { createHash, randomBytes } from 'node:crypto';
import { create as toDisposition } from 'content-disposition';
import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit, appendAuditIn } from '#platform/audit/append.ts';
import { rechunk } from '#platform/cipher/rechunk.ts';
import {
  beginSealing,
  CHUNK_BYTES,
  chunkCount,
  DATA_KEY_BYTES,
  HEADER_BYTES,
  SALT_BYTES,
  SEALED_CHUNK_BYTES,
} from '#platform/cipher/stream.ts';
import { newId } from '#platform/database/new-id.ts';
import type { TransferAnswer, TransferRequest } from '#platform/http/transfer.ts';
import type { WrappedKey } from '#platform/keys/key-ring.ts';
import { describeError } from '#platform/observability/log.ts';
import { releaseBytes } from '#platform/pure/release-bytes.ts';
import { makeQueue } from '#platform/pure/turns.ts';
import { readPublicKey, sealFor } from '#platform/sealing/seal.ts';
import { IntegrityError } from '#platform/vault/vault.ts';
import { contextOf, type FileVersion } from '../../domain/file.ts';
import {
  type DownloadSeal,
  findDownload,
  insertDownload,
  noteHanded,
  type OpenDownload,
  takeDownload,
} from '../../store/transfer-store.ts';
import { fileEntity, Outcome, toEvent } from '../acts.ts';
import { requireViewer } from '../admit-upload.ts';
import type { Parts } from '../parts.ts';
import { asHolder, IN_USE_SECONDS, isPresentedBy, isStillAllowed, NOT_HELD, rangeEntity, toHolder, turnAway } from './access.ts';
import { ADDRESS_MS, type Address, type Addresses } from './address.ts';
import { type ByteRange, readRange, toContentRange } from './byte-range.ts';
import { bodySize } from './sealed-body.ts';
import type { Seats } from './seats.ts';

/** How often it is noted how far bytes were handed out, in milliseconds; a lease lasts 30 s. */
const NOTE_MS = 8_000;
const ACT = { act: 'download', action: 'R' } as const;

/** An address that gives a version's content. `sizeBytes`: of what it gives. */
export type Download = {
  readonly url: string;
  readonly expiresAt: Date;
  readonly sizeBytes: number;
  readonly sealedKey: string | null;
};

const sealContext = (id: string) => ({ download: id });

/** Bytes `range` of the sealed stream of a content that `read` gives by ranges of its own. The same salt gives the same bytes each time. */
async function* sealRange(
  key: Uint8Array,
  id: string,
  salt: Uint8Array,
  sizeBytes: number,
  { start, end }: ByteRange,
  read: (range: ByteRange) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const sealer = beginSealing(key, sealContext(id), salt);
  if (start < HEADER_BYTES) yield sealer.header.subarray(start, Math.min(end, HEADER_BYTES));
  if (end <= HEADER_BYTES) return;
  const chunks = chunkCount(sizeBytes);
  const first = Math.max(0, Math.floor((start - HEADER_BYTES) / SEALED_CHUNK_BYTES));
  const behind = Math.ceil((end - HEADER_BYTES) / SEALED_CHUNK_BYTES);
  let index = first;
  const plain = async function* (): AsyncGenerator<Uint8Array, void, void> {
    for await (const piece of read({ start: first * CHUNK_BYTES, end: Math.min(sizeBytes, behind * CHUNK_BYTES) })) {
      yield piece;
      releaseBytes(piece);
    }
  };
  for await (const { bytes } of rechunk(plain(), CHUNK_BYTES)) {
    const sealed = sealer.seal(index, bytes, index === chunks - 1);
    const at = HEADER_BYTES + index * SEALED_CHUNK_BYTES;
    index++;
    yield sealed.subarray(Math.max(0, start - at), Math.min(sealed.length, end - at));
  }
}

/**
 * Hands out the bytes of a version at its address, to one receiver at a time. `GET` is the whole, and the same as `Range: bytes=0-`. The first
 * range may begin anywhere, as a content that an ended address began is gone on with by a new one; later ones begin at most where the furthest
 * ended. An address is used up with the last byte: that is committed before the byte is given, so that nothing is read again behind the end.
 * Each range is recorded with the content's hash before its first byte.
 */
export const makeHandOut = (parts: Parts, addresses: Addresses, seats: Seats) => {
  const { cities, vault, keys, clock, log } = parts;

  const actOn = ({ city, patientId, fileId, sha256 }: FileVersion, range?: string) => ({
    ...ACT,
    city,
    patientId,
    entities: [fileEntity({ id: fileId, sha256 }), ...(range === undefined ? [] : [rangeEntity(range)])],
  });

  /**
   * Makes an address for a version that the caller was shown, sealed for a public key where one is given. Throws `BadInputError` for a key
   * that nothing can be sealed for, `KeysUnavailableError`.
   */
  const offerDownload = async (caller: Caller, version: FileVersion, publicKey: string | null): Promise<Download> => {
    const viewer = requireViewer(caller);
    const { city, sizeBytes } = version;
    const id = newId(city, 'dow');
    let seal: DownloadSeal | null = null;
    let sealedKey: string | null = null;
    if (publicKey !== null) {
      const recipient = await readPublicKey(publicKey);
      const key = randomBytes(DATA_KEY_BYTES);
      sealedKey = await sealFor(recipient, key);
      seal = { wrappedKey: JSON.stringify(await keys.wrap(city, key, sealContext(id))), salt: randomBytes(SALT_BYTES) };
      key.fill(0);
    }
    const expiresAt = new Date(clock().getTime() + ADDRESS_MS);
    await cities.of(city).transaction(async (tx) => {
      await insertDownload(tx, id, version, toHolder(viewer), seal, expiresAt);
      await appendAuditIn(tx, toEvent(caller, { ...actOn(version), act: 'downloadUrl', outcome: Outcome.SUCCESS }));
    });
    const url = addresses.give('download', id, expiresAt, viewer.sessionId, caller.origin);
    return { url, expiresAt, sizeBytes: bodySize(sizeBytes, seal !== null), sealedKey };
  };

  /** The bytes of a range, checked: chunk by chunk by their seals, and by the hash of the whole where the range is the whole. */
  async function* open({ id, version, seal }: OpenDownload, range: ByteRange, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    const { city, blobId, patientId, fileId, sizeBytes, sha256 } = version;
    const ref = { city, id: blobId, context: contextOf({ city, patientId, fileId, versionId: version.id }) };
    const total = bodySize(sizeBytes, seal !== null);
    const isWhole = range.start === 0 && range.end === total;
    const digest = createHash('sha256');
    const read = async function* (asked: ByteRange): AsyncGenerator<Uint8Array, void, void> {
      for await (const piece of vault.read(ref, sizeBytes, asked, signal)) {
        if (isWhole) digest.update(piece);
        yield piece;
      }
    };
    const key = seal && (await keys.unwrap(city, JSON.parse(seal.wrappedKey) as WrappedKey, sealContext(id)));
    const bytes = seal && key ? sealRange(key, id, seal.salt, sizeBytes, range, read) : read(range);
    // The last piece waits for the verdict on the whole.
    let last: Uint8Array | null = null;
    for await (const piece of bytes) {
      if (last !== null) yield last;
      last = piece;
    }
    if (isWhole && digest.digest('hex') !== sha256) throw new IntegrityError('the content is not the one that was kept');
    if (last !== null) yield last;
  }

  /** Notes how far a body was handed out, while it goes and when it ends, however it does; the end of the content before its last bytes. */
  async function* noting(
    body: AsyncIterable<Uint8Array>,
    download: OpenDownload,
    lease: string,
    start: number,
    size: number,
    actor: Pick<Caller, 'viewer' | 'requestId'>,
  ): AsyncGenerator<Uint8Array, void, void> {
    const { id, version } = download;
    const db = cities.of(version.city);
    let handed = start;
    let isLost = false;
    let hasEnded = false;
    /** One after the other, so that none that is under way takes the lease back behind the last. */
    const inTurn = makeQueue();
    const note = (goesOn: boolean): Promise<void> =>
      inTurn(async () => {
        try {
          isLost ||= !(await noteHanded(db, version.city, id, lease, handed, goesOn));
        } catch (error) {
          log.warn('what was handed out could not be noted', { city: version.city, downloadId: id, ...describeError(error) });
        }
      });
    const timer = setInterval(() => void note(true), NOTE_MS);
    timer.unref();
    try {
      for await (const piece of body) {
        if (isLost) throw new Error('the address has ended');
        if (handed + piece.length >= size) {
          clearInterval(timer);
          if (!(await inTurn(() => noteHanded(db, version.city, id, lease, size, false)))) throw new Error('the address has ended');
          hasEnded = true;
        }
        handed += piece.length;
        yield piece;
      }
    } catch (error) {
      if (error instanceof IntegrityError)
        await appendAudit(db, toEvent(actor, { ...actOn(version), outcome: Outcome.FAILED, reason: 'INTEGRITY_ERROR' })).catch(() => {});
      throw error;
    } finally {
      clearInterval(timer);
      if (!hasEnded) await note(false);
    }
  }

  const get = async (request: TransferRequest, address: Address): Promise<TransferAnswer> => {
    const { caller, sessionEnded, headers, signal } = request;
    const { city, id } = address;
    const found = await findDownload(cities.of(city), city, id);
    const deny = (reason: string): Promise<TransferAnswer> =>
      turnAway(
        parts,
        caller,
        found ? { ...actOn(found.version), reason } : { ...ACT, city, reason, entities: [{ kind: 'Download', id }] },
        NOT_HELD,
      );
    if (!found) return deny('ADDRESS_USED');
    const { version, holder, seal, handedBytes, hasBegun, isAdrift } = found;
    const size = bodySize(version.sizeBytes, seal !== null);
    if (found.isOver || (!hasBegun && address.expiresAt <= clock())) return deny('ADDRESS_EXPIRED');
    if (!isPresentedBy(holder, caller, sessionEnded)) return deny(sessionEnded ? 'SESSION_ENDED' : 'OTHER_ACCOUNT');
    if (hasBegun && handedBytes >= size) return deny('ADDRESS_USED');
    if (!(await isStillAllowed(parts, 'file:read', holder, version))) return deny('FORBIDDEN');
    const actor = asHolder(caller, holder);
    const asked = readRange(headers.range, size);
    if (asked === 'bad' || (asked !== null && hasBegun && !isAdrift && asked.start > handedBytes))
      return turnAway(
        parts,
        actor,
        { ...actOn(version), reason: 'RANGE' },
        {
          status: 416,
          code: 'BAD_USER_INPUT',
          message: 'Range: is one range bytes=a-b within the content, and begins at most where the last one ended.',
          headers: { 'content-range': `bytes */${size}` },
        },
      );
    const range = asked ?? { start: 0, end: size };
    return seats.within(holder.accountId, caller.requestId, async () => {
      const lease = newId(city, 'lea');
      const taken = await cities.of(city).transaction(async (tx) => {
        if (!(await takeDownload(tx, city, found, lease))) return false;
        const said = size === 0 ? 'bytes */0' : toContentRange(range, size);
        await appendAuditIn(tx, toEvent(actor, { ...actOn(version, said), outcome: Outcome.SUCCESS }));
        return true;
      });
      if (!taken)
        return turnAway(
          parts,
          actor,
          { ...actOn(version), reason: 'IN_USE' },
          {
            status: 409,
            code: 'BAD_USER_INPUT',
            message: 'Somebody is fetching from this address now.',
            headers: { 'retry-after': IN_USE_SECONDS },
          },
        );
      return {
        status: asked === null ? 200 : 206,
        headers: {
          'content-type': seal ? 'application/octet-stream' : version.contentType,
          'content-length': String(range.end - range.start),
          'content-disposition': toDisposition(version.name),
          'accept-ranges': 'bytes',
          ...(asked === null ? {} : { 'content-range': toContentRange(range, size) }),
        },
        body: noting(open(found, range, signal), found, lease, range.start, size, actor),
      };
    });
  };

  return { get, offerDownload };
};
