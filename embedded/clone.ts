import fs from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';
import { z } from 'zod';
import { replaceFile } from '#platform/disk/replace-file.ts';
import type { Account } from './account.ts';
import { codeOf } from './failure.ts';
import { makeFolder } from './files.ts';
import { PASSWORD_FILE } from './settings.ts';

// What a base backup leaves out, https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP-DATA
const EMPTY_FOLDERS = new Set([
  'pg_wal',
  'pg_replslot',
  'pg_dynshmem',
  'pg_notify',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
]);
const LEFT_OUT = new Set([
  'postmaster.pid',
  'postmaster.opts',
  'backup_label.old',
  'tablespace_map.old',
  'pg_internal.init',
  PASSWORD_FILE,
]);
const isLeftOut = (name: string): boolean =>
  LEFT_OUT.has(name) || name.startsWith('pgsql_tmp') || name.endsWith('.tmp') || /^t\d+_\d+/.test(name);

type CopiedFile = { readonly from: string; readonly to: string };
const PIECE_BYTES = 1024 * 1024;
const COPIES_AT_ONCE = 4;

/**
 * Copies a file that may be written to, cut short or dropped meanwhile; the log that is replayed mends what is torn. `fs.copyFile` would wait for
 * ever for the bytes of one that was cut short.
 */
export const copyLiveFile = async ({ from, to }: CopiedFile, account: Account | null): Promise<void> => {
  let source: fs.FileHandle;
  try {
    source = await fs.open(from, 'r');
  } catch (error) {
    // Dropped while we copied: the log that is replayed drops it as well.
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  try {
    const target = await fs.open(to, 'w', 0o600);
    try {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Math.max(1, (await source.stat()).size)));
      for (;;) {
        const { bytesRead } = await source.read(piece, 0, piece.length);
        if (bytesRead === 0) break;
        await target.writeFile(piece.subarray(0, bytesRead));
      }
      if (account !== null) await target.chown(account.uid, account.gid);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
};

/** Makes the folders of the copy, and tells the files to be copied into them. */
const copyFolders = async (from: string, to: string, account: Account | null, isTop: boolean): Promise<CopiedFile[]> => {
  await makeFolder(to, 0o700, account);
  const files: CopiedFile[] = [];
  for (const entry of await fs.readdir(from, { withFileTypes: true })) {
    const source = path.join(from, entry.name);
    const target = path.join(to, entry.name);
    if (isLeftOut(entry.name)) continue;
    if (entry.isFile() && entry.name !== 'pg_control') files.push({ from: source, to: target });
    if (!entry.isDirectory()) continue;
    if (!isTop || !EMPTY_FOLDERS.has(entry.name)) {
      files.push(...(await copyFolders(source, target, account, false)));
      continue;
    }
    await makeFolder(target, 0o700, account);
    if (entry.name === 'pg_wal') {
      for (const name of ['archive_status', 'summaries']) await makeFolder(path.join(target, name), 0o700, account);
    }
  }
  return files;
};

const copyFolder = async (from: string, to: string, account: Account | null): Promise<void> => {
  const files = (await copyFolders(from, to, account, true)).values();
  await Promise.all(
    Array.from({ length: COPIES_AT_ONCE }, async () => {
      for (const file of files) await copyLiveFile(file, account);
    }),
  );
};

const backupStop = z.array(z.object({ labelfile: z.string() })).length(1);

/**
 * Clones the running primary that `admin` is connected to (a superuser's session, kept to itself meanwhile) into `target`, a folder
 * that must not exist. The result is a standby that follows by the slot `slot`, which is made anew.
 */
export const clonePrimary = async (
  admin: pg.Client,
  from: string,
  target: string,
  options: {
    readonly slot: string;
    readonly account: Account | null;
    readonly conf: string;
    readonly hba: string;
    readonly passwordLine: string;
  },
): Promise<void> => {
  const { account, slot } = options;
  const draft = `${target}.new`;
  await fs.rm(draft, { recursive: true, force: true });
  await admin.query('SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = $1 AND active', [slot]);
  await admin.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1', [slot]);
  await admin.query('SELECT pg_create_physical_replication_slot($1, true)', [slot]);
  try {
    await admin.query('SELECT pg_backup_start($1, true)', [`clone ${slot}`]);
    await copyFolder(from, draft, account);
    await copyLiveFile({ from: path.join(from, 'global', 'pg_control'), to: path.join(draft, 'global', 'pg_control') }, account);
    const [stopped] = backupStop.parse((await admin.query('SELECT labelfile FROM pg_backup_stop(false)')).rows);
    const files = {
      backup_label: stopped?.labelfile ?? '',
      'standby.signal': '',
      'postgresql.conf': options.conf,
      'pg_hba.conf': options.hba,
      [PASSWORD_FILE]: options.passwordLine,
    };
    for (const [name, text] of Object.entries(files)) await replaceFile(path.join(draft, name), text, { owner: account, sync: 'none' });
    await fs.rename(draft, target);
  } catch (error) {
    await fs.rm(draft, { recursive: true, force: true });
    throw error;
  }
};
