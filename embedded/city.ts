import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { z } from 'zod';
import { replaceFile } from '#platform/disk/replace-file.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import type { Account } from './account.ts';
import { type Binaries, serverEnvironment, spawnAs } from './binaries.ts';
import { clonePrimary } from './clone.ts';
import { EmbeddedFailure } from './failure.ts';
import { exists, makeFolder, readText } from './files.ts';
import type { EmbeddedSecrets } from './secrets.ts';
import { type ClusterState, dataArgument, makeServer, type Server } from './server.ts';
import { HBA_CONF, PASSWORD_FILE, postgresqlConf, REPLICATION_USER } from './settings.ts';
import { connectSuperuser, SETUP_MARK, SUPERUSER, setUpCluster } from './setup.ts';

export type NodeName = 'a' | 'b';

/** A city's database servers. Lists are live views. */
export type EmbeddedCity = {
  readonly code: string;
  readonly nodes: readonly { name: NodeName; role: 'primary' | 'standby'; port: number; pid: number | null; state: ClusterState }[];
  /** Whether commits wait for the standby at this moment. */
  readonly synchronous: boolean;
  /** Shuts a server down in order; it stays stopped. */
  stopNode(name: NodeName): Promise<void>;
  startNode(name: NodeName): Promise<void>;
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Ends a server as a crash would; it is brought back. */
  kill(name: NodeName): void;
};

export type CityOptions = {
  readonly code: string;
  /** `DATA_DIR/cities/MTL` */
  readonly folder: string;
  readonly logFolder: string;
  readonly binaries: Binaries;
  readonly account: Account | null;
  readonly secrets: EmbeddedSecrets;
  readonly log: Log;
  readonly fsync: boolean;
  readonly hasStandby: boolean;
  readonly onProgress: (step: string) => void;
  /** The port given to a node. */
  portOf(name: NodeName): number;
  /** Gives a node another port; false when ports are already told to callers. */
  choosePort(name: NodeName): Promise<boolean>;
};

/** A city as the network holds it. */
export type ManagedCity = EmbeddedCity & {
  /** Whether its data was there before. */
  readonly hadData: boolean;
  /** Takes over servers that a former process left running. */
  adopt(): Promise<void>;
  /** The primary takes connections and is set up; the standby follows behind. */
  open(): Promise<void>;
  close(): Promise<void>;
};

const WATCH_EVERY_MS = 200;
/** A commit that waits this long for the standby means that the standby hangs. */
const STALLED_AFTER_MS = 700;
const HOLD_OFF_MS = 3_000;
const LAG_LIMIT_BYTES = 1024 * 1024;
const LOST_AFTER_MS = 60_000;
const CLONE_PAUSE_MS = 5_000;
/** What a standby logs that can never catch up. */
const CANNOT_FOLLOW =
  /has already been removed|timeline .* (is not in|does not contain|is behind)|starting point .* is ahead|system identifier differs|can no longer access replication slot|has been invalidated|new timeline .* forked off|replication slot ".*" does not exist/;
const MAJOR_VERSION = '18';

const observation = z.object({
  state: z.string().nullable(),
  lagBytes: z.number().nullable(),
  replyAgeMs: z.number().nullable(),
  slotStatus: z.string().nullable(),
  waiting: z.array(z.string()),
});
const OBSERVE = `
  SELECT r.state, pg_wal_lsn_diff(pg_current_wal_flush_lsn(), r.flush_lsn)::float8 AS "lagBytes",
         extract(epoch FROM clock_timestamp() - r.reply_time)::float8 * 1000 AS "replyAgeMs", s.wal_status AS "slotStatus",
         ARRAY(SELECT pid || ' ' || query_start FROM pg_stat_activity WHERE wait_event = 'SyncRep') AS waiting
    FROM (SELECT 1) AS one
    LEFT JOIN pg_stat_replication r ON r.application_name = $1 AND r.usename = '${REPLICATION_USER}'
    LEFT JOIN pg_replication_slots s ON s.slot_name = $1
   ORDER BY r.state = 'streaming' DESC NULLS LAST LIMIT 1`;

const runInitdb = (binaries: Binaries, account: Account | null, folder: string, args: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(binaries.initdb, ['-D', dataArgument(folder, account), ...args], {
      ...spawnAs(account),
      cwd: folder,
      env: serverEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      output += text;
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) return resolve();
      if (/No space left on device/.test(output)) {
        return reject(
          new EmbeddedFailure(`The disk of ${folder} is full. Free some space (a first start takes about 1 GB) and start again.`),
        );
      }
      const reason = output
        .split('\n')
        .filter((line) => /error|fatal/i.test(line))
        .join(' ');
      reject(new EmbeddedFailure(`The database in ${folder} cannot be made: ${reason}`));
    });
  });

/** Which node is the primary, by what lies on disk: a standby has `standby.signal`. */
const readRoles = async (
  folder: string,
): Promise<{ primary: NodeName; hasData: Readonly<Record<NodeName, boolean>>; bothPrimary: boolean }> => {
  const look = async (name: NodeName) => {
    const version = (await readText(path.join(folder, name, 'PG_VERSION')))?.trim() ?? null;
    if (version !== null && version !== MAJOR_VERSION) {
      throw new EmbeddedFailure(
        `${path.join(folder, name)} holds data of PostgreSQL ${version}; this release runs ${MAJOR_VERSION}. Use the release that made it to export the data, or choose another DATA_DIR.`,
      );
    }
    return { hasData: version !== null, follows: await exists(path.join(folder, name, 'standby.signal')) };
  };
  const [a, b] = await Promise.all([look('a'), look('b')]);
  const leads = (node: { hasData: boolean; follows: boolean }): boolean => node.hasData && !node.follows;
  if (!leads(a) && !leads(b) && (a.hasData || b.hasData)) {
    throw new EmbeddedFailure(
      `${folder} holds a standby but no primary: part of the data folder is missing. Put it back from a copy, or choose another DATA_DIR.`,
    );
  }
  return { primary: !leads(a) && leads(b) ? 'b' : 'a', hasData: { a: a.hasData, b: b.hasData }, bothPrimary: leads(a) && leads(b) };
};

/** Whether any city under `citiesFolder` holds data. */
export const holdsClusters = async (citiesFolder: string): Promise<boolean> => {
  const codes = await fs.readdir(citiesFolder).catch(() => []);
  const found = await Promise.all(
    codes.flatMap((code) => ['a', 'b'].map((name) => exists(path.join(citiesFolder, code, name, 'PG_VERSION')))),
  );
  return found.includes(true);
};

/** Reads what is on disk; nothing is started before `open`. Throws EmbeddedFailure for data it cannot run. */
export const makeCity = async (options: CityOptions): Promise<ManagedCity> => {
  const { code, folder, binaries, account, secrets, log, fsync } = options;
  const roles = await readRoles(folder);
  const hadData = roles.hasData.a || roles.hasData.b;
  const primaryName = roles.primary;
  const standbyName: NodeName = primaryName === 'a' ? 'b' : 'a';
  const hasStandby = options.hasStandby && !roles.bothPrimary;
  if (roles.bothPrimary)
    log.error('both nodes of a city hold data of a primary; only one is started', { city: code, started: primaryName });

  const folderOf = (name: NodeName): string => path.join(folder, name);
  /** Whether the primary's configuration names the standby; null: not known, as an adopted server has it from a former process. */
  let synchronous: boolean | null = null;
  let standbyWanted = false;
  let cloning: Promise<void> | null = null;
  let closed = false;

  const confOf = (name: NodeName): string =>
    postgresqlConf({
      clusterName: `caregraph ${code} ${name}`,
      port: name === primaryName ? primary.port() : standby.port(),
      fsync,
      synchronousStandby: name === primaryName && synchronous === true ? standbyName : null,
      follows: name === primaryName ? null : { port: primary.port(), name: standbyName },
    });
  const writeConf = async (name: NodeName): Promise<void> => {
    await replaceFile(path.join(folderOf(name), 'postgresql.conf'), confOf(name), { owner: account, sync: 'none' });
    await replaceFile(path.join(folderOf(name), 'pg_hba.conf'), HBA_CONF, { owner: account, sync: 'none' });
  };
  const passwordLine = `*:*:*:${REPLICATION_USER}:${secrets.replicationPassword}\n`;

  const serverFor = (name: NodeName, hooks: { prepare(): Promise<void>; onGone(): void }): Server =>
    makeServer({
      label: `${code} ${name}`,
      folder: folderOf(name),
      logFile: path.join(options.logFolder, `${code}-${name}.log`),
      binaries,
      account,
      log,
      port: () => options.portOf(name),
      choosePort: () => options.choosePort(name),
      ...hooks,
    });

  const primary = serverFor(primaryName, {
    prepare: async () => {
      // The standby may be down; commits wait for it only once it is seen to stream.
      synchronous = false;
      await writeConf(primaryName);
    },
    onGone: () => {
      synchronous = false;
    },
  });
  const standby = serverFor(standbyName, {
    prepare: async () => {
      await writeConf(standbyName);
      await replaceFile(path.join(folderOf(standbyName), PASSWORD_FILE), passwordLine, { owner: account, sync: 'none' });
    },
    onGone: () => {
      if (!standby.wanted() && cloning === null) standbyWanted = false;
      void waitForStandby(false);
    },
  });
  const serverOf = (name: NodeName): Server => (name === primaryName ? primary : standby);

  let settingSync: Promise<void> = Promise.resolve();
  /** Lets commits wait for the standby or not. By file and signal, so that it works when every connection is taken. */
  const waitForStandby = (wait: boolean): Promise<void> => {
    settingSync = settingSync
      .then(async () => {
        if (synchronous === wait || primary.pid() === null || (closed && wait)) return;
        synchronous = wait;
        await writeConf(primaryName);
        primary.reload();
        if (wait) options.onProgress(`${code}: the standby follows`);
        log.info(wait ? 'commits wait for the standby' : 'commits do not wait for the standby', { city: code });
      })
      .catch((error: unknown) => {
        synchronous = null;
        log.error('synchronous replication could not be switched', { city: code, ...describeError(error) });
      });
    return settingSync;
  };

  const initialise = async (): Promise<void> => {
    options.onProgress(`${code}: making the database`);
    const draft = `${folderOf(primaryName)}.new`;
    const passwordFile = `${folderOf(primaryName)}.password`;
    await fs.rm(draft, { recursive: true, force: true });
    await makeFolder(draft, 0o700, account);
    try {
      await replaceFile(passwordFile, `${secrets.superuserPassword}\n`, { owner: account, sync: 'none' });
      const args = [
        '-U',
        SUPERUSER,
        '-A',
        'scram-sha-256',
        `--pwfile=${account === null ? passwordFile : `../${path.basename(passwordFile)}`}`,
      ];
      const locale = ['-E', 'UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'];
      await runInitdb(binaries, account, draft, [...args, ...locale, '--no-instructions', ...(fsync ? [] : ['--no-sync'])]);
    } finally {
      await fs.rm(passwordFile, { force: true });
    }
    await fs.rename(draft, folderOf(primaryName));
  };

  const setUp = async (): Promise<void> => {
    const mark = path.join(folder, 'ready.json');
    if ((await readText(mark)) === SETUP_MARK) return;
    await setUpCluster(code, primary.port(), secrets);
    await replaceFile(mark, SETUP_MARK, { sync: fsync ? 'all' : 'none' });
  };

  const cloneAnew = async (): Promise<void> => {
    await standby.stop();
    const target = folderOf(standbyName);
    await fs.rm(target, { recursive: true, force: true });
    const admin = await connectSuperuser(primary.port(), secrets.superuserPassword, 'postgres');
    try {
      await clonePrimary(admin, folderOf(primaryName), target, {
        slot: standbyName,
        account,
        conf: confOf(standbyName),
        hba: HBA_CONF,
        passwordLine,
      });
    } finally {
      await admin.end();
    }
    if (fsync) await runInitdb(binaries, account, target, ['--sync-only']);
    log.info('standby cloned', { city: code });
  };

  let clonedAtMs = Number.NEGATIVE_INFINITY;
  /** Clones the standby and starts it; one at a time. */
  const replaceStandby = (): Promise<void> => {
    clonedAtMs = performance.now();
    cloning ??= cloneAnew()
      .catch((error: unknown) => log.warn('standby could not be cloned, trying again', { city: code, ...describeError(error) }))
      .then(async () => {
        cloning = null;
        clonedAtMs = performance.now();
        notStreamingSinceMs = null;
        if (standbyWanted && !closed && (await exists(path.join(folderOf(standbyName), 'PG_VERSION')))) await startStandbyServer();
      });
    return cloning;
  };
  const startStandbyServer = (): Promise<void> =>
    standby.start().catch((error: unknown) => log.warn('standby does not run', { city: code, ...describeError(error) }));

  let admin: pg.Client | null = null;
  const dropAdmin = (): void => {
    const client = admin;
    admin = null;
    // `end` of a session whose server hangs never comes back.
    client?.end().catch(() => undefined);
    (client as unknown as { connection?: { stream?: { destroy(): void } } } | null)?.connection?.stream?.destroy();
  };
  const observe = async (): Promise<z.infer<typeof observation>> => {
    admin ??= await connectSuperuser(primary.port(), secrets.superuserPassword, 'postgres', { queryTimeoutMs: 1_000 });
    return observation.parse((await admin.query(OBSERVE, [standbyName])).rows[0]);
  };

  const waitingSince = new Map<string, number>();
  let holdOffUntilMs = 0;
  let notStreamingSinceMs: number | null = null;

  const isStalled = (waiting: readonly string[], nowMs: number): boolean => {
    for (const key of waitingSince.keys()) if (!waiting.includes(key)) waitingSince.delete(key);
    for (const key of waiting) if (!waitingSince.has(key)) waitingSince.set(key, nowMs);
    return [...waitingSince.values()].some((sinceMs) => nowMs - sinceMs >= STALLED_AFTER_MS);
  };

  /** Why the standby has to be cloned anew, or null. */
  const reasonToClone = async (seen: z.infer<typeof observation>, nowMs: number): Promise<string | null> => {
    if (!(await exists(path.join(folderOf(standbyName), 'PG_VERSION')))) return 'no data';
    if (nowMs - clonedAtMs < CLONE_PAUSE_MS) return null;
    if (seen.slotStatus === null) return 'its slot is gone';
    if (seen.slotStatus === 'lost') return 'the log it needs is gone';
    if (standby.failures() >= 5 && !/No space left|could not bind/.test(await standby.recentLog())) return 'it does not start';
    if (standby.state() !== 'running' || notStreamingSinceMs === null) return null;
    if (nowMs - notStreamingSinceMs > 1_000 && CANNOT_FOLLOW.test(await standby.recentLog())) return 'it cannot follow';
    return nowMs - notStreamingSinceMs > LOST_AFTER_MS && !(await replayAdvances()) ? 'it does not come back' : null;
  };

  let replayed: string | null = null;
  /** Whether the standby still works through log of its own: then it is only slow. */
  const replayAdvances = async (): Promise<boolean> => {
    const before = replayed;
    const client = await connectSuperuser(standby.port(), secrets.superuserPassword, 'postgres', { queryTimeoutMs: 1_000 });
    try {
      replayed = (await client.query<{ lsn: string | null }>('SELECT pg_last_wal_replay_lsn()::text AS lsn')).rows[0]?.lsn ?? null;
    } finally {
      await client.end();
    }
    if (replayed !== before) notStreamingSinceMs = performance.now() - LOST_AFTER_MS / 2;
    return replayed !== before;
  };

  const watch = async (): Promise<void> => {
    if (primary.state() !== 'running') return dropAdmin();
    const seen = await observe();
    const nowMs = performance.now();
    const streams = seen.state === 'streaming' && standbyWanted && cloning === null;
    notStreamingSinceMs = streams || standby.state() !== 'running' ? null : (notStreamingSinceMs ?? nowMs);
    if (isStalled(seen.waiting, nowMs)) {
      holdOffUntilMs = nowMs + HOLD_OFF_MS;
      waitingSince.clear();
      await waitForStandby(false);
    } else if (!streams) {
      await waitForStandby(false);
    } else if (synchronous !== true && nowMs >= holdOffUntilMs) {
      const isClose =
        (seen.lagBytes ?? Number.POSITIVE_INFINITY) < LAG_LIMIT_BYTES && (seen.replyAgeMs ?? Number.POSITIVE_INFINITY) < 2_000;
      // After a stall it has to answer again first.
      if (isClose || holdOffUntilMs === 0) await waitForStandby(true);
    }
    if (!standbyWanted || cloning !== null || closed || streams) return;
    const reason = await reasonToClone(seen, nowMs);
    if (reason === null || !standbyWanted || closed) return;
    if (reason !== 'no data') log.warn('standby is cloned anew', { city: code, reason });
    void replaceStandby();
  };

  let watching: Promise<void> = Promise.resolve();
  const watchForever = async (): Promise<void> => {
    while (!closed) {
      watching = watch().catch(() => dropAdmin());
      await watching;
      await sleep(WATCH_EVERY_MS, undefined, { ref: false });
    }
  };

  const bringStandby = async (): Promise<void> => {
    standbyWanted = true;
    await cloning;
    const hasData = await exists(path.join(folderOf(standbyName), 'PG_VERSION'));
    if (!standbyWanted || closed) return;
    if (hasData) await startStandbyServer();
    else if (primary.state() === 'running') await replaceStandby();
  };
  const stopStandby = async (): Promise<void> => {
    standbyWanted = false;
    // Before it goes, so that no commit waits for its end.
    await waitForStandby(false);
    await cloning;
    await standby.stop();
  };

  const nodeNames: readonly NodeName[] = options.hasStandby ? [primaryName, standbyName] : [primaryName];
  const requireNode = (name: NodeName): void => {
    if (!nodeNames.includes(name)) throw new EmbeddedFailure(`City ${code} runs without a node ${name}.`);
    if (name === standbyName && !hasStandby) {
      throw new EmbeddedFailure(`Both nodes of ${code} hold data of a primary; node ${name} is not started so that none is lost.`);
    }
  };
  const stateOf = (name: NodeName): ClusterState => {
    const state = serverOf(name).state();
    // On its way, though its server is not: it is being cloned, or about to be.
    return name === standbyName && (cloning !== null || (standbyWanted && state === 'stopped')) ? 'starting' : state;
  };

  const city: ManagedCity = {
    code,
    hadData,
    get nodes() {
      return nodeNames.map((name) => ({
        name,
        role: name === primaryName ? ('primary' as const) : ('standby' as const),
        port: serverOf(name).port(),
        pid: serverOf(name).pid(),
        state: stateOf(name),
      }));
    },
    get synchronous() {
      return synchronous === true && primary.state() === 'running';
    },
    stopNode: async (name) => {
      requireNode(name);
      await (name === primaryName ? primary.stop() : stopStandby());
    },
    startNode: async (name) => {
      requireNode(name);
      await (name === primaryName ? primary.start() : bringStandby());
    },
    stop: async () => {
      await Promise.all([primary.stop(), ...(hasStandby ? [stopStandby()] : [])]);
    },
    start: async () => {
      await primary.start();
      if (hasStandby) await bringStandby();
    },
    kill: (name) => {
      requireNode(name);
      serverOf(name).kill();
    },
    adopt: async () => {
      if (!hadData) return;
      const [, standbyRuns] = await Promise.all([primary.adopt(), hasStandby ? standby.adopt() : false]);
      if (!standbyRuns) await waitForStandby(false);
    },
    open: async () => {
      if (!hadData) await initialise();
      options.onProgress(`${code}: starting`);
      await primary.start();
      await setUp();
      options.onProgress(`${code}: ready`);
      if (!hasStandby) return;
      if (standby.pid() !== null) {
        // It was adopted; its primary may listen elsewhere now.
        await writeConf(standbyName);
        standby.reload();
      }
      void bringStandby().catch((error: unknown) => log.warn('standby does not run', { city: code, ...describeError(error) }));
      void watchForever();
    },
    close: async () => {
      closed = true;
      standbyWanted = false;
      await Promise.all([primary.stop(), standby.stop(), cloning]);
      await watching;
      dropAdmin();
      // A clone that ended meanwhile may have started it.
      await Promise.all([primary.stop(), standby.stop()]);
    },
  };
  return city;
};
