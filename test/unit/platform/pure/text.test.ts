import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BadInputError } from '#platform/pure/faults.ts';
import { cleanLine, codePoints, escapeLike, foldText, isUnfitText } from '#platform/pure/text.ts';

const clean = (text: string, max = 100) => cleanLine('input.name', text, max);

describe('cleanLine', () => {
  it.each([
    ['NUL', 'a\u0000b'],
    ['an escape', 'a\u001b[31mb'],
    ['a bell', '\u0007'],
    ['a C1 control', 'a\u0085b'],
    ['a lone high surrogate', 'a\ud800b'],
    ['a lone low surrogate', 'a\udc00'],
    ['a right-to-left override', 'a\u202eb'],
    ['an isolate', 'a\u2066b'],
    ['a right-to-left mark', 'a\u200fb'],
    ['a byte order mark', '\ufeffa'],
    ['a noncharacter', 'a\uffffb'],
  ])('refuses %s, naming the field and not the value', (_name, text) => {
    expect(isUnfitText(text)).toBe(true);
    let thrown: unknown;
    try {
      clean(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(BadInputError);
    expect((thrown as BadInputError).message).toBe('input.name: holds control characters; send plain text');
  });

  it.each(['', '   ', '\u200b', ' \t\n ', '\u200b \u2060'])('refuses what is empty once cleaned: %j', (text) => {
    expect(() => clean(text)).toThrow('input.name: is empty');
  });

  it('makes one of NFC and NFD', () => {
    const composed = '\u00c9lo\u00efse';
    expect(clean(composed.normalize('NFD'))).toBe(composed);
    expect(clean(composed)).toBe(composed);
  });

  it.each(["O'Brien", 'd’Arc-Côté', 'Zoé 😀', 'Nguyễn Thị', '李小龍'])('keeps %s as it is', (text) => {
    expect(clean(text)).toBe(text);
  });

  it('folds white space and takes zero-width characters out', () => {
    expect(clean('  Jean\t \nPaul\u200b  ')).toBe('Jean Paul');
  });

  it('counts code points, not halves of them', () => {
    expect(clean('😀'.repeat(10), 10)).toBe('😀'.repeat(10));
    expect(() => clean('😀'.repeat(11), 10)).toThrow('input.name: is longer than 10 characters');
    expect(() => clean('x'.repeat(10_000))).toThrow('longer than 100');
    expect(codePoints('a😀é')).toBe(3);
  });

  it('gives a text that it would give again, or says why not', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        let once: string;
        try {
          once = clean(text);
        } catch (error) {
          expect(error).toBeInstanceOf(BadInputError);
          return;
        }
        expect(clean(once, 1_000)).toBe(once);
        expect(once).toBe(once.normalize('NFC').trim());
        expect(once).not.toMatch(/\p{Cc}|\s{2}/u);
      }),
    );
  });
});

describe('foldText', () => {
  it.each([
    ['Éloïse', 'eloise'],
    ['\u0045\u0301loi\u0308se', 'eloise'],
    ['CŒUR', 'coeur'],
    ['d’Arc-CÔTÉ', "d'arc-cote"],
    ['Straße', 'strasse'],
    ['Nguyễn', 'nguyen'],
  ])('makes %s comparable', (text, folded) => {
    expect(foldText(text)).toBe(folded);
  });

  it('does not change what is folded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-composite', maxLength: 40 }), (text) => {
        expect(foldText(foldText(text))).toBe(foldText(text));
      }),
    );
  });
});

describe('escapeLike', () => {
  it('leaves nothing that LIKE would read', () => {
    expect(escapeLike('50%_\\')).toBe('50\\%\\_\\\\');
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(escapeLike(text).replace(/\\[\\%_]/g, '')).not.toMatch(/[\\%_]/);
        expect(escapeLike(text).replace(/\\([\\%_])/g, '$1')).toBe(text);
      }),
    );
  });
});
