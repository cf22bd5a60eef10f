import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { buildSchema, GraphQLError, type GraphQLScalarType, graphql, parseValue as parseLiteralText, valueFromAST } from 'graphql';
import { CalendarDate, DateTime, LocalDateTime, parseInstant } from '#platform/graphql/scalars.ts';

const BAD_TIMES = [
  '2027-02-10T13:00:00',
  '2027-02-10 13:00:00Z',
  '2027-02-10T13:00:00+0500',
  '2027-02-10T24:00:00Z',
  '2027-02-10T23:60:00Z',
  '2027-06-30T23:59:60Z',
  '2027-02-29T12:00:00Z',
  '2027-04-31T12:00:00Z',
  '2027-13-01T12:00:00Z',
  '2027-00-10T12:00:00Z',
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00Z',
  '9999-12-31T23:59:59Z',
  '+275760-09-13T00:00:00Z',
  '2027-02-10T13:00:00+99:99',
  '2027-02-10T13:00:00+14:01',
  '2027-02-10T13:00:00-15:00',
  '2027-02-10T13:00:00+05:60',
  '2027-02-10T13:00:00Z ',
  '2027-02-10T13:00:00Z\n',
  '2027-2-10T13:00:00Z',
  '２０２７-02-10T13:00:00Z',
  '2027-02-10',
  'now',
  '',
  "2027-02-10T13:00:00Z'; DROP TABLE slot; --",
];
const NO_TEXTS = [0, -0, 1.5, 2 ** 31, Number.POSITIVE_INFINITY, Number.NaN, true, null, {}, [], ['2027-02-10T13:00:00Z']];

const refuses = (scalar: GraphQLScalarType, value: unknown): void => {
  let thrown: unknown;
  try {
    scalar.parseValue(value);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(GraphQLError);
  expect((thrown as GraphQLError).extensions['code']).toBe('BAD_USER_INPUT');
  // One text for whatever is wrong: nothing of the value can be in it.
  expect((thrown as GraphQLError).message).toMatch(/^A (DateTime|Date|LocalDateTime) is [^']*, such as [^']*\.$/);
};

describe('DateTime', () => {
  it.each(BAD_TIMES)('refuses %j', (text) => {
    expect(parseInstant(text)).toBeNull();
    refuses(DateTime, text);
  });

  it.each(NO_TEXTS.map((value) => [value]))('refuses %p, which is no text', (value) => {
    refuses(DateTime, value);
  });

  it.each([
    ['2027-02-10T13:00:00-05:00', '2027-02-10T18:00:00.000Z'],
    ['2027-02-10T13:00Z', '2027-02-10T13:00:00.000Z'],
    ['2028-02-29T23:59:59.999999Z', '2028-02-29T23:59:59.999Z'],
    ['2027-11-07T01:30:00-04:00', '2027-11-07T05:30:00.000Z'],
    ['2027-11-07T01:30:00-05:00', '2027-11-07T06:30:00.000Z'],
    ['2027-02-10T00:00:00+14:00', '2027-02-09T10:00:00.000Z'],
  ])('reads %s as %s', (text, utc) => {
    expect(DateTime.serialize(DateTime.parseValue(text))).toBe(utc);
  });

  it('gives back every instant it takes', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date('1900-01-01T00:00:00Z'), max: new Date('2199-12-31T23:59:59Z'), noInvalidDate: true }), (at) => {
        expect(DateTime.parseValue(DateTime.serialize(at))).toEqual(at);
      }),
    );
  });

  it('takes any text without falling over', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})$/)), (text) => {
        const at = parseInstant(text);
        if (at) expect(Number.isNaN(at.getTime())).toBe(false);
      }),
    );
  });

  it.each(['5', '1.5', 'true', 'NOW', '["2027-02-10T13:00:00Z"]', '{ at: "x" }', '"2027-02-10T13:00:00"'])(
    'refuses the literal %s',
    (literal) => {
      expect(() => DateTime.parseLiteral(parseLiteralText(literal))).toThrow(GraphQLError);
      expect(valueFromAST(parseLiteralText(literal), DateTime)).toBeUndefined();
    },
  );
});

describe('Date', () => {
  it.each([
    '2027-02-29',
    '2027-13-01',
    '0000-01-01',
    '1849-12-31',
    '2200-01-01',
    '1984-2-9',
    '19840229',
    '1984-02-29T00:00:00Z',
    '',
    'today',
  ])('refuses %j', (text) => refuses(CalendarDate, text));
  it.each(NO_TEXTS.map((value) => [value]))('refuses %p, which is no text', (value) => refuses(CalendarDate, value));
  it('takes a day that exists, leap days as well', () => {
    expect(CalendarDate.parseValue('1984-02-29')).toBe('1984-02-29');
  });
});

describe('LocalDateTime', () => {
  it.each(['2027-02-10', '2027-02-10T08', '2027-02-10T08:00Z', '2027-02-10 08:00', '', '08:00'])('refuses %j', (text) =>
    refuses(LocalDateTime, text),
  );
  it.each(NO_TEXTS.map((value) => [value]))('refuses %p, which is no text', (value) => refuses(LocalDateTime, value));
  it.each(['2027-02-10T08:00', '2027-02-10T08:00:00', '2027-11-07T01:30-04:00'])('takes the form %s', (text) => {
    expect(LocalDateTime.parseValue(text)).toBe(text);
  });
});

describe('a number', () => {
  const schema = buildSchema('type Query { places(n: Int!): Int }');
  const ask = (n: unknown) =>
    graphql({
      schema,
      source: 'query ($n: Int!) { places(n: $n) }',
      variableValues: { n },
      rootValue: { places: ({ n: given }: { n: number }) => given },
    });

  it.each([2 ** 31, -(2 ** 31) - 1, Number.POSITIVE_INFINITY, Number.NaN, 0.1 + 0.2, '5', true, null, [1]].map((n) => [n]))(
    'is refused as %p',
    async (n) => {
      const { data, errors } = await ask(n);
      expect(data).toBeUndefined();
      expect(errors).toHaveLength(1);
    },
  );
  it.each([2 ** 31 - 1, 0, -0])('is taken as %p', async (n) => {
    expect((await ask(n)).data).toEqual({ places: n });
  });
});
