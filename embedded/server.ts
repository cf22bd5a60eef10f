import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '#platform/observability/log.ts';
import type { Account } from './account.ts';
import { type Binaries, serverEnvironment, spawnAs } from './binaries.ts';
import { EmbeddedFailure } from './failure.ts';
import { readText } from './files.ts';
import { findClusterProcesses, isAlive, isKnown, servesCluster, signal } from './processes.ts';

export type ClusterState = 'running' | 'stopped' | 'starting' | 'failed';

/** One PostgreSQL server: started, adopted, watched, brought back. */
export type Server = {
  readonly folder: string;
  port(): number;
  pid(): number | null;
  state(): ClusterState;
  /** Whether it is meant to run: false from a stop, ours or an operator's, until the next start. */
  wanted(): boolean;
  /** Starts since it last ran that ended before the server was ready. */
  failures(): number;
  /** Takes over a server that a former process left running; false when there is none. */
  adopt(): Promise<boolean>;
  /** Resolves when connections are taken. Throws EmbeddedFailure after 30 s, sooner for faults that last; the server goes on being tried. */
  start(): Promise<void>;
  /** Fast shutdown, harder after 10 s; resolves when the server is gone. It stays stopped. */
  stop(): Promise<void>;
  kill(): void;
  /** Reads the configuration again. */
  reload(): void;
  /** What the server has logged since its last launch, at most the last 16 KiB. */
  recentLog(): Promise<string>;
};

export type ServerOptions = {
  /** Shown in logs and messages: `MTL a`. */
  readonly label: string;
  readonly folder: string;
  readonly logFile: string;
  readonly binaries: Binaries;
  readonly account: Account | null;
  readonly log: Log;
  port(): number;
  /** The port was taken by somebody else; true when another one has been chosen. */
  choosePort(): Promise<boolean>;
  /** Before each launch: writes the configuration. */
  prepare(): Promise<void>;
  /** The server has gone, cleanly or not. */
  onGone(): void;
};

const GIVE_UP_AFTER_MS = 30_000;
/** Faults that waiting seldom heals are told soon. */
const LASTING =
  /No space left on device|has wrong ownership|Permission denied|are incompatible with server|contains errors|unrecognized configuration/;
const LASTING_AFTER_MS = 2_000;
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;

/**
 * The account may not be able to enter the folders above its data (a DATA_DIR under /root), so as root on Linux the server is given
 * its folder as working folder, entered before the account changes, and calls it by that.
 */
export const dataArgument = (folder: string, account: Account | null): string =>
  account !== null && process.platform === 'linux' ? '/proc/self/cwd' : folder;

const plainReason = (output: string, label: string, account: Account | null): string => {
  const fatal = output
    .split('\n')
    .filter((line) => /FATAL|PANIC/.test(line))
    .at(-1)
    ?.replace(/^.*?(FATAL|PANIC):\s*/, '');
  if (/No space left on device/.test(output)) return `${label}: the disk is full. Free some space; the server is tried again.`;
  if (/could not (bind|create any TCP\/IP sockets)/.test(output)) return `${label}: its port is taken by another program.`;
  if (/has wrong ownership|Permission denied/.test(output)) {
    return `${label}: its data folder does not belong to the account ${account?.name ?? 'that started the network'}.`;
  }
  return `${label} does not start${fatal === undefined ? '' : `: ${fatal}`}`;
};

export const makeServer = (options: ServerOptions): Server => {
  const { label, folder, logFile, binaries, account, log } = options;
  let wanted = false;
  let state: ClusterState = 'stopped';
  let pid: number | null = null;
  let adoptedPort: number | null = null;
  let child: ChildProcess | null = null;
  let failures = 0;
  let logOffset = 0;
  let bringingUp: Promise<void> | null = null;
  let adoptedWatch: NodeJS.Timeout | null = null;

  const pidFile = path.join(folder, 'postmaster.pid');
  const readPidFile = async (): Promise<{ pid: number; port: number; status: string } | null> => {
    const lines = (await readText(pidFile))?.split('\n') ?? [];
    return lines.length > 0 ? { pid: Number(lines[0]), port: Number(lines[3]), status: (lines[7] ?? '').trim() } : null;
  };

  const isRunning = (): boolean => pid !== null && (child !== null ? child.exitCode === null && child.signalCode === null : isAlive(pid));

  const readLog = async (): Promise<string> => {
    const handle = await fs.open(logFile, 'r').catch(() => null);
    if (handle === null) return '';
    try {
      const { size } = await handle.stat();
      const from = Math.max(logOffset, size - 16_384);
      const buffer = Buffer.alloc(Math.max(0, size - from));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
      return buffer.subarray(0, bytesRead).toString('utf8');
    } finally {
      await handle.close();
    }
  };

  const gone = (clean: boolean, how: Record<string, unknown>): void => {
    const wasReady = state === 'running';
    if (adoptedWatch !== null) clearInterval(adoptedWatch);
    adoptedWatch = null;
    child = null;
    pid = null;
    adoptedPort = null;
    if (!wanted) {
      state = 'stopped';
    } else if (wasReady && clean) {
      wanted = false;
      state = 'stopped';
      log.info('database server was stopped by somebody else and stays stopped', { server: label });
    } else if (wasReady) {
      log.warn('database server died, starting it again', { server: label, ...how });
      bringUpBehind();
    }
    options.onGone();
  };

  const waitWhile = async (condition: () => boolean, limitMs: number): Promise<boolean> => {
    const end = performance.now() + limitMs;
    while (condition()) {
      if (performance.now() > end) return false;
      await sleep(10);
    }
    return true;
  };

  /**
   * PostgreSQL refuses to start while the process its pid file names exists: that may be another program by now (numbers are used again
   * after a reboot), or a killed server that nobody has collected. The file goes, if nothing holds the cluster any more.
   */
  const dropStalePidFile = async (): Promise<void> => {
    const file = await readPidFile();
    if (file === null || !isKnown(file.pid) || servesCluster(file.pid, folder)) return;
    if (findClusterProcesses(folder).length === 0) await fs.rm(pidFile, { force: true });
  };

  const openLog = async (): Promise<fs.FileHandle> => {
    const size = await fs.stat(logFile).then(
      (stat) => stat.size,
      () => 0,
    );
    if (size > LOG_LIMIT_BYTES) await fs.rename(logFile, `${logFile}.1`);
    const handle = await fs.open(logFile, 'a', 0o600);
    logOffset = (await handle.stat()).size;
    return handle;
  };

  /** One start. True when the server takes connections, false when it ended before. */
  const launch = async (): Promise<boolean> => {
    await dropStalePidFile();
    await options.prepare();
    const output = await openLog();
    let started: ChildProcess;
    try {
      started = spawn(binaries.postgres, ['-D', dataArgument(folder, account)], {
        ...spawnAs(account),
        cwd: folder,
        env: serverEnvironment(),
        // Its own process group: a terminal's Ctrl-C must not reach it beside us.
        detached: true,
        stdio: ['ignore', output.fd, output.fd],
      });
    } finally {
      await output.close();
    }
    started.unref();
    child = started;
    pid = started.pid ?? null;
    let ended = false;
    const end = (clean: boolean, how: Record<string, unknown>): void => {
      if (ended) return;
      ended = true;
      gone(clean, how);
    };
    started.once('error', (error) => end(false, { error: error.name }));
    started.once('exit', (code, exitSignal) => end(code === 0, { exitCode: code, signal: exitSignal }));
    while (!ended) {
      const file = await readPidFile().catch(() => null);
      if (file !== null && file.pid === started.pid && (file.status === 'ready' || file.status === 'standby')) return !ended;
      await sleep(10);
    }
    return false;
  };

  /**
   * Backends of a dead postmaster hold its shared memory until they notice its end, a busy one for long; no new server starts before.
   * What they do has no effect any more, so they are told to go.
   */
  const clearLeftovers = async (sinceMs: number): Promise<void> => {
    const end = performance.now() + 500;
    let leftovers = findClusterProcesses(folder);
    for (const leftover of leftovers) signal(leftover, sinceMs < 1_000 ? 'SIGQUIT' : 'SIGKILL');
    while (leftovers.length > 0 && performance.now() < end) {
      await sleep(10);
      leftovers = leftovers.filter((leftover) => servesCluster(leftover, folder));
    }
  };

  const keepTrying = async (onGaveUp: (reason: EmbeddedFailure) => void): Promise<void> => {
    const begin = performance.now();
    let pauseMs = 25;
    let gaveUp = false;
    while (wanted) {
      if (state !== 'failed') state = 'starting';
      let reason = '';
      let isLasting = false;
      try {
        const isAdopted = await adopt();
        if (!isAdopted) await clearLeftovers(performance.now() - begin);
        if (isAdopted || (await launch())) {
          if (!wanted) return;
          state = 'running';
          failures = 0;
          return;
        }
        const output = await readLog();
        if (/could not (bind|create any TCP\/IP sockets)/.test(output) && (await options.choosePort())) continue;
        isLasting = LASTING.test(output);
        reason = plainReason(output, label, account);
      } catch (error) {
        reason = `${label} does not start (${error instanceof EmbeddedFailure ? error.message : error instanceof Error ? error.name : 'unknown fault'})`;
      }
      failures += 1;
      const sinceMs = performance.now() - begin;
      if (sinceMs > (isLasting ? LASTING_AFTER_MS : GIVE_UP_AFTER_MS)) {
        if (!gaveUp) log.error('database server does not start; it goes on being tried', { server: label, reason });
        gaveUp = true;
        state = 'failed';
        onGaveUp(new EmbeddedFailure(`${reason} Its log: ${logFile}`));
      }
      const end = performance.now() + (gaveUp ? 5_000 : pauseMs);
      while (wanted && performance.now() < end) await sleep(25);
      pauseMs = Math.min(pauseMs * 2, sinceMs < 10_000 ? 200 : 1_000);
    }
  };

  let startWaiters: { resolve: () => void; reject: (reason: Error) => void }[] = [];
  const settle = (failure: Error | null): void => {
    const waiters = startWaiters;
    startWaiters = [];
    for (const waiter of waiters) failure === null ? waiter.resolve() : waiter.reject(failure);
  };

  const bringUpBehind = (): void => {
    if (bringingUp !== null) return;
    if (state !== 'failed') state = 'starting';
    bringingUp = keepTrying(settle)
      .then(() => settle(wanted ? null : new EmbeddedFailure(`${label} was stopped while it started.`)))
      .catch((error: unknown) => settle(error instanceof Error ? error : new Error('unknown fault')))
      .finally(() => {
        bringingUp = null;
        // It may have died between being ready and here.
        if (wanted && !isRunning()) bringUpBehind();
      });
  };

  const adopt = async (): Promise<boolean> => {
    const end = performance.now() + GIVE_UP_AFTER_MS;
    while (performance.now() < end) {
      const file = await readPidFile();
      if (file === null || !servesCluster(file.pid, folder)) return false;
      if (file.status === 'ready' || file.status === 'standby') {
        const adopted = file.pid;
        wanted = true;
        pid = adopted;
        adoptedPort = file.port;
        state = 'running';
        adoptedWatch = setInterval(() => {
          if (isAlive(adopted)) return;
          if (adoptedWatch !== null) clearInterval(adoptedWatch);
          adoptedWatch = null;
          // A server that shuts down in order removes its pid file; its exit code went to somebody else.
          readPidFile().then(
            (left) => gone(left?.pid !== adopted, { adopted: true }),
            () => gone(false, { adopted: true }),
          );
        }, 50);
        adoptedWatch.unref();
        log.info('database server adopted', { server: label, pid: adopted });
        return true;
      }
      await sleep(25);
    }
    return false;
  };

  const send = (name: NodeJS.Signals): void => {
    if (child !== null) child.kill(name);
    else if (pid !== null && servesCluster(pid, folder)) signal(pid, name);
  };

  let stopping: Promise<void> | null = null;
  const shutDown = async (): Promise<void> => {
    // A launch that was just under way may bring up one more server.
    do {
      send('SIGINT');
      // One that was paused hears it only when it goes on.
      send('SIGCONT');
      if (!(await waitWhile(() => pid !== null, 10_000))) {
        log.warn('database server does not stop, ending it', { server: label });
        send('SIGQUIT');
        if (!(await waitWhile(() => pid !== null, 5_000))) {
          send('SIGKILL');
          for (const leftover of findClusterProcesses(folder)) signal(leftover, 'SIGKILL');
          await waitWhile(() => pid !== null, 5_000);
        }
      }
      await bringingUp;
    } while (pid !== null);
    state = 'stopped';
  };

  return {
    folder,
    port: () => adoptedPort ?? options.port(),
    pid: () => pid,
    state: () => state,
    wanted: () => wanted,
    failures: () => failures,
    adopt,
    start: async () => {
      await stopping;
      wanted = true;
      if (state === 'running' && isRunning()) return;
      await new Promise<void>((resolve, reject) => {
        startWaiters.push({ resolve, reject });
        bringUpBehind();
      });
    },
    stop: () => {
      wanted = false;
      stopping ??= shutDown().finally(() => {
        stopping = null;
      });
      return stopping;
    },
    kill: () => send('SIGKILL'),
    reload: () => send('SIGHUP'),
    recentLog: readLog,
  };
};
