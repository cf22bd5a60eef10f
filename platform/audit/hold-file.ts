import { readFileSync } from 'node:fs';
import fs from 'node:fs/promises';

const read = (file: string): string => {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
};
/** A mark that no later process of the same number has, where the system tells of one: boot and start. A process that has ended has none. */
const markOf = (pid: number): string => {
  // proc_pid_stat(5): the state is the first field behind the name, which may hold spaces and parentheses; the start is the twentieth.
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ['Z', 'X'].includes(fields[0] ?? '') ? 'ended' : `${read('/proc/sys/kernel/random/boot_id').trim()}/${fields[19] ?? ''}`;
};
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};
const isHeld = (content: string): boolean => {
  const [pid = '', mark = ''] = content.split('\n');
  return /^\d+$/.test(pid) && isAlive(Number(pid)) && markOf(Number(pid)) === mark;
};
const held = new Set<string>();

/**
 * Holds `FILE.lock` for this process and gives how to let go of it; null where somebody holds it. What a process that is gone held is free.
 * Processes that share a folder have to share the numbers of their processes as well.
 */
export const holdFile = async (file: string): Promise<(() => Promise<void>) | null> => {
  const lock = `${file}.lock`;
  if (held.has(lock)) return null;
  held.add(lock);
  const mine = `${process.pid}\n${markOf(process.pid)}\n`;
  const draft = `${lock}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  let isMine = false;
  try {
    // The lock appears whole: it is written beside and linked into place, which fails where there is one.
    await fs.writeFile(draft, mine, { mode: 0o600, flag: 'wx' });
    for (let round = 0; round < 20 && !isMine; round++) {
      try {
        await fs.link(draft, lock);
        isMine = true;
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const seen = await fs.readFile(lock, 'utf8').catch(() => null);
      if (seen === null) continue;
      if (isHeld(seen)) return null;
      // Of several that see a lock of nobody one moves it; one that moved a fresh lock by mistake puts it back.
      const aside = `${draft}.aside`;
      await fs.rename(lock, aside).catch(() => undefined);
      const moved = await fs.readFile(aside, 'utf8').catch(() => null);
      if (moved !== null && moved !== seen) await fs.link(aside, lock).catch(() => undefined);
      await fs.rm(aside, { force: true });
    }
    if (!isMine) return null;
    return async () => {
      if ((await fs.readFile(lock, 'utf8').catch(() => '')) === mine) await fs.rm(lock, { force: true });
      held.delete(lock);
    };
  } finally {
    await fs.rm(draft, { force: true });
    if (!isMine) held.delete(lock);
  }
};
