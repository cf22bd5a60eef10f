import type { StoreConfig } from '#platform/config/files.ts';
import { openDirectoryStore } from './directory.ts';
import { openS3Store } from './s3.ts';
import type { BlobStore } from './store.ts';

/**
 * The store that the configuration asks for. One that cannot be reached just now is opened all the same and answers
 * `StoreUnavailableError` until it can; a configuration that cannot be meant throws. `create` says whether an empty folder may become a
 * store, so by default; say no where contents are known to be in it already.
 */
export const openStore = (
  name: string,
  config: StoreConfig,
  { create = true, timeoutMs = 2000 }: { readonly create?: boolean; readonly timeoutMs?: number } = {},
): Promise<BlobStore> => {
  if (config.kind === 's3') return openS3Store({ ...config, name, timeoutMs });
  return openDirectoryStore({ name, folder: config.folder, floorShare: config.floorShare, create, timeoutMs });
};
