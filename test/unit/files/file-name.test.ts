import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cleanFileName } from '#files/domain/file-name.ts';
import { BadInputError } from '#platform/pure/faults.ts';

const clean = (name: string): string => cleanFileName('input.name', name);
/** What the caller is told; the name itself must not stand in it. */
const refusal = (name: string): string => {
  try {
    clean(name);
  } catch (error) {
    expect(error).toBeInstanceOf(BadInputError);
    expect((error as BadInputError).field).toBe('input.name');
    if (name.length > 3) expect((error as Error).message).not.toContain(name);
    return (error as Error).message;
  }
  throw new Error('the name was taken');
};

describe('cleanFileName', () => {
  it.each([
    "Écho cœur d'Éloïse.pdf",
    'Radiographie du 12 février (côté gauche).dcm',
    '.profile',
    'résumé.final.v2.txt',
    '100% sûr.txt',
    'COM10.txt',
    'console.log',
    'nulle.txt',
    '検査結果.pdf',
    'نتيجة.pdf',
    'a',
    '…',
  ])('keeps %s as it is', (name) => {
    expect(clean(name)).toBe(name.normalize('NFC'));
  });

  it('writes accents in one way and drops spaces at the ends', () => {
    expect(clean('  E\u0301cho cœur.pdf\u00a0')).toBe('Écho cœur.pdf');
  });

  it.each([
    ['path upwards', '../../etc/passwd'],
    ['path upwards of Windows', '..\\..\\boot.ini'],
    ['absolute path', '/etc/shadow'],
    ['drive', 'C:evil.txt'],
    ['percent form', '%2e%2e%2fetc%2fpasswd'],
    ['percent form in capitals', '%2E%2E/x'],
    ['percent form of a percent form', '%252e%252e%252fx'],
    ['percent form of NUL', 'a.pdf%00.exe'],
    ['full-width separator', 'a\uff0fb'],
    ['division slash', 'a\u2215b'],
    ['one dot', '.'],
    ['two dots', '..'],
    ['NUL', 'a\0.pdf'],
    ['line feed', 'a\nb'],
    ['escape', 'a\u001b[31m'],
    ['right-to-left override', 'scan\u202efdp.exe'],
    ['isolate', 'scan\u2066.pdf'],
    ['zero-width space', 'sc\u200ban.pdf'],
    ['joiner', 'sc\u200dan.pdf'],
    ['byte order mark', '\ufeffscan.pdf'],
    ['soft hyphen', 'sc\u00adan.pdf'],
    ['tag character', 'scan\u{e0041}.pdf'],
    ['Hangul filler', 'scan\u3164.pdf'],
    ['private use', 'scan\ue000.pdf'],
    ['noncharacter', 'scan\uffff.pdf'],
    ['lone surrogate', 'scan\ud800.pdf'],
    ['line separator', 'a\u2028b'],
    ['device', 'CON'],
    ['device with extension', 'com1.txt'],
    ['device with two extensions', 'nul.tar.gz'],
    ['device with a space', 'aux .txt'],
    ['device with a superscript', 'COM¹.txt'],
    ['dot at the end', 'scan.pdf.'],
    ['wildcard', 'scan*.pdf'],
    ['stream of Windows', 'scan.pdf:hidden'],
    ['quote', 'a"b'],
    ['nothing', ''],
    ['spaces alone', ' \u00a0 '],
    ['256 characters', 'a'.repeat(256)],
    ['256 bytes', 'é'.repeat(128)],
  ])('refuses a %s', (_what, name) => {
    expect(refusal(name)).toMatch(/^input\.name: /);
  });

  it('takes 255 characters, and 255 bytes', () => {
    expect(clean('a'.repeat(255))).toHaveLength(255);
    expect(clean(`${'é'.repeat(127)}a`)).toHaveLength(128);
  });

  it('gives nothing that it would not take again, and nothing that a path is made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (given) => {
        let name: string;
        try {
          name = clean(given);
        } catch (error) {
          return error instanceof BadInputError;
        }
        expect(clean(name)).toBe(name);
        expect(name).not.toMatch(/[/\\\0:]|^\.{1,2}$|[\u202a-\u202e\u2066-\u2069]/);
        return true;
      }),
    );
  });
});
