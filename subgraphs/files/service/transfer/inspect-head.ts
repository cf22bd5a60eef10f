import type { AllowedType } from '../../domain/content-type.ts';
import type { ContentRefusedReason } from '../../domain/refusal.ts';
import { inspectContent } from '../inspect-content.ts';

/** A beginning without the letter that it may cut in two. */
const atLetter = (bytes: Buffer): Buffer => {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) break;
    if (byte >= 0xc0) return bytes.subarray(0, bytes.length - back);
  }
  return bytes;
};
/** A DICOM data set without preamble begins with group 0002 or 0008; how long it is only its whole length tells. */
const mayBeBareDicom = (bytes: Buffer): boolean =>
  bytes.length >= 2 && [0x0002, 0x0008].some((group) => bytes.readUInt16LE(0) === group || bytes.readUInt16BE(0) === group);

/**
 * Why a content is refused by its beginning, before any of it is stored; null where it may be what it was declared to be. What only the
 * whole can tell is left to whoever sees the whole.
 */
export const inspectHead = async (declared: AllowedType, head: Buffer, isWhole: boolean): Promise<ContentRefusedReason | null> => {
  if (isWhole) return inspectContent(declared, head);
  if (declared === 'application/dicom' && mayBeBareDicom(head)) return null;
  return inspectContent(declared, atLetter(head));
};
