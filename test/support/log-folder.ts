import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { formatCheckpoint, signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { makeCosigner } from '#platform/tlog/cosignature.ts';
import { EMPTY_ROOT, hashLeaf, proveInclusion } from '#platform/tlog/merkle.ts';
import { formatNote, makeNoteSigner, type NoteSigner } from '#platform/tlog/note.ts';
import { formatProof } from '#platform/tlog/proof.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { openTileWriter } from '#platform/tlog/tile-writer.ts';
import { formatBundle, TILE_WIDTH, type TileSource, tilePath } from '#platform/tlog/tiles.ts';

const log = makeNoteSigner('city.example/log', openSigningKey(new Uint8Array(32).fill(1)));
const witnesses = [2, 3].map((byte) => makeCosigner(`witness${byte}.example`, openSigningKey(new Uint8Array(32).fill(byte))));

/** Entry `index`, 20 to 59 bytes. */
const entryAt = (index: number): Uint8Array => Buffer.from(`entry ${String(index).padStart(14, '0')}${'.'.repeat(index % 40)}`);

/** A log in a folder. `sizes` are those of its earlier checkpoints, `proofs` the entries with a proof file. */
export type LogFolder = {
  readonly logKey: string;
  readonly signer: NoteSigner;
  readonly witnessKeys: readonly string[];
  readonly sizes: readonly number[];
  readonly proofs: readonly number[];
};

/**
 * Writes a log of `size` entries in batches of `batch`, as https://c2sp.org/tlog-tiles lays it out, with a checkpoint after every batch under
 * `checkpoints/`, the last one cosigned by two witnesses, and proof files of some entries under `proofs/`.
 */
export const writeLogFolder = async (folder: string, size: number, batch: number): Promise<LogFolder> => {
  const made = new Set<string>();
  const write = async (file: string, content: Uint8Array | string): Promise<void> => {
    const target = path.join(folder, file);
    const parent = path.dirname(target);
    if (!made.has(parent)) await mkdir(parent, { recursive: true });
    made.add(parent);
    await writeFile(target, content);
  };
  const tiles = new Map<string, Uint8Array>();
  const source: TileSource = async (tile) => tiles.get(tilePath(tile)) ?? null;
  const writer = await openTileWriter(0, EMPTY_ROOT, source);
  const sizes: number[] = [];
  for (let at = 0; at < size; at += batch) {
    writer.append(Array.from({ length: Math.min(batch, size - at) }, (_, i) => hashLeaf(entryAt(at + i))));
    for (const { tile, bytes } of writer.takeTiles()) tiles.set(tilePath(tile), bytes);
    const note = await signCheckpoint({ origin: log.name, size: writer.size, root: writer.root() }, log);
    await write(`checkpoints/${writer.size}`, formatNote(note));
    sizes.push(writer.size);
  }
  for (const [file, bytes] of tiles) await write(file, bytes);
  for (let start = 0; start < size; start += TILE_WIDTH) {
    const entries = Array.from({ length: Math.min(TILE_WIDTH, size - start) }, (_, i) => entryAt(start + i));
    await write(tilePath({ level: 'entries', index: start / TILE_WIDTH, width: entries.length }), formatBundle(entries));
  }
  const checkpoint = { origin: log.name, size, root: writer.root() };
  const signed = await signCheckpoint(checkpoint, log);
  const cosignatures = await Promise.all(witnesses.map((each) => each.cosign(formatCheckpoint(checkpoint), new Date())));
  const note = { text: signed.text, signatures: [...signed.signatures, ...cosignatures] };
  await write('checkpoint', formatNote(note));
  const proofs = [...new Set([0, 255, 256, Math.floor(size / 3), size - 1].filter((index) => index < size))];
  const read = openTileReader(size, checkpoint.root, source);
  for (const index of proofs)
    await write(
      `proofs/${index}.tlog-proof`,
      formatProof({ index, path: await proveInclusion(index, size, read), note, extra: entryAt(index) }),
    );
  return { logKey: log.vkey, signer: log, witnessKeys: witnesses.map(({ vkey }) => vkey), sizes, proofs };
};
