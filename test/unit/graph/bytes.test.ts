import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Kind } from 'graphql';
import { StoreFullError, StoreUnavailableError } from '#platform/blobs/store.ts';
import { toGraphError } from '#platform/graphql/errors.ts';
import { Base64, ByteCount } from '#platform/graphql/scalars.ts';
import { KeyRefusedError, KeysUnavailableError } from '#platform/keys/key-ring.ts';
import { LimitExceededError } from '#platform/pure/faults.ts';
import { IntegrityError } from '#platform/vault/vault.ts';

const codeOf = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return (error as { extensions?: { code?: unknown } }).extensions?.code;
  }
  return 'taken';
};

describe('Base64', () => {
  it('gives back the bytes that went in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const text = Base64.serialize(bytes);
        expect(Buffer.from(Base64.parseValue(text)).equals(Buffer.from(bytes))).toBe(true);
        expect(Buffer.from(Base64.parseLiteral({ kind: Kind.STRING, value: text })).equals(Buffer.from(bytes))).toBe(true);
      }),
    );
  });

  it('shows a part of a larger buffer alone', () => {
    expect(Base64.serialize(Buffer.from('xabcx').subarray(1, 4))).toBe('YWJj');
  });

  it.each(['YQ', 'YQ=', 'YR==', 'Y Q==', 'YQ==\n', '-_8=', 'YQ==YQ==', '=', '\u{1f600}', 1, null, {}, ['YQ==']])('refuses %j', (value) => {
    expect(codeOf(() => Base64.parseValue(value))).toBe('BAD_USER_INPUT');
  });

  it('is written as a text', () => {
    expect(codeOf(() => Base64.parseLiteral({ kind: Kind.INT, value: '1' }))).toBe('BAD_USER_INPUT');
    expect(() => Base64.serialize('text')).toThrow(TypeError);
  });
});

describe('ByteCount', () => {
  it.each([0, 1, 2 ** 31, 5 * 2 ** 40, Number.MAX_SAFE_INTEGER])('takes %d', (count) => {
    expect(ByteCount.parseValue(count)).toBe(count);
    expect(ByteCount.parseLiteral({ kind: Kind.INT, value: String(count) })).toBe(count);
    expect(ByteCount.serialize(count)).toBe(count);
  });

  it.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, '1', null, 1n])('refuses %p', (value) => {
    expect(codeOf(() => ByteCount.parseValue(value))).toBe('BAD_USER_INPUT');
    expect(() => ByteCount.serialize(value)).toThrow(TypeError);
  });

  it('is written as a whole number', () => {
    expect(codeOf(() => ByteCount.parseLiteral({ kind: Kind.STRING, value: '1' }))).toBe('BAD_USER_INPUT');
    expect(codeOf(() => ByteCount.parseLiteral({ kind: Kind.INT, value: '9007199254740993' }))).toBe('BAD_USER_INPUT');
  });
});

describe('what callers are told of stores and keys', () => {
  it.each([
    [new IntegrityError('chunk 7 of MTL-blb-1'), 'INTEGRITY_ERROR'],
    [new KeyRefusedError('key MTL-2'), 'INTEGRITY_ERROR'],
    [new StoreFullError('primary'), 'STORAGE_FULL'],
    [new StoreUnavailableError('backup'), 'SUBGRAPH_UNAVAILABLE'],
    [new KeysUnavailableError('at 10.0.0.7'), 'SUBGRAPH_UNAVAILABLE'],
    [new LimitExceededError('ask for less'), 'LIMIT_EXCEEDED'],
  ])('%s: %s', (error, code) => {
    const told = toGraphError(error);
    expect(told?.extensions['code']).toBe(code);
    if (!(error instanceof LimitExceededError)) expect(told?.message).not.toContain(error.message);
  });
});
