import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { makeCursorCodec, pageSize, toConnection } from '#platform/paging/connection.ts';
import { BadInputError } from '#platform/pure/faults.ts';

const key = randomBytes(32).toString('base64url');
const codec = makeCursorCodec(key);

describe('a cursor', () => {
  it('is read as it was made, in its own scope', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), (scope, position) => {
        expect(codec.decode(scope, codec.encode(scope, position))).toEqual(JSON.parse(JSON.stringify(position)));
      }),
    );
  });

  it('is refused in any other scope', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (scope, other) => {
        fc.pre(scope !== other);
        expect(() => codec.decode(other, codec.encode(scope, 1))).toThrow(BadInputError);
      }),
    );
  });

  it('is refused where a boundary between scope and position was moved', () => {
    expect(() => codec.decode('slots"', codec.encode('slots', '"x'))).toThrow(BadInputError);
  });

  it('is refused with any bit of it turned', () => {
    const bytes = Buffer.from(codec.encode('slots', { MTL: '12', QUE: '7' }), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const turned = Buffer.from(bytes);
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => codec.decode('slots', turned.toString('base64url'))).toThrow(BadInputError);
    }
  });

  it('is refused cut off at any length, and made longer', () => {
    const cursor = codec.encode('slots', { MTL: '12' });
    for (let length = 0; length < cursor.length; length++)
      expect(() => codec.decode('slots', cursor.slice(0, length))).toThrow(BadInputError);
    expect(() => codec.decode('slots', `${cursor}AAAA`)).toThrow(BadInputError);
  });

  it.each(['', ' ', 'MQ==', "' OR 1=1 --", '{"MTL":1}', 'é', 'A'.repeat(2_001)])('is none: %j', (text) => {
    expect(() => codec.decode('slots', text)).toThrow('after: is no cursor of this list');
  });

  it('is refused by another key', () => {
    const other = makeCursorCodec(randomBytes(32).toString('base64url'));
    expect(() => other.decode('slots', codec.encode('slots', 1))).toThrow(BadInputError);
  });

  it('needs a key of 32 bytes', () => {
    expect(() => makeCursorCodec(randomBytes(31).toString('base64url'))).toThrow('at least 32 bytes');
  });
});

describe('pageSize', () => {
  it.each([0, -1, 101, 2_147_483_647, 1.5, Number.NaN, null])('refuses %p', (first) => {
    expect(() => pageSize(first)).toThrow('first: must be from 1 to 100');
  });
  it.each([
    [undefined, 25],
    [1, 1],
    [100, 100],
  ])('takes %p as %p', (first, size) => {
    expect(pageSize(first)).toBe(size);
  });
});

describe('toConnection', () => {
  it('shows a page of the rows and says whether more follows', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 30 }), fc.integer({ min: 1, max: 20 }), fc.boolean(), (rows, first, before) => {
        const page = toConnection(rows, first, (row) => `c${row}`, before);
        expect(page.nodes).toEqual(rows.slice(0, first));
        expect(page.edges).toEqual(page.nodes.map((node) => ({ cursor: `c${node}`, node })));
        expect(page.pageInfo).toEqual({
          hasNextPage: rows.length > first,
          hasPreviousPage: before,
          startCursor: page.edges[0]?.cursor ?? null,
          endCursor: page.edges.at(-1)?.cursor ?? null,
        });
      }),
    );
  });
});
