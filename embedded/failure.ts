/** A fault whose message is written for the person at the terminal: what is wrong and what to do. It holds no secret and no personal data. */
export class EmbeddedFailure extends Error {
  override readonly name = 'EmbeddedFailure';
}

/** The code of a Node system error (`EACCES`, `ENOSPC` …), or an empty string. Not by class: a test runner's realm has an `Error` of its own. */
export const codeOf = (error: unknown): string => {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : '';
};

/** Words for what the file system refused; anything else comes back as it was. */
export const toPlainFailure = (error: unknown, folder: string): unknown => {
  if (error instanceof EmbeddedFailure) return error;
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return new EmbeddedFailure(
        `The data folder ${folder} cannot be written by this account. Choose another DATA_DIR, or start as the account that owns it.`,
      );
    case 'EROFS':
      return new EmbeddedFailure(`The data folder ${folder} is on a read-only file system. Choose another DATA_DIR.`);
    case 'ENOSPC':
    case 'EDQUOT':
      return new EmbeddedFailure(`The disk of ${folder} is full. Free some space (a first start takes about 1 GB) and start again.`);
    case 'ENOTDIR':
    case 'EEXIST':
      return new EmbeddedFailure(`${folder} is not a folder. Choose another DATA_DIR.`);
    default:
      return error;
  }
};
