import { readFileSync } from 'node:fs';
import { ConfigurationError } from '#platform/config/configuration-error.ts';
import { EmbeddedFailure } from './failure.ts';

/** An unprivileged account of this machine. */
export type Account = { readonly name: string; readonly uid: number; readonly gid: number };

const CANDIDATES = ['postgres', 'node', 'nobody'];

const parseAccounts = (passwd: string): Account[] =>
  passwd
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length > 3 && /^-?\d+$/.test(fields[2] ?? '') && /^-?\d+$/.test(fields[3] ?? ''))
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));

/**
 * The account the servers run as: PostgreSQL refuses to run as root. The owner of existing data wins, then `preferred`, then the
 * first of postgres, node, nobody. No account is created.
 * Throws EmbeddedFailure when there is none, ConfigurationError when the preferred one is unknown or root.
 */
export const chooseAccount = (passwd: string, preferred: string | undefined, owner: { uid: number; gid: number } | null): Account => {
  const accounts = parseAccounts(passwd).filter((account) => account.uid > 0);
  if (owner !== null && owner.uid > 0) {
    return accounts.find((account) => account.uid === owner.uid) ?? { name: `uid ${owner.uid}`, ...owner };
  }
  if (preferred !== undefined && preferred !== '') {
    const found = accounts.find((account) => account.name === preferred);
    if (found === undefined) throw new ConfigurationError(['PG_RUN_AS names no unprivileged account of this machine']);
    return found;
  }
  for (const name of CANDIDATES) {
    const found = accounts.find((account) => account.name === name);
    if (found !== undefined) return found;
  }
  throw new EmbeddedFailure(
    'PostgreSQL does not run as root, and this machine has none of the accounts postgres, node, nobody. Start as another user, or name an account in PG_RUN_AS.',
  );
};

/** Null when this process is not root: then the servers run as the account that started it. */
export const findAccount = (preferred: string | undefined, owner: { uid: number; gid: number } | null): Account | null =>
  process.getuid?.() === 0 ? chooseAccount(readFileSync('/etc/passwd', 'utf8'), preferred, owner) : null;
