import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { hash, verify } from '@node-rs/argon2';
import { OverloadedError } from '#platform/database/errors.ts';
import { BadInputError } from '#platform/pure/faults.ts';
import { codePoints, isUnfitText } from '#platform/pure/text.ts';
import { makeTurns } from '#platform/pure/turns.ts';

/** Argon2id as OWASP sets it: 19 MiB, two passes, one lane. https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html */
const ARGON = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const MIN_LENGTH = 12;
const MAX_LENGTH = 256;
/** A character that shows. Spaces count like any other (NIST SP 800-63B, section 3.1.1.2), yet a password of nothing else is a slip. */
const VISIBLE = /[^\s\p{Cc}\p{Cf}\u115f\u1160\u2800\u3164\uffa0]/u;
/** How many hashes may wait; more are refused. One takes about 25 ms. */
const MAX_WAITING = 100;

export type Passwords = {
  /** Hash of a new password. `BadInputError` on `field` for one that is too short or too long, or spaces alone. */
  readonly hashNew: (field: string, password: string) => Promise<string>;
  /** Whether the password is the account's; `passwordHash` null (no such account) takes as long and is false. */
  readonly matches: (password: string, passwordHash: string | null) => Promise<boolean>;
};

const normal = (password: string): string => password.normalize('NFC');

/** Hash of a password as accounts keep it (PHC string). For seeding; callers' passwords go through `makePasswords`. */
export const hashPassword = (password: string): Promise<string> => hash(normal(password), ARGON);

/** Hashes on spare processors alone: one stays free for everybody else's requests. */
export const makePasswords = async (parallel: number = Math.max(1, availableParallelism() - 1)): Promise<Passwords> => {
  const inTurn = makeTurns(parallel, { maxWaiting: MAX_WAITING, toRefusal: () => new OverloadedError('') });
  const nobody = await hashPassword(randomBytes(32).toString('base64url'));
  return {
    hashNew: async (field, password) => {
      if (isUnfitText(password)) throw new BadInputError(field, 'holds control characters; send plain text');
      const length = codePoints(normal(password));
      if (length < MIN_LENGTH) throw new BadInputError(field, `needs at least ${MIN_LENGTH} characters`);
      if (length > MAX_LENGTH) throw new BadInputError(field, `is longer than ${MAX_LENGTH} characters`);
      if (!VISIBLE.test(password)) throw new BadInputError(field, 'holds nothing but spaces; send at least one other character');
      return inTurn(() => hashPassword(password));
    },
    matches: (password, passwordHash) =>
      inTurn(async () => {
        // What no account can have is still compared, with the hash that nobody's password has.
        const possible = password.isWellFormed() && password.length <= MAX_LENGTH * 4;
        const same = await verify(possible ? (passwordHash ?? nobody) : nobody, possible ? normal(password) : '', ARGON);
        return same && possible && passwordHash !== null;
      }),
  };
};
