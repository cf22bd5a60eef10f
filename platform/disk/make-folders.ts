import fs from 'node:fs/promises';
import path from 'node:path';

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;

/**
 * Makes a folder and those above it that are missing, each with `mode` as the umask leaves it; what is there stays as it is. Throws what the file system
 * throws, `EEXIST` where something else than a folder stands in the place. The `recursive` of Node's `mkdir` never ends where a system answers `ENOENT`
 * although the folder above is there, as below /proc.
 */
export const makeFolders = async (folder: string, mode = 0o777): Promise<void> => {
  try {
    await fs.mkdir(folder, { mode });
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') {
      // EEXIST, or what a system says of a root that cannot be made because it is there.
      const isThere = await fs.stat(folder).then(
        (found) => found.isDirectory(),
        () => false,
      );
      if (isThere) return;
      throw error;
    }
    const above = path.dirname(folder);
    if (above === folder) throw error;
    await makeFolders(above, mode);
    await fs.mkdir(folder, { mode }).catch((failure: unknown) => {
      // Somebody else may have made it meanwhile.
      if (codeOf(failure) !== 'EEXIST') throw failure;
    });
  }
};
