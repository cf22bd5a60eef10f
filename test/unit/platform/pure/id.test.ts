import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { newId } from '#platform/database/new-id.ts';
import { cityOfId, parseId, toBase32, toId } from '#platform/pure/id.ts';

const capitals = fc.stringMatching(/^[A-Z]{3}$/);
const kinds = fc.stringMatching(/^[a-z]{3}$/);
const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
const parts = fc.tuple(capitals, kinds, bytes);

describe('an id', () => {
  it('is read as it was made', () => {
    fc.assert(
      fc.property(parts, ([city, kind, value]) => {
        expect(parseId(toId(city, kind, value))).toEqual({ city, kind, suffix: toBase32(value) });
      }),
    );
  });

  it('tells its city to whoever knows its kind, and to nobody else', () => {
    fc.assert(
      fc.property(parts, kinds, ([city, kind, value], other) => {
        expect(cityOfId(toId(city, kind, value), other)).toBe(other === kind ? city : null);
      }),
    );
  });

  it('is as long for every value and keeps the order of its bytes', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(toBase32(a)).toMatch(/^[0-7][0-9a-hjkmnp-tv-z]{25}$/);
        expect(Math.sign(Buffer.compare(a, b))).toBe(toBase32(a) < toBase32(b) ? -1 : toBase32(a) > toBase32(b) ? 1 : 0);
      }),
    );
  });

  it('is nothing but its form: any other text is none', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
        const id = parseId(text);
        if (id) expect(`${id.city}-${id.kind}-${id.suffix}`).toBe(text);
      }),
    );
  });

  const sound = 'MTL-pat-01jd0000000000000000000000';
  it.each([
    ['with a line behind it', `${sound}\n`],
    ['with a blank before it', ` ${sound}`],
    ['in capitals', sound.toUpperCase()],
    ['too short', sound.slice(0, -1)],
    ['too long', `${sound}0`],
    ['beyond 128 bits', 'MTL-pat-81jd0000000000000000000000'],
    ['with a letter that is none of the alphabet', 'MTL-pat-01jd000000000000000000000u'],
    ['empty', ''],
  ])('is none %s', (_name, text) => {
    expect(parseId(sound)).not.toBeNull();
    expect(parseId(text)).toBeNull();
  });

  it('is made fresh each time, later ones behind earlier ones', async () => {
    const before = newId('MTL', 'evt');
    await new Promise((resolve) => setTimeout(resolve, 3));
    const many = Array.from({ length: 1_000 }, () => newId('MTL', 'evt'));
    expect(new Set(many).size).toBe(1_000);
    expect(many.every((id) => id > before && cityOfId(id, 'evt') === 'MTL')).toBe(true);
  });
});
