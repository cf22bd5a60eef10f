import type pg from 'pg';
import { type Checkpoint, signCheckpoint } from '#platform/tlog/checkpoint.ts';
import type { LogSource } from '#platform/tlog/log-source.ts';
import { EMPTY_ROOT, hashLeaf, proveConsistency } from '#platform/tlog/merkle.ts';
import { formatNote, type NoteSigner, parseNote } from '#platform/tlog/note.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { openTileWriter, type TileBytes } from '#platform/tlog/tile-writer.ts';
import { formatBundle, TILE_WIDTH, tilePath } from '#platform/tlog/tiles.ts';
import { formatAddCheckpoint } from '#platform/tlog/witness.ts';
import { ATTACKED, type Stage } from './room.ts';

/** The first shard: a log of a drill has no other. */
const SHARD = 1;

/** Entry `index` of the log, as a condition on its row. */
const leaf = (index: number): string =>
  `(xid, id) = (SELECT xid, id FROM audit.entry WHERE city = '${ATTACKED}' ORDER BY xid, id OFFSET ${index} LIMIT 1)`;
const OTHER_BODY = `convert_to(replace(convert_from(body, 'UTF8'), '"bookAppointment"', '"cancelAppointment"'), 'UTF8')`;

/** What somebody with every right in the database does to entries; each is one transaction. */
export const tamper = {
  change: (index: number): string => `UPDATE audit.entry SET body = ${OTHER_BODY} WHERE ${leaf(index)}`,
  delete: (index: number): string => `DELETE FROM audit.entry WHERE ${leaf(index)}`,
  /** An act that never was comes to stand at `index`, with the transaction of the entry that stood there. */
  insert: (index: number): string => `INSERT INTO audit.entry (city, id, xid, event_id, recorded_at, act, action, outcome, sealed, body)
    OVERRIDING SYSTEM VALUE
    SELECT city, -1, xid, event_id || 'x', recorded_at, act, action, outcome, sealed, ${OTHER_BODY} FROM audit.entry WHERE ${leaf(index)}`,
  /** The bodies of two entries change places. */
  reorder: (
    index: number,
    other: number,
  ): string => `WITH two AS (SELECT xid, id, body FROM audit.entry WHERE ${leaf(index)} OR ${leaf(other)})
    UPDATE audit.entry e SET body = o.body FROM two o, two t WHERE (e.xid, e.id) = (t.xid, t.id) AND (o.xid, o.id) <> (t.xid, t.id)`,
  truncate: (size: number): string => `DELETE FROM audit.entry WHERE city = '${ATTACKED}'
    AND (xid, id) >= (SELECT xid, id FROM audit.entry WHERE city = '${ATTACKED}' ORDER BY xid, id OFFSET ${size} LIMIT 1)`,
} as const;

type Row = { readonly xid: string; readonly id: string; readonly body: Uint8Array };
const readRows = async (client: pg.Client): Promise<readonly Row[]> =>
  (await client.query<Row>('SELECT e.xid::text, e.id::text, e.body FROM audit.entry e WHERE e.city = $1 ORDER BY e.xid, e.id', [ATTACKED]))
    .rows;

const sign = async (checkpoint: Checkpoint, signer: NoteSigner): Promise<string> => formatNote(await signCheckpoint(checkpoint, signer));

/** A tree over these entries with every tile of it, and the roots that it had at some sizes. */
const makeTree = async (bodies: readonly Uint8Array[], sizes: readonly number[]) => {
  const writer = await openTileWriter(0, EMPTY_ROOT, async () => null);
  const roots = new Map<number, Uint8Array>([[0, EMPTY_ROOT]]);
  for (const [i, body] of bodies.entries()) {
    writer.append([hashLeaf(body)]);
    if (sizes.includes(i + 1)) roots.set(i + 1, writer.root());
  }
  return { root: writer.root(), roots, tiles: writer.takeTiles() };
};

/** A whole log as somebody is shown it, whether it stands in a database or not. */
export type Shown = {
  readonly checkpoint: Checkpoint;
  readonly note: string;
  readonly tiles: readonly TileBytes[];
  readonly bodies: readonly Uint8Array[];
};

/** Makes a log of its own over other entries, signed with the log's key. */
export const forge = async (stage: Stage, change: (bodies: readonly Uint8Array[]) => readonly Uint8Array[]): Promise<Shown> => {
  const bodies = change((await readRows(await stage.attacker())).map(({ body }) => body));
  const { root, tiles } = await makeTree(bodies, []);
  const checkpoint = { origin: stage.key.origin, size: bodies.length, root };
  return { checkpoint, note: await sign(checkpoint, stage.key.signer), tiles, bodies };
};

/** The files of such a log; what it has not is taken from the true server (its policy and key). */
export const sourceOf = (shown: Shown, truth: LogSource): LogSource => {
  const files = new Map<string, Uint8Array>(shown.tiles.map(({ tile, bytes }) => [tilePath(tile), bytes]));
  for (let at = 0; at < shown.bodies.length; at += TILE_WIDTH) {
    const entries = shown.bodies.slice(at, at + TILE_WIDTH);
    files.set(tilePath({ level: 'entries', index: at / TILE_WIDTH, width: entries.length }), formatBundle(entries));
  }
  files.set('checkpoint', Buffer.from(shown.note));
  return async (given) => {
    const file = given.replace(/^1\//, '');
    return files.get(file) ?? (file.startsWith('tile/') ? null : truth(given));
  };
};

/**
 * Makes tiles, marks, state and every published checkpoint anew over the entries that are there now, signed with the log's key: what
 * somebody does who holds both the database and the key, while nothing else signs. Checkpoints of sizes that there are no longer go.
 */
export const rewriteLog = async (stage: Stage): Promise<Shown> => {
  const client = await stage.attacker();
  const { origin, signer } = stage.key;
  const rows = await readRows(client);
  const published = await client.query<{ size: string }>('SELECT size FROM audit.log_checkpoint WHERE city = $1 ORDER BY size', [ATTACKED]);
  const sizes = [...new Set([...published.rows.map(({ size }) => Number(size)).filter((size) => size <= rows.length), rows.length])];
  const bodies = rows.map(({ body }) => body);
  const { root, roots, tiles } = await makeTree(bodies, sizes);
  const notes = await Promise.all(sizes.map((size) => sign({ origin, size, root: roots.get(size) ?? root }, signer)));
  const marks = rows.flatMap((row, i) => (i % TILE_WIDTH === 0 ? [{ n: i / TILE_WIDTH, ...row }] : []));
  const last = rows.at(-1) ?? { xid: '0', id: '0' };
  await client.query('BEGIN');
  for (const table of ['log_cosignature', 'log_checkpoint', 'log_tile', 'log_bundle'])
    await client.query(`DELETE FROM audit.${table} WHERE city = $1`, [ATTACKED]);
  for (const [i, size] of sizes.entries())
    await client.query('INSERT INTO audit.log_checkpoint (city, shard, size, note) VALUES ($1, $2, $3, $4)', [
      ATTACKED,
      SHARD,
      size,
      notes[i],
    ]);
  for (const { tile, bytes } of tiles)
    await client.query('INSERT INTO audit.log_tile (city, shard, level, n, data) VALUES ($1, $2, $3, $4, $5)', [
      ATTACKED,
      SHARD,
      tile.level,
      tile.index,
      Buffer.from(bytes),
    ]);
  for (const { n, xid, id } of marks)
    await client.query('INSERT INTO audit.log_bundle (city, shard, n, xid, entry_id) VALUES ($1, $2, $3, $4, $5)', [
      ATTACKED,
      SHARD,
      n,
      xid,
      id,
    ]);
  await client.query('UPDATE audit.log_state SET size = $3, xid = $4, entry_id = $5 WHERE city = $1 AND shard = $2', [
    ATTACKED,
    SHARD,
    rows.length,
    last.xid,
    last.id,
  ]);
  await client.query('COMMIT');
  return { checkpoint: { origin, size: rows.length, root }, note: notes[sizes.indexOf(rows.length)] ?? '', tiles, bodies };
};

/** What the attacker sends to a witness that stands at `oldSize`: their own checkpoint, and the proof that their own tree gives. */
export const requestFor = async (shown: Shown, oldSize: number): Promise<string> => {
  const { size, root } = shown.checkpoint;
  const files = new Map(shown.tiles.map(({ tile, bytes }) => [tilePath(tile), bytes]));
  const read = openTileReader(size, root, async (tile) => files.get(tilePath(tile)) ?? null);
  const proof = oldSize >= size || oldSize === 0 ? [] : await proveConsistency(oldSize, size, read);
  return formatAddCheckpoint({ oldSize, proof, note: parseNote(shown.note) });
};
