import { formatCheckpoint, signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { makeCosigner } from '#platform/tlog/cosignature.ts';
import { EMPTY_ROOT, hashLeaf } from '#platform/tlog/merkle.ts';
import { formatNote, makeNoteSigner } from '#platform/tlog/note.ts';
import { type Policy, parsePolicy } from '#platform/tlog/policy.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';
import { openTileWriter } from '#platform/tlog/tile-writer.ts';
import { formatBundle, TILE_WIDTH, tilePath } from '#platform/tlog/tiles.ts';

export const ORIGIN = 'city.example/log';
const keyOf = (byte: number) => openSigningKey(new Uint8Array(32).fill(byte));
export const logSigner = (byte = 1, origin = ORIGIN) => makeNoteSigner(origin, keyOf(byte));
const WITNESSES = [2, 3, 4].map((byte) => makeCosigner(`witness${byte}.example`, keyOf(byte)));

/** Believes the log's key and two of three witnesses. */
export const policyText = (quorum: 'both' | 'none' = 'both', log = logSigner().vkey): string =>
  [
    `log ${log}`,
    ...WITNESSES.map(({ vkey }, i) => `witness w${i} ${vkey}`),
    `group both 2 ${WITNESSES.map((_each, i) => `w${i}`).join(' ')}`,
    `quorum ${quorum}`,
    '',
  ].join('\n');
export const policyOf = (...given: Parameters<typeof policyText>): Policy => parsePolicy(policyText(...given));

const EPOCH = Date.parse('2026-03-01T08:00:00.000Z');
/** Entry `index` of a city's log: JSON after RFC 8785, one each second. */
export const entryText = (index: number, more: Readonly<Record<string, unknown>> = {}): string => {
  const body = {
    act: 'bookAppointment',
    city: 'MTL',
    id: `MTL-evt-${index}`,
    recorded: new Date(EPOCH + 1_000 * index).toISOString(),
    v: 1,
    ...more,
  };
  return JSON.stringify(Object.fromEntries(Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1))));
};
export const anEntry = (index: number, more: Readonly<Record<string, unknown>> = {}): Uint8Array => Buffer.from(entryText(index, more));
export const someEntries = (count: number): Uint8Array[] => Array.from({ length: count }, (_none, i) => anEntry(i));

export type Files = Map<string, Uint8Array>;
/** `at`: when the witnesses cosigned, all at once or each. */
export type PublishOptions = {
  readonly key?: number;
  readonly origin?: string;
  readonly witnesses?: number;
  readonly at?: Date | readonly Date[];
};

/** The files of a log over these entries, as whoever holds its key (and its witnesses) would publish them. */
export const publish = async (entries: readonly Uint8Array[], options: PublishOptions = {}): Promise<Files> => {
  const { key = 1, origin = ORIGIN, witnesses = 2, at = new Date('2026-03-02T00:00:00Z') } = options;
  const files: Files = new Map();
  const writer = await openTileWriter(0, EMPTY_ROOT, async () => null);
  writer.append(entries.map(hashLeaf));
  for (const { tile, bytes } of writer.takeTiles()) files.set(tilePath(tile), bytes);
  for (let start = 0; start < entries.length; start += TILE_WIDTH) {
    const some = entries.slice(start, start + TILE_WIDTH);
    files.set(tilePath({ level: 'entries', index: start / TILE_WIDTH, width: some.length }), formatBundle(some));
  }
  const checkpoint = { origin, size: entries.length, root: writer.root() };
  const { text, signatures } = await signCheckpoint(checkpoint, logSigner(key, origin));
  const lines = await Promise.all(
    WITNESSES.slice(0, witnesses).map((each, i) =>
      each.cosign(formatCheckpoint(checkpoint), at instanceof Date ? at : (at[i] ?? new Date(0))),
    ),
  );
  files.set('checkpoint', Buffer.from(formatNote({ text, signatures: [...signatures, ...lines] })));
  return files;
};
export const sourceOf = (files: Files) => async (path: string) => files.get(path) ?? null;
