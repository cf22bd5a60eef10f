import path from 'node:path';
import fc from 'fast-check';
import { guessType } from '#tools/files/guess-type.ts';
import { toLocalName, toShown, toSize } from '#tools/files/names.ts';

describe('names of files from a server', () => {
  it.each([
    ['report.pdf', 'report.pdf'],
    ['Échographie du genou.pdf', 'Échographie du genou.pdf'],
    ['../../etc/passwd', '_.._etc_passwd'],
    ['..\\..\\boot.ini', '_.._boot.ini'],
    ['/abs', '_abs'],
    ['.bashrc', 'bashrc'],
    ['..', 'file'],
    ['', 'file'],
    ['CON', '_CON'],
    ['lpt1.txt', '_lpt1.txt'],
    ['a\u202egpj.exe', 'agpj.exe'],
    ['a\0b\u001b[2Jc', 'ab[2Jc'],
    ['c:stream', 'c_stream'],
    ['trailing. . ', 'trailing'],
  ])('%j become safe', (given, name) => expect(toLocalName(given)).toBe(name));
  it('never leave the folder, are never hidden, empty or too long', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'grapheme', maxLength: 300 })), (given) => {
        const name = toLocalName(given);
        expect(path.dirname(path.resolve('/folder', name))).toBe('/folder');
        expect(path.win32.basename(name)).toBe(name);
        expect(name.startsWith('.') || name === '').toBe(false);
        expect(Buffer.byteLength(name)).toBeLessThanOrEqual(201);
        expect(name).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }),
      { numRuns: 1_000 },
    );
  });
  it('keep their extension when they are shortened', () => {
    const name = toLocalName(`${'é'.repeat(250)}.pdf`);
    expect([name.endsWith('é.pdf'), Buffer.byteLength(name) <= 200]).toEqual([true, true]);
  });
  it('are shown without what a terminal would act on', () => expect(toShown('a\u001b[31mb\u202ec\n')).toBe('a\ufffd[31mb\ufffdc\ufffd'));
});

describe('types of local files', () => {
  const text = (content: string) => new TextEncoder().encode(content);
  it.each([
    ['a.PDF', '', 'application/pdf'],
    ['a.dcm', '', 'application/dicom'],
    ['bundle.fhir.json', '', 'application/fhir+json'],
    ['bundle.json', '', 'application/json'],
    ['scan', '%PDF-1.7\n', 'application/pdf'],
    ['scan', `${'\0'.repeat(128)}DICM${'\0'.repeat(64)}`, 'application/dicom'],
    ['notes', 'plain words', null],
    ['a.zip', 'PK\u0003\u0004', null],
  ])('%s is told by name or beginning', async (name, content, type) => expect(await guessType(name, text(content))).toBe(type));
});

it.each([
  [0, '0 B'],
  [1, '1 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1_572_864, '1.5 MiB'],
  [5 * 1024 ** 3, '5.0 GiB'],
  [2 ** 53, '8192 TiB'],
])('%d bytes read as %s', (bytes, text) => expect(toSize(bytes)).toBe(text));
