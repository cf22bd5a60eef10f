import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { codeOf } from './failure.ts';

const HAS_PROC = process.platform === 'linux';

const attempt = <T>(read: () => T): T | null => {
  try {
    return read();
  } catch {
    return null;
  }
};

const ps = (pid: number, field: string): string | null =>
  attempt(() =>
    execFileSync('ps', ['-o', `${field}=`, '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim(),
  );

/** Fields of /proc/PID/stat after the command's name, which may itself hold blanks and brackets; the first one is the state. */
const statFields = (pid: number): string[] | null => {
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
};

/** Whether the system still lists the process, be it as a zombie. */
export const isKnown = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
};

/** Whether the process runs. One that has ended and that nobody has collected (a zombie) does not. */
export const isAlive = (pid: number): boolean => {
  if (!isKnown(pid)) return false;
  const state = HAS_PROC ? statFields(pid)?.[0] : ps(pid, 'state');
  return state !== undefined && state !== null && state !== '' && !state.startsWith('Z') && !state.startsWith('X');
};

/** A mark no later process of the same number has: boot and start time. Null when the process is gone. */
export const startMark = (pid: number): string | null => {
  if (!isAlive(pid)) return null;
  if (!HAS_PROC) return ps(pid, 'lstart');
  const started = statFields(pid)?.[19];
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? '';
  return started === undefined ? null : `${boot}/${started}`;
};

/** Whether `pid` is a PostgreSQL process that serves the cluster in `folder`. */
export const servesCluster = (pid: number, folder: string): boolean => {
  if (!isAlive(pid)) return false;
  const real = attempt(() => realpathSync(folder));
  if (real === null) return false;
  if (!HAS_PROC) return `${ps(pid, 'command') ?? ''} `.includes(`postgres -D ${folder} `);
  if (attempt(() => readlinkSync(`/proc/${pid}/cwd`)) !== real) return false;
  return attempt(() => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) === 'postgres';
};

/** Processes that still hold the cluster in `folder`: what a killed postmaster leaves behind for a moment. Empty where there is no /proc. */
export const findClusterProcesses = (folder: string): number[] =>
  HAS_PROC
    ? readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map(Number)
        .filter((pid) => servesCluster(pid, folder))
    : [];

/** Sends a signal; a process that is gone meanwhile is no fault. */
export const signal = (pid: number, name: NodeJS.Signals): void => {
  attempt(() => process.kill(pid, name));
};
