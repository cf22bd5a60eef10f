/**
 * What is wrong with something read: its form (`malformed`), a signature of a known key (`bad-signature`), that no known key signed it
 * (`unsigned`), that it is not there (`missing`), or that it does not belong to the tree (`mismatch`).
 */
export type TlogFault = 'malformed' | 'bad-signature' | 'unsigned' | 'missing' | 'mismatch';

/** `message` names the part and, where there is one, its line or place; it repeats nothing of the content. */
export class TlogError extends Error {
  override readonly name = 'TlogError';
  readonly fault: TlogFault;
  constructor(fault: TlogFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

export const malformed = (message: string): TlogError => new TlogError('malformed', message);
