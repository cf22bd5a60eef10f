import type { KeysConfig, StoreConfig } from './files.ts';

/** Where the keys of the audit log's subjects lie, and who holds the keys that wrap them. */
export type SubjectsConfig = { readonly primary: StoreConfig; readonly backup: StoreConfig; readonly keys: KeysConfig };
