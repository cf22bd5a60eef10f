/**
 * Where a reader stands in the outbox of one city: the history it belongs to, then transaction and sequence number of the last row read
 * (decimal texts of 64 bits). Order is by transaction first: a later number may commit earlier.
 */
export type Position = readonly [epoch: string, xid: string, seq: string];

/** Positions by city code. */
export type Positions = Readonly<Record<string, Position>>;

/** Negative, zero or positive as `a` stands before, at or behind `b`; both of one epoch. */
export const comparePositions = (a: Position, b: Position): number => {
  const byXid = BigInt(a[1]) - BigInt(b[1]);
  const difference = byXid === 0n ? BigInt(a[2]) - BigInt(b[2]) : byXid;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
};

const isPosition = (value: unknown): value is Position =>
  Array.isArray(value) &&
  value.length === 3 &&
  value.every((part) => typeof part === 'string') &&
  /^\d{1,20}$/.test(String(value[1])) &&
  /^\d{1,19}$/.test(String(value[2]));

/** Whether a decoded cursor is a map from city to position. */
export const isPositions = (value: unknown): value is Positions =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isPosition);
