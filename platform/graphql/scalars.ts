import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';
import { graphError } from './errors.ts';

const INSTANT = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;
const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;
const LOCAL = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(?:[+-]\d{2}:\d{2})?$/;
const bad = (message: string) => graphError('BAD_USER_INPUT', message);

const isDay = (year: number, month: number, day: number): boolean => {
  const date = new Date(Date.UTC(year, month - 1, day));
  return year >= 1 && date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
};

/** Reads an instant with an offset; null for anything else (leap seconds, `24:00`, years outside 1900–2199, offsets beyond ±14:00). */
export const parseInstant = (text: string): Date | null => {
  const match = INSTANT.exec(text);
  if (!match) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map((part) => Number(part ?? 0));
  if (year < 1900 || year > 2199 || !isDay(year, month, day) || hour > 23 || minute > 59 || second > 59) return null;
  const offset = match[7] ?? 'Z';
  if (offset !== 'Z') {
    const hours = Number(offset.slice(1, 3));
    const minutes = Number(offset.slice(4, 6));
    if (hours > 14 || minutes > 59 || (hours === 14 && minutes > 0)) return null;
  }
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? null : at;
};

/** Reads a value of the document; what is wrong with it is told with its node, from which callers learn its place. */
const readLiteral = <T>(node: ValueNode, read: (node: ValueNode) => T): T => {
  try {
    return read(node);
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    throw new GraphQLError(error.message, { nodes: node, extensions: error.extensions });
  }
};
const readText = <T>(node: ValueNode, what: string, read: (text: string) => T): T =>
  readLiteral(node, (given) => {
    if (given.kind !== Kind.STRING) throw bad(`A ${what} is written as a text in quotes.`);
    return read(given.value);
  });

const toInstant = (value: unknown): Date => {
  const at = typeof value === 'string' ? parseInstant(value) : null;
  if (!at) throw bad('A DateTime is an instant with an offset, such as 2027-02-10T13:00:00-05:00.');
  return at;
};

/** An instant, RFC 3339 with an offset; a `Date` inside. */
export const DateTime = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  serialize: (value) => (value instanceof Date ? value : new Date(String(value))).toISOString(),
  parseValue: toInstant,
  parseLiteral: (node) => readText(node, 'DateTime', toInstant),
});

const toDay = (value: unknown): string => {
  const match = typeof value === 'string' ? DAY.exec(value) : null;
  const [year = 0, month = 0, day = 0] = match?.slice(1, 4).map(Number) ?? [];
  if (!match || year < 1850 || year > 2199 || !isDay(year, month, day)) throw bad('A Date is a day that exists, such as 1984-02-29.');
  return match[0];
};

/** A calendar day; `YYYY-MM-DD` inside. */
export const CalendarDate = new GraphQLScalarType<string, string>({
  name: 'Date',
  serialize: (value) => (value instanceof Date ? value.toISOString().slice(0, 10) : String(value)),
  parseValue: toDay,
  parseLiteral: (node) => readText(node, 'Date', toDay),
});

const toLocal = (value: unknown): string => {
  if (typeof value !== 'string' || !LOCAL.test(value)) throw bad('A LocalDateTime is a wall-clock time, such as 2027-02-10T08:00.');
  return value;
};

/** A wall-clock time in a city's zone, with an offset only where it happens twice. Its text inside; whether it exists is the domain's question. */
export const LocalDateTime = new GraphQLScalarType<string, string>({
  name: 'LocalDateTime',
  serialize: String,
  parseValue: toLocal,
  parseLiteral: (node) => readText(node, 'LocalDateTime', toLocal),
});

const toBytes = (value: unknown): Uint8Array => {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : null;
  // The decoder skips what it does not know: only what comes out the same again was base64.
  if (bytes === null || bytes.toString('base64') !== value)
    throw bad('A Base64 is bytes in base64 with padding (RFC 4648, section 4), without line breaks.');
  return bytes;
};

/** Bytes as base64 with padding, RFC 4648, section 4; a `Uint8Array` inside. */
export const Base64 = new GraphQLScalarType<Uint8Array, string>({
  name: 'Base64',
  serialize: (value) => {
    if (!(value instanceof Uint8Array)) throw new TypeError('a Base64 is made of bytes');
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  },
  parseValue: toBytes,
  parseLiteral: (node) => readText(node, 'Base64', toBytes),
});

/** A whole number from 0 to 2^53 − 1; a `number` inside. */
const makeCount = (name: string, article: string): GraphQLScalarType<number, number> => {
  const toCount = (value: unknown): number => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
      throw bad(`${article} ${name} is a whole number from 0 to 9007199254740991.`);
    return value;
  };
  return new GraphQLScalarType<number, number>({
    name,
    serialize: (value) => {
      if (!Number.isSafeInteger(value) || (value as number) < 0) throw new TypeError(`a ${name} is a whole number`);
      return value as number;
    },
    parseValue: toCount,
    parseLiteral: (node) =>
      readLiteral(node, (given) => {
        if (given.kind !== Kind.INT) throw bad(`${article} ${name} is written as a whole number.`);
        return toCount(Number(given.value));
      }),
  });
};

/** Sizes in bytes. */
export const ByteCount = makeCount('ByteCount', 'A');
/** How many entries a log has, or which one is meant. */
export const EntryCount = makeCount('EntryCount', 'An');
