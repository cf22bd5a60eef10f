import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fromBase64, isBase64Url, provideBase64, toBase64 } from '#platform/sealing/base64.ts';

const alphabets = fc.constantFrom('base64' as const, 'base64url' as const);

describe('base64', () => {
  it('reads what it writes, in both alphabets, padded or not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), alphabets, fc.boolean(), (bytes, alphabet, omitPadding) => {
        const text = toBase64(bytes, { alphabet, omitPadding });
        expect(text.replace(/=+$/, '')).toBe(Buffer.from(bytes).toString(alphabet).replace(/=+$/, ''));
        expect(omitPadding ? text.includes('=') : text.length % 4 !== 0).toBe(false);
        expect(Buffer.from(fromBase64(text, { alphabet })).equals(bytes)).toBe(true);
        expect(isBase64Url(toBase64(bytes, { alphabet: 'base64url', omitPadding: true }))).toBe(true);
      }),
    );
  });

  it('takes no other character, wherever it stands', () => {
    for (let code = 0; code < 0x1_0000; code++) {
      const other = String.fromCharCode(code);
      if (/[A-Za-z0-9_-]/.test(other)) continue;
      for (const text of [`AAA${other}`, `${other}AAA`, `AA${other}`, `AAAA${other}A`]) {
        if (isBase64Url(text)) throw new Error(`takes U+${code.toString(16)}`);
      }
    }
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), alphabets, (text, alphabet) => {
        const pattern = alphabet === 'base64' ? /^[A-Za-z0-9+/]*={0,2}$/ : /^[A-Za-z0-9_-]*={0,2}$/;
        if (!pattern.test(text.replace(/[\t\n\f\r ]/g, ''))) expect(() => fromBase64(text, { alphabet })).toThrow(SyntaxError);
      }),
    );
  });

  it.each(['A', 'AAAAA', 'AA=', 'AAA==', 'A===', '====', '=', 'AA=A', 'AB+/', '\u0141AAA'])('refuses %s as base64url', (text) => {
    expect(() => fromBase64(text, { alphabet: 'base64url' })).toThrow(SyntaxError);
  });

  it('skips ASCII white space and stray bits as the standard does, and not where it is strict', () => {
    expect([...fromBase64(' QU\nJD\t')]).toEqual([65, 66, 67]);
    expect([...fromBase64('QR==')]).toEqual([65]);
    expect([...fromBase64('QQ== ', { lastChunkHandling: 'strict' })]).toEqual([65]);
    expect(() => fromBase64('QR==', { lastChunkHandling: 'strict' })).toThrow(SyntaxError);
    expect(() => fromBase64('QQ', { lastChunkHandling: 'strict' })).toThrow(SyntaxError);
    expect(['QQ', 'QR', 'QUI', 'QUJ', 'QUJD', '', 'QQ==', 'QQ '].map(isBase64Url)).toEqual([
      true,
      false,
      true,
      false,
      true,
      true,
      false,
      false,
    ]);
    expect(() => fromBase64(7 as unknown as string)).toThrow(TypeError);
    expect(() => fromBase64('', { alphabet: 'toString' as 'base64' })).toThrow(TypeError);
  });

  it('gives bytes of their own, not a window on others', () => {
    const bytes = fromBase64('QUJD');
    expect(bytes.buffer.byteLength).toBe(3);
  });

  it('is given to the runtime where it lacks it, unseen by loops', () => {
    provideBase64();
    const seen: string[] = [];
    for (const key in new Uint8Array(1)) seen.push(key);
    expect(seen).toEqual(['0']);
    const provided = Uint8Array as unknown as { fromBase64: typeof fromBase64 };
    const own = provided.fromBase64('-_8', { alphabet: 'base64url' }) as unknown as { toBase64: (options: object) => string };
    expect(own.toBase64({ alphabet: 'base64url', omitPadding: true })).toBe('-_8');
  });
});
