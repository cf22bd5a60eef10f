import { describe, expect, it } from '@jest/globals';
import { ALLOWED_TYPES, type AllowedType, toAllowedType } from '#files/domain/content-type.ts';
import { inspectContent, makeContentInspector } from '#files/service/inspect-content.ts';
import { realFiles } from '#test/support/real-files.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const padded = (beginning: string, at: number, text: string): Buffer => {
  const bytes = Buffer.alloc(at + text.length);
  bytes.write(beginning, 0, 'latin1');
  bytes.write(text, at, 'latin1');
  return bytes;
};
/** A data element of DICOM, explicit little endian. */
const element = (group: number, number: number, representation: string, value: string): Buffer => {
  const bytes = Buffer.alloc(8 + value.length);
  bytes.writeUInt16LE(group, 0);
  bytes.writeUInt16LE(number, 2);
  bytes.write(representation, 4, 'latin1');
  bytes.writeUInt16LE(value.length, 6);
  bytes.write(value, 8, 'latin1');
  return bytes;
};
const implicit = (group: number, number: number, value: string): Buffer => {
  const bytes = Buffer.alloc(8 + value.length);
  bytes.writeUInt16LE(group, 0);
  bytes.writeUInt16LE(number, 2);
  bytes.writeUInt32LE(value.length, 4);
  bytes.write(value, 8, 'latin1');
  return bytes;
};
const bareDicom = Buffer.concat([
  element(8, 5, 'CS', 'ISO_IR 100'),
  element(8, 0x16, 'UI', '1.2.840.10008.5.1'),
  element(8, 0x60, 'CS', 'CT'),
  element(0x10, 0x10, 'PN', 'Tremblay^Eloise '),
]);
const implicitDicom = Buffer.concat([implicit(8, 5, 'ISO_IR 100'), implicit(8, 0x16, '1.2.840.10008.5.1 '), implicit(8, 0x60, 'MR')]);
const dicom = padded('', 128, 'DICM\x02\0\0\0UL\x04\0\xb0\0\0\0');
const tiffDicom = padded('II*\0\x54\x18\x08\0', 128, 'DICM\x02\0\0\0UL\x04\0\xb0\0\0\0');
const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const jpeg = Buffer.concat([
  Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex'),
  latin1('Exif <script>alert(1)</script>'),
  Buffer.from('ffd9', 'hex'),
]);
const pdf = latin1('%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n%%EOF\n');
const tiff = latin1(`II*\0\x08\0\0\0\x01\0\0\x01\x03\0\x01\0\0\0\x01\0\0\0${'\0'.repeat(32)}`);
const zip = latin1(`PK\x03\x04\x14\0\0\0\0\0${'\0'.repeat(16)}\x05\0\0\0hello PK\x01\x02${'\0'.repeat(42)}PK\x05\x06${'\0'.repeat(18)}`);
const zipTail = latin1(`PK\x01\x02${'\0'.repeat(42)}PK\x05\x06${'\0'.repeat(18)}`);
const exe = latin1(`MZ\x90\0\x03${'\0'.repeat(120)}PE\0\0`);
const eicar = latin1(['X5O!P%@AP[4\\PZX54(P^)7CC)7}$', 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join(''));

describe('a content of what it was declared to be', () => {
  it.each<[string, AllowedType, Buffer]>([
    ['a DICOM file', 'application/dicom', dicom],
    ['a DICOM file that is a TIFF as well', 'application/dicom', tiffDicom],
    ['a DICOM data set without preamble', 'application/dicom', bareDicom],
    ['one with implicit representations', 'application/dicom', implicitDicom],
    ['a PDF', 'application/pdf', pdf],
    ['a PNG', 'image/png', png],
    ['a JPEG, whatever its Exif says', 'image/jpeg', jpeg],
    ['a TIFF', 'image/tiff', tiff],
    ['a French text', 'text/plain', Buffer.from('Écho cœur : fraction d’éjection < 40 %\r\n\tà revoir')],
    ['a text that begins like a bitmap', 'text/plain', Buffer.from('BMI 27.4, BP <120 / 80')],
    ['a text that begins like a program', 'text/plain', Buffer.from('MZ twins, healthy')],
    ['a text with a byte order mark', 'text/plain', Buffer.from('\ufeffnote')],
    ['JSON as a text', 'text/plain', Buffer.from('{"a":1}')],
    ['a table', 'text/csv', Buffer.from('date;valeur\n2026-01-02;7,1\n')],
    ['JSON', 'application/json', Buffer.from(' [1, 2]')],
    ['FHIR with a narrative', 'application/fhir+json', Buffer.from('{"text":{"div":"<div>ok</div>"}}')],
    ['no bytes at all', 'text/plain', Buffer.alloc(0)],
    ['one byte', 'text/plain', Buffer.from('x')],
  ])('is taken: %s', async (_what, declared, bytes) => {
    expect(await inspectContent(declared, bytes)).toBeNull();
  });

  const real = realFiles();
  if (real.length === 0) console.warn('the real medical files are not beside the repository: 1 test of each is left out');
  const withReal = real.length > 0 ? it.each(real) : it.skip.each([{ name: 'the real files', contentType: '', bytes: Buffer.alloc(0) }]);
  withReal('is taken: $name', async ({ contentType, bytes }) => {
    expect(await inspectContent(contentType as AllowedType, bytes)).toBeNull();
  });
});

describe('a content of another type', () => {
  it.each<[string, AllowedType, Buffer, string]>([
    ['PDF declared as PNG', 'image/png', pdf, 'TYPE_MISMATCH'],
    ['PNG declared as PDF', 'application/pdf', png, 'TYPE_MISMATCH'],
    ['text declared as DICOM', 'application/dicom', Buffer.from('plain'), 'TYPE_MISMATCH'],
    ['noise declared as DICOM', 'application/dicom', Buffer.from('08f0ff3399'.repeat(40), 'hex'), 'TYPE_MISMATCH'],
    ['nothing declared as PDF', 'application/pdf', Buffer.alloc(0), 'TYPE_MISMATCH'],
    ['PDF not at the beginning', 'application/pdf', Buffer.concat([Buffer.from('note\n'), pdf]), 'TYPE_MISMATCH'],
    ['HTML before a PDF', 'application/pdf', Buffer.concat([Buffer.from('<html><script>1</script>'), pdf]), 'TYPE_NOT_ALLOWED'],
    ['HTML right behind a PDF’s first line', 'application/pdf', latin1('%PDF-1.7\n<html><script>alert(1)</script>'), 'TYPE_NOT_ALLOWED'],
    ['archive behind a PDF', 'application/pdf', Buffer.concat([pdf, zipTail]), 'TYPE_NOT_ALLOWED'],
    ['archive behind a PNG', 'image/png', Buffer.concat([png, zipTail]), 'TYPE_NOT_ALLOWED'],
    ['archive behind a DICOM file', 'application/dicom', Buffer.concat([dicom, zipTail]), 'TYPE_NOT_ALLOWED'],
    [
      'program in the preamble of a DICOM file',
      'application/dicom',
      padded('MZ', 128, 'DICM\x02\0\0\0UL\x04\0\xb0\0\0\0'),
      'TYPE_NOT_ALLOWED',
    ],
    ['ZIP archive', 'application/pdf', zip, 'TYPE_NOT_ALLOWED'],
    ['ZIP archive as a text', 'text/plain', zip, 'TYPE_NOT_ALLOWED'],
    ['program', 'application/dicom', exe, 'TYPE_NOT_ALLOWED'],
    ['SVG', 'text/plain', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'), 'TYPE_NOT_ALLOWED'],
    ['SVG as an image', 'image/png', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'TYPE_NOT_ALLOWED'],
    ['XML', 'text/plain', Buffer.from('<?xml version="1.0"?><a/>'), 'TYPE_NOT_ALLOWED'],
    ['XML without a declaration', 'text/plain', Buffer.from('<ClinicalDocument xmlns="urn:hl7-org:v3"/>'), 'TYPE_NOT_ALLOWED'],
    ['HTML', 'text/plain', Buffer.from('<!DOCTYPE html><p>hi'), 'TYPE_NOT_ALLOWED'],
    ['HTML behind spaces and a mark', 'text/csv', Buffer.from('\ufeff \n\t<p onclick="x()">'), 'TYPE_NOT_ALLOWED'],
    ['script in the middle of a text', 'text/plain', Buffer.from(`${'note '.repeat(400)}<ScRiPt src=x>`), 'TYPE_NOT_ALLOWED'],
    ['shell script', 'text/plain', Buffer.from('#!/bin/sh\nrm'), 'TYPE_NOT_ALLOWED'],
    ['text with NUL', 'text/plain', Buffer.from('a\0b'), 'TYPE_MISMATCH'],
    ['Latin-1', 'text/plain', latin1('\xc9cho c\x9cur'), 'TYPE_MISMATCH'],
    ['half a character', 'text/plain', Buffer.from('é').subarray(0, 1), 'TYPE_MISMATCH'],
    ['UTF-16', 'text/plain', Buffer.from('\ufeffnote', 'utf16le'), 'TYPE_MISMATCH'],
    ['text declared as JSON', 'application/fhir+json', Buffer.from('note'), 'TYPE_MISMATCH'],
    ['scanners’ test signature', 'text/plain', eicar, 'MALWARE_SIGNATURE'],
    ['the signature within', 'application/pdf', Buffer.concat([pdf, eicar, pdf]), 'MALWARE_SIGNATURE'],
  ])('is refused: %s', async (_what, declared, bytes, reason) => {
    expect(await inspectContent(declared, bytes)).toBe(reason);
  });
});

describe('in pieces', () => {
  it.each([1, 7, 64, 1_000])('of %i bytes it is judged as in one', async (size) => {
    for (const [declared, bytes] of [
      ['application/pdf', Buffer.concat([pdf, eicar])],
      ['application/pdf', Buffer.concat([pdf, zipTail])],
      ['text/plain', Buffer.from(`${'é'.repeat(600)}<script>`)],
      ['text/plain', Buffer.from('œ'.repeat(900))],
      ['application/dicom', bareDicom],
    ] as const) {
      const inspector = makeContentInspector(declared);
      for (let at = 0; at < bytes.length; at += size) inspector.write(bytes.subarray(at, at + size));
      expect(await inspector.finish()).toBe(await inspectContent(declared, bytes));
    }
  });
});

describe('toAllowedType', () => {
  it('reads the essence of a media type', () => {
    expect(toAllowedType(' Text/Plain; charset=utf-8')).toBe('text/plain');
    for (const type of ALLOWED_TYPES) expect(toAllowedType(type)).toBe(type);
  });

  it.each([
    '',
    'text/html',
    'image/svg+xml',
    'application/javascript',
    'application/zip',
    'application/octet-stream',
    'constructor',
    'text',
  ])('keeps no %s', (type) => {
    expect(toAllowedType(type)).toBeNull();
  });
});
