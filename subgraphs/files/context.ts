import type { Caller, Viewer } from '#platform/access/viewer.ts';
import type { CityView } from './domain/city.ts';
import type { ChangeFile } from './service/change-file.ts';
import type { Loaders } from './service/loaders.ts';
import type { ReadContent } from './service/read-content.ts';
import type { ReadFiles } from './service/read-files.ts';
import type { RotateKeys } from './service/rotate-keys.ts';
import type { FindFileTasks, ScrubFiles } from './service/scrub-files.ts';
import type { Transfers } from './service/transfer/make-transfers.ts';
import type { UploadFile } from './service/upload-file.ts';

export type Services = ReadFiles &
  ReadContent &
  ChangeFile &
  Omit<Transfers, 'transfer'> & {
    readonly uploadFile: UploadFile;
    readonly rotateKeys: RotateKeys;
    readonly scrubFiles: ScrubFiles;
    readonly fileTasks: FindFileTasks;
    /** The server's public key for sealed uploads, as a JSON Web Key. */
    readonly serverKey: () => Readonly<Record<string, string>>;
  };

/** What resolvers have at hand, made once per gateway request. */
export type Context = {
  readonly caller: Caller;
  readonly viewer: Viewer | null;
  readonly services: Services;
  readonly loaders: Loaders;
  readonly city: (code: string) => CityView | null;
  /** Media types that are kept. */
  readonly allowedTypes: readonly string[];
};
