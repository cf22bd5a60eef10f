/** The command line is wrong, or a log could not be asked; nothing is said of the log. The command ends with 2. */
export class CannotVerify extends Error {
  override readonly name = 'CannotVerify';
}

/** What the file system calls a failure, such as `ENOSPC`; '' for one that is not of its own. */
export const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';

/** What people know it by. */
const MEANING: Readonly<Record<string, string>> = {
  EACCES: 'it is not allowed',
  EPERM: 'it is not allowed',
  EEXIST: 'a file is in the place of a folder',
  ENOTDIR: 'a file is in the place of a folder',
  EISDIR: 'it is a folder',
  ENOENT: 'there is no such place',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk is full',
  EROFS: 'the disk is read-only',
};

/** Does something with a file or folder that an option names; a failure of the file system ends as `CannotVerify` with the option's name. */
export const forOption = async <T>(option: string, what: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    const code = codeOf(error);
    if (!/^(?:E[A-Z0-9]+|ERR_FS_[A-Z_]+)$/.test(code)) throw error;
    const meaning = MEANING[code];
    throw new CannotVerify(`${option}: ${what} (${meaning === undefined ? code : `${meaning}, ${code}`}).`);
  }
};
