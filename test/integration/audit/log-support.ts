import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { Caller } from '#platform/access/viewer.ts';
import { appendAudit, appendAuditIn } from '#platform/audit/append.ts';
import { type AuditEvent, Outcome } from '#platform/audit/event.ts';
import type { Cities } from '#platform/database/cities.ts';
import type { Transfer, TransferAnswer } from '#platform/http/transfer.ts';
import { openCheckpoint } from '#platform/tlog/checkpoint.ts';
import { EMPTY_ROOT, type Hash, hashLeaf, openTree, type Tree } from '#platform/tlog/merkle.ts';
import { makeNoteVerifier } from '#platform/tlog/note.ts';
import { parseBundle, TILE_WIDTH, type TileSource, tilePath, widthOfTile } from '#platform/tlog/tiles.ts';

export const anEvent = (city: string, given: Partial<AuditEvent> = {}): AuditEvent => ({
  city,
  observer: 'scheduling',
  act: 'bookAppointment',
  action: 'C',
  outcome: Outcome.SUCCESS,
  purpose: 'PATRQT',
  actor: { role: 'PATIENT', city, accountId: null },
  entities: [],
  requestId: randomUUID(),
  ...given,
});
/** Writes acts one by one, as subgraphs do. */
export const writeEvents = async (writers: Cities, city: string, count: number, given: Partial<AuditEvent> = {}): Promise<void> => {
  for (let i = 0; i < count; i++) await appendAudit(writers.of(city), anEvent(city, given));
};
/** Writes acts of one transaction that stays open for so long. */
export const writeSlowly = (writers: Cities, city: string, ms: number, count = 1): Promise<void> =>
  writers.of(city).transaction(async (tx) => {
    for (let i = 0; i < count; i++) await appendAuditIn(tx, anEvent(city));
    await new Promise((resolve) => setTimeout(resolve, ms));
  });

export const until = async (holds: () => Promise<boolean> | boolean, withinMs = 10_000, what = 'it'): Promise<void> => {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what} did not come about in ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

const caller: Caller = { viewer: null, requestId: randomUUID(), address: '192.0.2.7', language: 'en', origin: 'http://127.0.0.1:4000' };
export type Fetched = { readonly status: number; readonly headers: TransferAnswer['headers']; readonly bytes: Uint8Array };
/** What a stranger gets at an address below `/audit/`. */
export const makeFetch =
  (transfer: Transfer) =>
  async (
    path: string,
    headers: Readonly<Record<string, string>> = {},
    method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'OTHER' = 'GET',
    sent: string | Uint8Array = '',
  ): Promise<Fetched> => {
    const body = (async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from(sent);
    })();
    const answer = await transfer({ method, path, headers, body, caller, sessionEnded: false, signal: new AbortController().signal });
    const parts: Uint8Array[] = [];
    if (typeof answer.body === 'string') parts.push(Buffer.from(answer.body));
    else if (answer.body) for await (const piece of answer.body) parts.push(piece);
    return { status: answer.status, headers: answer.headers, bytes: Buffer.concat(parts) };
  };
export type Fetch = ReturnType<typeof makeFetch>;

export const sourceOf =
  (fetch: (path: string) => Promise<Pick<Fetched, 'status' | 'bytes'>>, city: string): TileSource =>
  async (tile) => {
    const { status, bytes } = await fetch(`${city}/${tilePath(tile)}`);
    return status === 200 ? bytes : null;
  };
/** The last checkpoint of a city as a stranger believes it. */
export const checkpointOf = async (fetch: (path: string) => Promise<Pick<Fetched, 'status' | 'bytes'>>, city: string) => {
  const vkey = Buffer.from((await fetch(`${city}/key`)).bytes)
    .toString()
    .trim();
  const { bytes } = await fetch(`${city}/checkpoint`);
  return { ...(await openCheckpoint(bytes, [makeNoteVerifier(vkey)])), vkey };
};
/** All entries of a log by its bundles. */
export const entriesOf = async (source: TileSource, size: number): Promise<Uint8Array[]> => {
  const entries: Uint8Array[] = [];
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = widthOfTile('entries', index, size);
    const bundle = await source({ level: 'entries', index, width });
    if (!bundle) throw new Error(`bundle ${index} of width ${width} is not there`);
    entries.push(...parseBundle(bundle, { width }));
  }
  return entries;
};
export const treeOf = (entries: readonly Uint8Array[]): Tree => {
  const tree = openTree();
  for (const entry of entries) tree.append(hashLeaf(entry));
  return tree;
};
export const rootOf = (entries: readonly Uint8Array[]): Hash => (entries.length === 0 ? EMPTY_ROOT : treeOf(entries).root());

/** Bodies of a city's entries in the order of the log, as the database has them. */
export const bodiesOf = async (admin: pg.Client, city: string): Promise<Uint8Array[]> =>
  (await admin.query<{ body: Uint8Array }>('select body from audit.entry where city = $1 order by xid, id', [city])).rows.map(
    ({ body }) => body,
  );
export const sizeOf = async (admin: pg.Client, city: string): Promise<number> =>
  Number((await admin.query('select size from audit.log_state where city = $1 order by shard desc limit 1', [city])).rows[0]?.size ?? -1);
