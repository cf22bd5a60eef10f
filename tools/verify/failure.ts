/** The command line is wrong, or a log could not be asked; nothing is said of the log. The command ends with 2. */
export class CannotVerify extends Error {
  override readonly name = 'CannotVerify';
}
