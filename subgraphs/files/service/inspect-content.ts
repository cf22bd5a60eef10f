import { fileTypeFromBuffer } from 'file-type';
import { releaseBytes } from '#platform/pure/release-bytes.ts';
import { type AllowedType, type Detected, judgeContent } from '../domain/content-type.ts';
import type { ContentRefusedReason } from '../domain/refusal.ts';

/** Bytes from the beginning by which a type is told. */
const HEAD_BYTES = 64 * 1024;
/** Longest end of a ZIP archive: its last record, 22 bytes, and a comment. */
const TAIL_BYTES = 22 + 65_535;
/** The test file of anti-malware scanners, in two parts so that this file is not taken for it. https://www.eicar.org/download-anti-malware-testfile/ */
const EICAR = Buffer.from(['X5O!P%@AP[4\\PZX54(P^)7CC)7}$', 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join(''), 'latin1');
/** Beginnings of what machines run or unpack; none may hide in the free first 128 bytes of a DICOM file. */
const RUNNABLE = [
  'MZ',
  '\x7fELF',
  '#!',
  'PK',
  '<',
  '%PDF',
  '%!PS',
  '\xca\xfe\xba\xbe',
  '\xfe\xed\xfa',
  '\xcf\xfa\xed\xfe',
  'Rar!',
  '7z\xbc\xaf',
];
/** What makes a browser or a server run a text: wherever it stands, and at its beginning. */
const MARKUP = /<(?:!doctype|\?(?:xml|php|=)|\/?(?:html|script|svg|iframe|embed)\b)|javascript:/i;
const MARKUP_BEGINNING = /^\ufeff?\s*(?:<[a-z!?/]|#!)/i;
/** Types that are made of letters, so that a text may be one of them. A note that begins with `BMI` is no bitmap. */
const LETTERED = new Set(['application/pdf', 'application/xml', 'application/rtf', 'application/postscript', 'text/html']);
const MARKUP_OVERLAP = 16;
/** Value representations of DICOM, https://dicom.nema.org/medical/dicom/current/output/chtml/part05/sect_6.2.html */
const REPRESENTATIONS = new Set(
  'AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV'.split(' '),
);
const LONG_REPRESENTATIONS = new Set('OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '));

const NOTHING = Buffer.alloc(0);

const startsWith = (bytes: Buffer, text: string): boolean => bytes.subarray(0, text.length).toString('latin1') === text;

/** Reads the data element at `at`; null where it is none. `next`: where the following one begins, null for an undefined length. */
const readElement = (head: Buffer, at: number, isBig: boolean): { readonly tag: number; readonly next: number | null } | null => {
  if (at + 8 > head.length) return null;
  const u16 = (place: number): number => (isBig ? head.readUInt16BE(place) : head.readUInt16LE(place));
  const u32 = (place: number): number => (isBig ? head.readUInt32BE(place) : head.readUInt32LE(place));
  const tag = u16(at) * 0x10000 + u16(at + 2);
  const representation = head.toString('latin1', at + 4, at + 6);
  let begin = at + 8;
  let length: number;
  if (REPRESENTATIONS.has(representation)) {
    if (LONG_REPRESENTATIONS.has(representation)) {
      if (at + 12 > head.length) return null;
      length = u32(at + 8);
      begin = at + 12;
    } else length = u16(at + 6);
  } else if (isBig) return null;
  else length = u32(at + 4);
  return { tag, next: length === 0xffffffff ? null : begin + length };
};

/**
 * Whether bytes are a DICOM data set without preamble: elements of ascending tags from group 0002 or 0008 on, each of a sound length, at
 * least three (or as many as the head holds).
 */
const isBareDicom = (head: Buffer, totalBytes: number): boolean =>
  [false, true].some((isBig) => {
    let at = 0;
    let last = -1;
    for (let count = 0; count < 3; count++) {
      const element = readElement(head, at, isBig);
      if (!element || element.tag <= last) return false;
      const group = Math.floor(element.tag / 0x10000);
      if (count === 0 && group !== 0x0002 && group !== 0x0008) return false;
      if (element.next === null) return count > 0;
      if (element.next > totalBytes) return false;
      if (element.next >= head.length) return count > 0;
      ({ tag: last } = element);
      at = element.next;
    }
    return true;
  });

const isDicom = (head: Buffer, totalBytes: number): boolean =>
  head.toString('latin1', 128, 132) === 'DICM' ? !RUNNABLE.some((beginning) => startsWith(head, beginning)) : isBareDicom(head, totalBytes);

/** Whether a ZIP archive ends where the content ends: readers of archives look there, whatever stands before. */
const endsAsZip = (tail: Buffer): boolean => {
  for (let at = tail.lastIndexOf('PK\x05\x06', undefined, 'latin1'); at >= 0; ) {
    if (at + 22 <= tail.length && at + 22 + tail.readUInt16LE(at + 20) === tail.length) return true;
    at = at === 0 ? -1 : tail.lastIndexOf('PK\x05\x06', at - 1, 'latin1');
  }
  return false;
};

/** Tells the type of a content that passes by. Nothing is unpacked or run, and nothing of it is kept but its ends. */
export type ContentInspector = {
  readonly write: (bytes: Uint8Array) => void;
  /** Why the content is refused, once all of it has passed; null where it is what it was declared to be. */
  readonly finish: () => Promise<ContentRefusedReason | null>;
};

/**
 * Inspects a content that was declared to be of a type. Texts are UTF-8 without NUL, other controls and markup. A type is told by the first
 * 64 KiB; scanners' test signature is looked for everywhere, and a ZIP archive behind something else. `sizeBytes`: how long the content was
 * told to be, where that is checked as well, so that nothing but its end has to be kept.
 */
export const makeContentInspector = (declared: AllowedType, sizeBytes = 0): ContentInspector => {
  const headParts: Buffer[] = [];
  let headBytes = 0;
  let totalBytes = 0;
  /** Room for two tails, so that most pieces are added without moving what is there; `tailEnd` bytes of it are written. */
  let tailRoom: Buffer | null = null;
  let tailEnd = 0;
  let last: Buffer = NOTHING;
  let isMalware = false;
  let isText = true;
  let hasMarkup = false;
  let before = '';
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

  const tail = (): Buffer => tailRoom?.subarray(Math.max(0, tailEnd - TAIL_BYTES), tailEnd) ?? NOTHING;
  const keepTail = (piece: Buffer): void => {
    const missing = sizeBytes - TAIL_BYTES - (totalBytes - piece.length);
    const end = piece.subarray(Math.max(0, missing, piece.length - TAIL_BYTES));
    if (end.length === 0) return;
    tailRoom ??= Buffer.allocUnsafeSlow(2 * TAIL_BYTES);
    if (tailEnd + end.length > tailRoom.length) tailEnd = tail().copy(tailRoom, 0);
    end.copy(tailRoom, tailEnd);
    tailEnd += end.length;
  };
  const readText = (bytes: Uint8Array | null): void => {
    if (!isText) return;
    const isBeginning = bytes !== null && totalBytes === bytes.length;
    try {
      const text = bytes === null ? decoder.decode() : decoder.decode(bytes, { stream: true });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what is looked for
      if (/[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]/.test(text)) isText = false;
      const searched = before + text;
      hasMarkup ||= MARKUP.test(searched) || (isBeginning && MARKUP_BEGINNING.test(text));
      before = searched.slice(-MARKUP_OVERLAP);
    } catch {
      isText = false;
    }
  };
  const detect = async (): Promise<string | null> => {
    if (totalBytes === 0) return 'empty';
    const head = Buffer.concat(headParts);
    if (isDicom(head, totalBytes)) return endsAsZip(tail()) ? 'application/zip' : 'application/dicom';
    readText(null);
    // A type of bytes goes before a reading as text: a PDF may be made of letters alone.
    const found = (await fileTypeFromBuffer(head))?.mime ?? null;
    if (found === 'application/pdf' && MARKUP.test(head.toString('latin1', 0, 1_024))) return 'text/html';
    if (!isText || (found !== null && LETTERED.has(found))) return endsAsZip(tail()) ? 'application/zip' : found;
    if (/^\ufeff?\s*[{[]/.test(head.toString('utf8'))) return 'application/json';
    return hasMarkup ? 'text/html' : 'text/plain';
  };

  return {
    write: (bytes) => {
      if (bytes.length === 0) return;
      const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      if (headBytes < HEAD_BYTES) {
        const part = Buffer.from(piece.subarray(0, HEAD_BYTES - headBytes));
        headParts.push(part);
        headBytes += part.length;
      }
      totalBytes += piece.length;
      // The end of what came before is looked at once more: a signature may lie across two pieces.
      const seam = Buffer.concat([last, piece.subarray(0, EICAR.length - 1)]);
      isMalware ||= seam.includes(EICAR) || piece.includes(EICAR);
      last = Buffer.concat([last, piece.subarray(-(EICAR.length - 1))]).subarray(-(EICAR.length - 1));
      keepTail(piece);
      readText(piece);
    },
    finish: async () => {
      const found: Detected = { isMalware, type: await detect() };
      if (tailRoom) releaseBytes(tailRoom);
      tailRoom = null;
      return judgeContent(declared, found);
    },
  };
};

/** Why a whole content is refused; null where it is what it was declared to be. */
export const inspectContent = (declared: AllowedType, content: Uint8Array): Promise<ContentRefusedReason | null> => {
  const inspector = makeContentInspector(declared);
  inspector.write(content);
  return inspector.finish();
};
