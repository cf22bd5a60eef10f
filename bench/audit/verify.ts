import { makeEntryCheck } from '#platform/audit/check-entries.ts';
import { signCheckpoint } from '#platform/tlog/checkpoint.ts';
import type { LogState } from '#platform/tlog/log-state.ts';
import { EMPTY_ROOT, hashLeaf, openTree } from '#platform/tlog/merkle.ts';
import { formatNote, makeNoteSigner } from '#platform/tlog/note.ts';
import { parsePolicy } from '#platform/tlog/policy.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';
import { openTileWriter } from '#platform/tlog/tile-writer.ts';
import { formatBundle, TILE_WIDTH, tilePath } from '#platform/tlog/tiles.ts';
import { verifyLog } from '#platform/tlog/verify-log.ts';
import { type Figure, makeFigure } from '../figure.ts';
import { readCount } from '../setting.ts';

const ENTRIES = readCount('AUDIT_VERIFY_ENTRIES', 200_000);
const EPOCH = Date.UTC(2026, 0, 1);
const PAD = 'a'.repeat(440);
/** An entry of some 600 bytes after RFC 8785. */
const entryAt = (index: number): Uint8Array =>
  Buffer.from(
    JSON.stringify({
      act: 'patient',
      city: 'MTL',
      entities: [{ kind: 'Patient', what: `cm:${PAD}` }],
      id: `MTL-evt-${index}`,
      recorded: new Date(EPOCH + index * 1_000).toISOString(),
      v: 1,
    }),
  );

/** The rate of the verifier over files in memory, against hashing the same entries into a tree and doing nothing else. */
export const run = async (say: (line: string) => void): Promise<readonly Figure[]> => {
  const signer = makeNoteSigner('bench.example/log', openSigningKey(new Uint8Array(32).fill(7)));
  const files = new Map<string, Uint8Array>();
  const writer = await openTileWriter(0, EMPTY_ROOT, async () => null);
  for (let start = 0; start < ENTRIES; start += TILE_WIDTH) {
    const some = Array.from({ length: Math.min(TILE_WIDTH, ENTRIES - start) }, (_none, i) => entryAt(start + i));
    files.set(tilePath({ level: 'entries', index: start / TILE_WIDTH, width: some.length }), formatBundle(some));
    writer.append(some.map(hashLeaf));
  }
  for (const { tile, bytes } of writer.takeTiles()) files.set(tilePath(tile), bytes);
  const checkpoint = { origin: signer.name, size: ENTRIES, root: writer.root() };
  files.set('checkpoint', Buffer.from(formatNote(await signCheckpoint(checkpoint, signer))));

  const entries = Array.from({ length: 1_000 }, (_none, i) => entryAt(i));
  const hashing = performance.now();
  const tree = openTree();
  for (let i = 0; i < ENTRIES; i++) tree.append(hashLeaf(entries[i % entries.length] ?? new Uint8Array(0)));
  const hashed = ENTRIES / ((performance.now() - hashing) / 1_000);

  const policy = parsePolicy(`log ${signer.vkey}\nquorum none\n`);
  const verify = async (known: LogState | null): Promise<{ readonly seconds: number; readonly state: LogState | null }> => {
    const from = performance.now();
    const { isSound, state } = await verifyLog({
      source: async (path) => files.get(path) ?? null,
      policy,
      known,
      makeEntryCheck: makeEntryCheck({ city: 'MTL', now: new Date(EPOCH + ENTRIES * 1_000) }),
    });
    if (!isSound) throw new Error('the log is not sound');
    return { seconds: (performance.now() - from) / 1_000, state };
  };
  await verify(null);
  const { seconds, state } = await verify(null);
  say(`${ENTRIES} entries verified in ${seconds.toFixed(1)} s`);
  const again = await verify(state);
  return [
    makeFigure('audit verify: entries gone through', ENTRIES / seconds, '1/s', hashed),
    makeFigure('audit verify: a log without anything new', again.seconds * 1_000, 'ms'),
    makeFigure('audit verify: state kept, an entry', Buffer.byteLength(JSON.stringify(state)) / ENTRIES, 'bytes'),
  ];
};
