import { createHmac, timingSafeEqual } from 'node:crypto';
import { BadInputError } from '#platform/pure/faults.ts';

/** Signs and reads cursors. A cursor is bound to its `scope` (list, filter, viewer): elsewhere it is refused. */
export type CursorCodec = {
  readonly encode: (scope: string, position: unknown) => string;
  /** The position; `BadInputError` on `after` for a cursor that was not made here for this scope. */
  readonly decode: <T>(scope: string, cursor: string) => T;
};

const MAC_BYTES = 16;

/** `key`: base64url, at least 32 bytes. */
export const makeCursorCodec = (key: string): CursorCodec => {
  const secret = Buffer.from(key, 'base64url');
  if (secret.length < 32) throw new Error('the cursor key needs at least 32 bytes');
  const mac = (scope: string, body: Buffer): Buffer =>
    createHmac('sha256', secret)
      .update(`${Buffer.byteLength(scope)}:${scope}`)
      .update(body)
      .digest()
      .subarray(0, MAC_BYTES);
  return {
    encode: (scope, position) => {
      const body = Buffer.from(JSON.stringify(position), 'utf8');
      return Buffer.concat([mac(scope, body), body]).toString('base64url');
    },
    decode: (scope, cursor) => {
      const refuse = () => new BadInputError('after', 'is no cursor of this list; take one that this list gave');
      if (cursor.length > 2_000 || !/^[A-Za-z0-9_-]+$/.test(cursor)) throw refuse();
      const bytes = Buffer.from(cursor, 'base64url');
      // Decoding passes over what is left at the end; a cursor has one form.
      if (bytes.toString('base64url') !== cursor) throw refuse();
      const body = bytes.subarray(MAC_BYTES);
      if (bytes.length <= MAC_BYTES || !timingSafeEqual(bytes.subarray(0, MAC_BYTES), mac(scope, body))) throw refuse();
      return JSON.parse(body.toString('utf8'));
    },
  };
};

/** A page of a list, in the shape of https://relay.dev/graphql/connections.htm */
export type Connection<T> = {
  readonly edges: readonly { readonly cursor: string; readonly node: T }[];
  readonly nodes: readonly T[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
};

export const MAX_PAGE = 100;

/** Checks `first`: 1–100. */
export const pageSize = (first: number | null | undefined, field = 'first'): number => {
  if (first === undefined) return 25;
  if (first === null || !Number.isInteger(first) || first < 1 || first > MAX_PAGE)
    throw new BadInputError(field, `must be from 1 to ${MAX_PAGE}`);
  return first;
};

/** Makes a page of rows, of which one more than `first` may have been read to see whether more follows. */
export const toConnection = <T>(
  rows: readonly T[],
  first: number,
  cursorOf: (row: T) => string,
  hasPreviousPage: boolean,
): Connection<T> => {
  const nodes = rows.slice(0, first);
  const edges = nodes.map((node) => ({ cursor: cursorOf(node), node }));
  return {
    edges,
    nodes,
    pageInfo: {
      hasNextPage: rows.length > first,
      hasPreviousPage,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
};
