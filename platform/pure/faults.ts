/** Nobody is logged in, and somebody has to be. */
export class UnauthenticatedError extends Error {
  override readonly name = 'UnauthenticatedError';
}

/** The caller is known and may not do this. Only for things whose existence the caller may know. */
export class ForbiddenError extends Error {
  override readonly name = 'ForbiddenError';
}

/** There is no such thing, or none that the caller may see: the same answer for both. */
export class NotFoundError extends Error {
  override readonly name = 'NotFoundError';
}

/** The input cannot be meant. `message` names the field and the fix and repeats nothing of the value; `field` is a path such as `input.start`. */
export class BadInputError extends Error {
  override readonly name = 'BadInputError';
  readonly field: string;
  constructor(field: string, message: string) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}

/** More was asked for than one answer gives. `message` says how to get the rest and repeats no value. */
export class LimitExceededError extends Error {
  override readonly name = 'LimitExceededError';
}
