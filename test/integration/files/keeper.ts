import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from '@jest/globals';
import { contextOf, type Upload } from '#files/domain/file.ts';
import { makeBeginUpload } from '#files/service/begin-upload.ts';
import { makeKeepVersion } from '#files/service/keep-version.ts';
import { makeDamageNotes } from '#files/service/maintenance/damage-notes.ts';
import { type MaintenanceOptions, startMaintenance } from '#files/service/maintenance/start-maintenance.ts';
import type { Parts } from '#files/service/parts.ts';
import type { Viewer } from '#platform/access/viewer.ts';
import { fanOut, toFileName } from '#platform/blobs/file-names.ts';
import { openStore } from '#platform/blobs/open-store.ts';
import type { BlobStore } from '#platform/blobs/store.ts';
import type { FilesConfig } from '#platform/config/files.ts';
import { openKeys } from '#platform/keys/open-keys.ts';
import { openVault } from '#platform/vault/open-vault.ts';
import { type BlobRef, STORE_NAMES, type StoreName } from '#platform/vault/vault.ts';
import { type Harness, sha256Of, startHarness } from './harness.ts';

export type KeptFile = { readonly ref: BlobRef; readonly bytes: Buffer; readonly fileId: string; readonly patientId: string };

/** Waits until a condition holds; fails with its name after `withinMs`. */
export const until = async (title: string, holds: () => boolean | Promise<boolean>, withinMs = 5_000): Promise<number> => {
  const began = performance.now();
  while (!(await holds())) {
    if (performance.now() - began > withinMs) throw new Error(`not within ${withinMs} ms: ${title}`);
    await sleep(20);
  }
  return performance.now() - began;
};

/** A vault with maintenance on a harness's databases and stores, as one more process of the subgraph would have it. */
export const startKeeper = async (
  house: Harness,
  {
    wrap = (store) => store,
    fault = () => {},
    files = house.files,
    chunkDeadlineMs,
    ...options
  }: Partial<MaintenanceOptions> & {
    readonly wrap?: (store: BlobStore) => BlobStore;
    readonly fault?: Parts['fault'];
    /** Where the harness was given other stores than its own. */
    readonly files?: FilesConfig;
    /** How long a store may take for a chunk; the vault's own deadline unless a test has slow stores. */
    readonly chunkDeadlineMs?: number;
  } = {},
) => {
  const own = house.subgraph.parts;
  const keys = await openKeys(files.keys, own.cities.codes);
  const stores = {
    primary: wrap(await openStore('primary', files.primary)),
    backup: wrap(await openStore('backup', files.backup)),
  };
  const notes = makeDamageNotes(own);
  const vault = openVault({
    stores,
    keys,
    events: notes,
    log: own.log,
    fault,
    ...(chunkDeadlineMs === undefined ? {} : { chunkDeadlineMs }),
  });
  const parts: Parts = { ...own, vault, keys, fault };
  const maintenance = startMaintenance(parts, { scrubEveryMs: 0, everyMs: 0, ...options, notes });
  const begin = makeBeginUpload(parts);
  const keepVersion = makeKeepVersion(parts);

  /** Writes the intent of an upload. */
  const intend = async (
    patient: Viewer & { readonly patientId: string },
    bytes: Buffer,
    name = `${crypto.randomUUID()}.txt`,
  ): Promise<Upload> => {
    const begun = await begin(house.callerOf(patient), 'uploadFile', {
      patientId: patient.patientId,
      name,
      contentType: 'text/plain',
      sizeBytes: bytes.length,
      sha256: sha256Of(bytes),
      expiresInSeconds: 3600,
      lease: 'test',
    });
    if (begun.kind !== 'begun') throw new Error(begun.kind);
    return begun.upload;
  };
  const refOf = (upload: Upload): BlobRef => ({ city: upload.city, id: upload.blobId, context: contextOf(upload) });
  /** Keeps a content of any size. */
  const keep = async (patient: Viewer & { readonly patientId: string }, bytes: Buffer, name?: string): Promise<KeptFile> => {
    const upload = await intend(patient, bytes, name);
    const writer = await vault.create(refOf(upload));
    await writer.write(bytes);
    const kept = await keepVersion(house.callerOf(patient), 'uploadFile', upload, await writer.finish());
    if (kept.kind !== 'kept') throw new Error(kept.kind);
    return { ref: refOf(upload), bytes, fileId: kept.file.id, patientId: patient.patientId };
  };
  const read = async ({ ref, bytes }: KeptFile): Promise<Buffer> => {
    const pieces: Uint8Array[] = [];
    for await (const piece of vault.read(ref, bytes.length)) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  const folderOf = (store: StoreName): string => {
    const config = files[store];
    if (config.kind !== 'directory') throw new Error('no directory');
    return config.folder;
  };
  const fileOf = (store: StoreName, key: string): string => path.join(folderOf(store), 'blobs', ...fanOut(key), toFileName(key));
  /** Whether both stores hold the same bytes under the content's names. */
  const areSame = ({ ref }: KeptFile): boolean =>
    [`${ref.city}/${ref.id}`, `${ref.city}/${ref.id}.key`].every((key) => {
      const [a, b] = STORE_NAMES.map((store) => fileOf(store, key));
      return a !== undefined && b !== undefined && existsSync(a) && existsSync(b) && readFileSync(a).equals(readFileSync(b));
    });
  /** Keys of all blobs and partials of a store. */
  const namesIn = (store: StoreName): string[] =>
    ['blobs', 'partial'].flatMap((room) => {
      const folder = path.join(folderOf(store), room);
      if (!existsSync(folder)) return [];
      return readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => statSync(path.join(folder, name)).isFile())
        .map((name) => `${room === 'partial' ? 'partial ' : ''}${path.basename(name).replaceAll('~', '/')}`);
    });
  const count = async (table: string, where = 'true', city = 'MTL'): Promise<number> => {
    const [row] = await house.sql<{ n: number }>(city, `select count(*)::int as n from files.${table} where ${where}`);
    return row?.n ?? -1;
  };
  /** Rounds until nothing is owed or to be destroyed any more. */
  const quiet = async (city = 'MTL', withinMs = 10_000): Promise<void> => {
    await until(
      'nothing is left to do',
      async () => {
        await maintenance.round();
        return (await count('debt', 'true', city)) + (await count('destruction', 'true', city)) === 0;
      },
      withinMs,
    );
  };
  return {
    parts,
    vault,
    keys,
    stores,
    maintenance,
    intend,
    refOf,
    keep,
    read,
    fileOf,
    folderOf,
    areSame,
    namesIn,
    count,
    quiet,
    stop: async () => {
      await maintenance.stop();
      await vault.stop();
    },
  };
};
export type Keeper = Awaited<ReturnType<typeof startKeeper>>;

/**
 * For the tests of a file or of a `describe`: starts a harness and a keeper before them, tells both to `take`, and ends what was started behind
 * them, however far it came.
 */
export const withKeeper = (
  take: (started: { readonly house: Harness; readonly keeper: Keeper }) => void,
  options?: Parameters<typeof startKeeper>[1],
): void => {
  let house: Harness | undefined;
  let keeper: Keeper | undefined;
  beforeAll(async () => {
    house = await startHarness();
    keeper = await startKeeper(house, options);
    take({ house, keeper });
  });
  afterAll(async () => {
    await keeper?.stop();
    await house?.stop();
  });
};
