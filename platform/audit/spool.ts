import fs from 'node:fs/promises';
import path from 'node:path';
import type { SpoolConfig } from '#platform/config/spool.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { CityUnavailableError, OverloadedError } from '#platform/database/errors.ts';
import { makeFolders } from '#platform/disk/make-folders.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { appendSpooled } from './append-many.ts';
import { AUDIT_COLUMNS, type AuditValue, RECORDED_AT } from './event.ts';
import { holdFile } from './hold-file.ts';
import { openSpoolFile, type SpoolFile, SpoolFullError } from './spool-file.ts';

/** Where entries of one city's readings go while its primary is gone. */
export type ReadingSpool = { readonly append: (rows: readonly (readonly AuditValue[])[]) => Promise<void> };

/** What health says of one city's spool. `entries` counts those that are not known to be written yet. */
export type SpoolReport = {
  readonly state: 'empty' | 'waiting' | 'late' | 'full' | 'stuck' | 'failed';
  readonly entries: number;
  readonly bytes: number;
  readonly oldestSeconds: number;
};

/** The spools of all cities for one role. */
export type Spools = {
  readonly of: (city: string) => ReadingSpool;
  /** Writes what waits into the cities' primaries, also what processes left that are gone, until the returned function is called. */
  readonly drainInto: (databases: readonly CityDatabase[]) => () => Promise<void>;
  readonly report: () => Readonly<Record<string, SpoolReport>>;
  readonly stop: () => Promise<void>;
};

type Held = { readonly name: string; readonly file: SpoolFile; readonly letGo: () => Promise<void> };

/** How many processes of one role may share a folder. */
const MAX_PROCESSES = 64;
/** How often it is looked whether something waits, and whether somebody left something, in milliseconds. */
const LOOK_MS = 500;
const ADOPT_MS = 10_000;

/**
 * Opens the spools of a role: for each city a file of this process alone. A file that a process left behind is gone on with, or drained beside
 * it. Throws where the folder cannot be written.
 */
export const openSpools = async (
  { folder, maxBytes, alarmSeconds }: SpoolConfig,
  role: string,
  cities: readonly string[],
  log: Log,
): Promise<Spools> => {
  await makeFolders(folder, 0o700);
  const kindOf = (city: string): string => `caregraph readings 1 ${city} ${role}: ${AUDIT_COLUMNS}`;
  /** Files of another release, by name: they are told of once, and count as stuck for as long as they are there. */
  const foreign = new Map<string, string>();
  const hold = async (city: string, name: string): Promise<Held | null> => {
    const at = path.join(folder, name);
    const letGo = await holdFile(at);
    if (!letGo) return null;
    const file = await openSpoolFile(at, { kind: kindOf(city), maxBytes, timeAt: RECORDED_AT }).catch(async (error: unknown) => {
      await letGo();
      throw error;
    });
    if (!file) {
      // Of another release, whose columns this one does not write: it is kept, and somebody has to look.
      if (!foreign.has(name)) log.error('a spool of another release waits for it', { city, role });
      foreign.set(name, city);
      await letGo();
      return null;
    }
    foreign.delete(name);
    const { entries } = file.state();
    if (file.cutBytes > 0)
      log.warn('the torn end of a spool was cut off; nobody was told that it stood', { city, role, bytes: file.cutBytes });
    if (entries > 0) log.info('a spool was found', { city, role, entries });
    return { name, file, letGo };
  };
  const nameOf = (city: string, n: number): string => `${city}-${role}-${n}.spool`;

  const own = new Map<string, Held>();
  const left = new Map<string, Held[]>(cities.map((city) => [city, []]));
  const release = async ({ file, letGo }: Held): Promise<void> => {
    await file.close();
    await letGo();
  };
  const close = async (): Promise<void> => {
    await Promise.all([...own.values(), ...[...left.values()].flat()].map(release));
  };
  try {
    for (const city of cities) {
      for (let n = 0; n < MAX_PROCESSES && !own.has(city); n++) {
        const held = await hold(city, nameOf(city, n));
        if (held) own.set(city, held);
      }
      if (!own.has(city)) throw new Error(`no file of the spool is free for ${role} in ${city}`);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const ownOf = (city: string): Held => {
    const held = own.get(city);
    if (!held) throw new Error(`no city ${city}`);
    return held;
  };

  const isWaiting = (file: SpoolFile): boolean => file.state().entries > 0 || file.state().failed;
  const stuck = new Set<string>();
  const full = new Set<string>();
  const stateOf = (
    city: string,
    { failed, entries, oldestSeconds }: { readonly failed: boolean; readonly entries: number; readonly oldestSeconds: number },
  ): SpoolReport['state'] => {
    if (failed) return 'failed';
    if ((entries > 0 && stuck.has(city)) || [...foreign.values()].includes(city)) return 'stuck';
    if (entries === 0) return 'empty';
    if (full.has(city)) return 'full';
    return oldestSeconds > alarmSeconds ? 'late' : 'waiting';
  };
  const report = (): Record<string, SpoolReport> =>
    Object.fromEntries(
      cities.map((city) => {
        const states = [ownOf(city), ...(left.get(city) ?? [])].map(({ file }) => file.state());
        const entries = states.reduce((sum, state) => sum + state.entries, 0);
        const bytes = states.reduce((sum, state) => sum + state.bytes, 0);
        const oldest = Math.min(...states.map(({ oldestAt }) => oldestAt?.getTime() ?? Number.POSITIVE_INFINITY));
        const oldestSeconds = entries === 0 ? 0 : Math.max(0, Math.round((Date.now() - oldest) / 1_000));
        const state = stateOf(city, { failed: states.some(({ failed }) => failed), entries, oldestSeconds });
        return [city, { state, entries, bytes, oldestSeconds }];
      }),
    );

  /** Takes over what processes left that are gone. */
  const adopt = async (city: string): Promise<void> => {
    const names = await fs.readdir(folder);
    for (const [name, home] of foreign) if (home === city && !names.includes(name)) foreign.delete(name);
    for (let n = 0; n < MAX_PROCESSES; n++) {
      const name = nameOf(city, n);
      const known = [ownOf(city), ...(left.get(city) ?? [])];
      if (!names.includes(name) || known.some((held) => held.name === name)) continue;
      const held = await hold(city, name);
      if (held) left.get(city)?.push(held);
    }
  };

  const drain = async (db: CityDatabase): Promise<void> => {
    const city = db.city.code;
    const take = (rows: readonly (readonly AuditValue[])[]): Promise<void> => appendSpooled(db, rows);
    const waiting = left.get(city) ?? [];
    try {
      for (const held of [...waiting]) {
        const entries = await held.file.drain(take);
        if (entries > 0) log.info('a spool was written into its city', { city, role, entries });
        // Empty, and nobody else writes to it.
        await held.file.close();
        await fs.rm(path.join(folder, held.name), { force: true });
        await held.letGo();
        waiting.splice(waiting.indexOf(held), 1);
      }
      const { file } = ownOf(city);
      if (isWaiting(file)) {
        const entries = await file.drain(take);
        if (entries > 0) log.info('a spool was written into its city', { city, role, entries });
      }
      full.delete(city);
      stuck.delete(city);
    } catch (error) {
      if (error instanceof CityUnavailableError || error instanceof OverloadedError) return; // not back yet
      if (!stuck.has(city)) log.error('a spool cannot be written into its city', { city, role, ...describeError(error) });
      stuck.add(city);
    }
  };

  return {
    of: (city) => {
      const { file } = ownOf(city);
      return {
        append: async (rows) => {
          try {
            await file.append(rows);
          } catch (error) {
            if (error instanceof SpoolFullError && !full.has(city)) {
              full.add(city);
              log.error('a spool is full; readings are refused', { city, role, bytes: file.state().bytes });
            }
            throw error;
          }
        },
      };
    },
    drainInto: (databases) => {
      let isStopped = false;
      const late = new Set<string>();
      const loops = databases.map((db) => {
        const city = db.city.code;
        let timer: NodeJS.Timeout | undefined;
        let running: Promise<void> = Promise.resolve();
        let adoptAt = 0;
        const look = async (): Promise<void> => {
          try {
            if (Date.now() >= adoptAt) {
              adoptAt = Date.now() + ADOPT_MS;
              await adopt(city);
            }
            if (isWaiting(ownOf(city).file) || (left.get(city)?.length ?? 0) > 0) await drain(db);
          } catch (error) {
            log.error('a spool could not be looked after', { city, role, ...describeError(error) });
          }
          const state = report()[city]?.state;
          if (state === 'late' && !late.has(city)) log.error('readings wait in a spool for too long', { city, role });
          if (state === 'late') late.add(city);
          else if (state === 'empty') late.delete(city);
          if (isStopped) return;
          timer = setTimeout(() => {
            running = look();
          }, LOOK_MS);
          timer.unref();
        };
        running = look();
        return async () => {
          clearTimeout(timer);
          await running;
        };
      });
      return async () => {
        isStopped = true;
        await Promise.all(loops.map((end) => end()));
      };
    },
    report,
    stop: close,
  };
};
