import { hash } from 'node:crypto';
import type { Cities } from '#platform/database/cities.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { refuseTransfer, type Transfer, type TransferAnswer } from '#platform/http/transfer.ts';
import { formatBundle, parseTilePath, TILE_WIDTH, type TileId } from '#platform/tlog/tiles.ts';
import { askReading, findBundle } from '../store/log-view-store.ts';
import { readShard, readShards } from '../store/shard-store.ts';
import { tileSource } from './check-log.ts';
import type { FindPublication } from './publish-checkpoint.ts';
import type { AuditPolicy } from './witness/audit-policy.ts';
import type { ServeWitness } from './witness/serve-witness.ts';

const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';
/** A checkpoint is asked for anew each time; what a tile holds never changes, but a partial one may give way to the full one. */
const ANEW = 'no-cache';
const FOR_GOOD = 'public, max-age=31536000, immutable';
const FOR_AN_HOUR = 'public, max-age=3600';
/** Pages of any origin may read a log. */
const OPEN = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };

type File = { readonly bytes: Uint8Array; readonly type: string; readonly caching: string };

const readTile = async (db: CityDatabase, shard: number, tile: TileId): Promise<Uint8Array | null> => {
  if (tile.level !== 'entries') return tileSource(askReading(db), { city: db.city.code, shard })(tile);
  const entries = await findBundle(db, shard, tile.index, tile.width);
  return entries.length === tile.width ? formatBundle(entries) : null;
};

/** A number of a shard in front of a path of its files. */
const SHARD = /^([1-9]\d{0,8})\/(.*)$/;

/** What is served beside the tiles. */
export type ServeLogParts = {
  readonly findPublication: FindPublication;
  readonly policy: AuditPolicy;
  readonly serveWitness: ServeWitness;
};

const toText = (text: string): File => ({ bytes: Buffer.from(text), type: TEXT, caching: ANEW });

/** `place` is the address below which the logs are served. */
const readFile = async (
  db: CityDatabase,
  address: string,
  { findPublication, policy }: ServeLogParts,
  place: string,
): Promise<File | null> => {
  const [, number, rest] = SHARD.exec(address) ?? [];
  const path = rest ?? address;
  const tile = parseTilePath(path);
  if (!tile && path !== 'key' && path !== 'checkpoint' && path !== 'policy') return null;
  const city = db.city.code;
  if (path === 'policy' && number === undefined) {
    // The current shard, then those before it, whose keys may be others.
    const rows = (await readShards(askReading(db), city)).reverse();
    const at = (shard: number): string => (shard === rows[0]?.shard ? city : `${city}/${shard}`);
    const logs = rows.flatMap(({ vkey, shard }) => (vkey === null ? [] : [{ vkey, path: at(shard) }]));
    return rows[0]?.vkey ? toText(policy.textOf(city, logs, place)) : null;
  }
  const row = await readShard(askReading(db), city, number === undefined ? null : Number(number));
  if (!row) return null;
  if (path === 'key') return row.vkey === null ? null : toText(`${row.vkey}\n`);
  if (path === 'policy')
    return row.vkey === null ? null : toText(policy.textOf(city, [{ vkey: row.vkey, path: `${city}/${row.shard}` }], place));
  if (!tile) {
    const checkpoint = await findPublication(db, row);
    return checkpoint && toText(checkpoint.note);
  }
  const bytes = await readTile(db, row.shard, tile);
  // Without a number the address is that of another tree once a new shard begins.
  const caching = number === undefined ? ANEW : tile.width === TILE_WIDTH ? FOR_GOOD : FOR_AN_HOUR;
  return bytes && { bytes, type: BYTES, caching };
};

/**
 * Files of the cities' logs, for anybody: `{city}/checkpoint`, `{city}/key` (the public key, `<name>+<id>+<base64>`), `{city}/tile/{L}/{N}[.p/{W}]` and
 * `{city}/tile/entries/{N}[.p/{W}]`, as https://c2sp.org/tlog-tiles has them, and `{city}/policy`, by whom the log is witnessed, of the current shard, and of each below `{city}/{shard}/`. The policy above the
 * shards has the keys of the earlier ones too. `policy` alone is that of all logs. Nothing is recorded of it: the leaves hold no personal values.
 */
export const makeServeLog =
  (cities: Cities, parts: ServeLogParts): Transfer =>
  async (request): Promise<TransferAnswer> => {
    const { method, path, headers, caller } = request;
    const { requestId } = caller;
    const witnessed = await parts.serveWitness(request);
    if (witnessed) return witnessed;
    if (method !== 'GET' && method !== 'HEAD')
      return refuseTransfer(405, 'BAD_USER_INPUT', 'A log is read with GET or HEAD.', requestId, { allow: 'GET, HEAD', ...OPEN });
    const at = path.indexOf('/');
    const [code, rest] = [path.slice(0, Math.max(at, 0)), path.slice(at + 1)];
    const db = cities.find(code);
    const place = caller.origin === '' ? '' : `${caller.origin}/audit`;
    const file = path === 'policy' ? toText(parts.policy.text(place)) : db && (await readFile(db, rest, parts, place));
    if (!file)
      return refuseTransfer(404, 'NOT_FOUND', 'There is nothing at this address.', requestId, { 'cache-control': 'no-store', ...OPEN });
    const etag = `"${hash('sha256', file.bytes, 'base64url').slice(0, 22)}"`;
    const told = { 'content-type': file.type, 'cache-control': file.caching, etag, ...OPEN };
    const known = headers['if-none-match']?.split(',').map((each) => each.trim().replace(/^W\//, '')) ?? [];
    if (known.includes(etag) || known.includes('*')) return { status: 304, headers: told, body: null };
    const length = { 'content-length': String(file.bytes.length) };
    if (method === 'HEAD') return { status: 200, headers: { ...told, ...length }, body: null };
    return {
      status: 200,
      headers: { ...told, ...length },
      body: (async function* () {
        yield file.bytes;
      })(),
    };
  };
