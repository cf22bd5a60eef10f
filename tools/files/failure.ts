/** What a person at the terminal can do nothing about but read; `next` says what to do. The command ends with 1. */
export class Failure extends Error {
  readonly code: string;
  readonly next: string | null;
  constructor(code: string, message: string, next: string | null = null) {
    super(message);
    this.code = code;
    this.next = next;
  }
}

/** The command line is wrong. The command ends with 2. */
export class UsageError extends Error {}

const SYSTEM: Readonly<Record<string, string>> = {
  ENOENT: 'is not there',
  EACCES: 'may not be opened by you',
  EPERM: 'may not be opened by you',
  EISDIR: 'is a folder',
  ENOTDIR: 'lies in no folder',
  ENOSPC: 'has no room left on its disk',
  EDQUOT: 'has no room left on its disk',
  EFBIG: 'is larger than files may be here',
  EROFS: 'lies on a disk that takes nothing',
  EEXIST: 'is there already',
};

const SYSTEM_OF_FOLDERS: Readonly<Record<string, string>> = {
  ...SYSTEM,
  EACCES: 'may not be written by you',
  EPERM: 'may not be written by you',
  ENOTDIR: 'is no folder',
};

/** A fault in making a file, told of its folder; null for any other. */
export const sayFolderFault = (error: unknown): string | null => {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && /^E[A-Z]+$/.test(code) ? (SYSTEM_OF_FOLDERS[code] ?? `cannot be used (${code})`) : null;
};

/** A fault of the file system in words; null for any other. */
export const sayFileFault = (error: unknown): string | null => {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' && /^E[A-Z]+$/.test(code) ? (SYSTEM[code] ?? `cannot be used (${code})`) : null;
};
