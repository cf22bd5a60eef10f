import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { formatLogKeys } from '#embedded/secrets.ts';
import type { AuditShardsConfig } from '#platform/config/audit-shards.ts';
import type { CityConfig } from '#platform/config/city.ts';
import type { FilesConfig, KeysConfig, StoreConfig } from '#platform/config/files.ts';
import type { SigningKey } from '#platform/config/secrets.ts';
import type { SubjectsConfig } from '#platform/config/subjects.ts';
import type { App, AppSettings } from './app.ts';
import { SUBGRAPHS } from './supergraph.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const READY_MS = 30_000;
const MAX_BACKOFF_MS = 5_000;

type Child = { readonly url: string; readonly stop: () => Promise<void> };
type ChildSettings = {
  readonly module: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly onExit: (code: number | null) => void;
};

const dsnOf = ({ nodes, database }: CityConfig): string =>
  `postgres://${nodes.map(({ host, port }) => `${host}:${port}`).join(',')}/${database}`;
const privateKey = ({ kid, privateJwk }: SigningKey): string => JSON.stringify({ ...privateJwk, kid });
const publicKey = ({ kid, publicJwk }: SigningKey): string => JSON.stringify({ ...publicJwk, kid });

const auditShardsEnv = (shards: AuditShardsConfig | undefined): Readonly<Record<string, string>> =>
  shards
    ? {
        AUDIT_SHARD_DAYS: String(shards.shardDays ?? 'none'),
        AUDIT_RETENTION_DAYS: String(shards.retentionDays ?? 'none'),
        AUDIT_CHECKPOINT_MINUTES: String(shards.checkpointMinutes),
        ...(shards.archive === null ? {} : { AUDIT_ARCHIVE_DIR: path.resolve(shards.archive) }),
      }
    : {};

const storeText = (store: StoreConfig): string =>
  store.kind === 'directory' ? pathToFileURL(path.resolve(store.folder)).href : JSON.stringify(store);
const keysEnv = (kept: 'FILES' | 'SUBJECTS', keys: KeysConfig): Readonly<Record<string, string>> => {
  if (keys.kind === 'keyring-file') return { [`${kept}_KEYRING_FILE`]: path.resolve(keys.file) };
  return keys.kind === 'keyring' ? { [`${kept}_KEYRING`]: JSON.stringify(keys.keyring) } : { [`${kept}_KEYS`]: JSON.stringify(keys) };
};
export const subjectsEnv = ({ primary, backup, keys }: SubjectsConfig): Readonly<Record<string, string>> => ({
  SUBJECTS_PRIMARY_STORE: storeText(primary),
  SUBJECTS_BACKUP_STORE: storeText(backup),
  ...keysEnv('SUBJECTS', keys),
});
const filesEnv = (files: FilesConfig, sealingKeys: readonly SigningKey[]): Readonly<Record<string, string>> => {
  const floors = [files.primary, files.backup].flatMap((store) => (store.kind === 'directory' ? [store.floorShare] : []));
  return {
    FILES_PRIMARY_STORE: storeText(files.primary),
    FILES_BACKUP_STORE: storeText(files.backup),
    ...(floors.length > 0 ? { FILES_DISK_FLOOR: String(Math.max(...floors)) } : {}),
    ...keysEnv('FILES', files.keys),
    FILES_SEALING_KEYS: `{"keys":[${sealingKeys.map(privateKey).join(',')}]}`,
    FILES_PATIENT_QUOTA_BYTES: String(files.patientQuotaBytes),
    FILES_CITY_QUOTA_BYTES: String(files.cityQuotaBytes),
  };
};

/**
 * Keeps one server process running: waits until it says that it listens, and starts it again, on the same port, when it dies. The channel
 * to it closes with this process, and then it stops too.
 */
const keepRunning = async ({ module, env, logFile, onExit }: ChildSettings): Promise<Child> => {
  let child: ChildProcess | null = null;
  let port = env['PORT'] ?? '0';
  let isStopping = false;
  let backoffMs = 100;
  const launch = async (): Promise<string> => {
    const log = openSync(logFile, 'a', 0o600);
    const started = spawn(process.execPath, [module], {
      cwd: ROOT,
      env: { PATH: process.env['PATH'] ?? '', ...env, PORT: port },
      stdio: ['ignore', log, log, 'ipc'],
    });
    child = started;
    const [message] = (await Promise.race([
      once(started, 'message', { signal: AbortSignal.timeout(READY_MS) }),
      once(started, 'exit').then(([code]) => Promise.reject(new Error(`${module} ended with ${code}: see ${logFile}`))),
    ])) as [{ ready: string }];
    port = new URL(message.ready).port;
    started.once('exit', (code) => {
      if (isStopping) return;
      onExit(code);
      again();
    });
    backoffMs = 100;
    return message.ready;
  };
  const again = (): void => {
    setTimeout(() => {
      if (isStopping) return;
      launch().catch(() => {
        backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
        again();
      });
    }, backoffMs);
  };
  return {
    url: await launch(),
    stop: async () => {
      isStopping = true;
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
};

/** Each subgraph and the gateway in a process of its own, over HTTP on loopback; one that dies is started again. */
export const startProcesses = async (
  settings: AppSettings & { readonly dataDir: string; readonly onProgress?: (line: string) => void },
): Promise<App> => {
  const { cities, secrets, log } = settings;
  const logFile = path.resolve(settings.dataDir, 'caregraph.log');
  const CITIES = JSON.stringify(cities.map((city) => ({ ...city, dsn: dsnOf(city) })));
  const ownEnv: Readonly<Record<(typeof SUBGRAPHS)[number], Readonly<Record<string, string>>>> = {
    patients: { PATIENTS_DB_PASSWORD: secrets.databasePasswords.patients, TOKEN_KEY: privateKey(secrets.tokenKey) },
    scheduling: {
      SCHEDULING_DB_PASSWORD: secrets.databasePasswords.scheduling,
      RELAY_DB_PASSWORD: secrets.databasePasswords.relay,
      APPOINTMENT_TYPES: settings.appointmentTypes.join(','),
    },
    files: { FILES_DB_PASSWORD: secrets.databasePasswords.files, ...filesEnv(settings.files, secrets.sealingKeys) },
    audit: {
      AUDIT_DB_PASSWORD: secrets.databasePasswords.audit,
      SEQUENCER_DB_PASSWORD: secrets.databasePasswords.sequencer,
      AUDIT_LOG_KEYS: settings.auditShards?.keysFile
        ? pathToFileURL(path.resolve(settings.auditShards.keysFile)).href
        : formatLogKeys(secrets.logKeys),
      ...auditShardsEnv(settings.auditShards),
      AUDIT_WITNESS_KEYS: `{${Object.entries(secrets.witnessKeys)
        .map(([city, key]) => `"${city}":${privateKey(key)}`)
        .join(',')}}`,
    },
  };
  const children: Child[] = [];
  const keep = async (name: string, module: string, env: Readonly<Record<string, string>>): Promise<Child> => {
    const onExit = (code: number | null): void => log.error('a process died and is started again', { process: name, code });
    const mode = settings.development ? 'development' : 'production';
    const child = await keepRunning({ module, env: { NODE_ENV: mode, ...env }, logFile, onExit });
    children.push(child);
    settings.onProgress?.(`${name} listens at ${child.url}`);
    return child;
  };
  const stop = async (): Promise<void> => {
    // The gateway was added last and goes first, so that nothing new is asked of the others.
    for (const child of children.toReversed()) await child.stop();
  };
  try {
    const shared = {
      HOST: '127.0.0.1',
      CITIES,
      CURSOR_KEY: secrets.cursorKey,
      ASSERTION_PUBLIC_KEYS: publicKey(secrets.assertionKey),
      SUBJECT_INDEX_KEY: secrets.subjectIndexKey,
      ...subjectsEnv(settings.subjects),
      ...(settings.spool
        ? {
            AUDIT_SPOOL_DIR: path.resolve(settings.spool.folder),
            AUDIT_SPOOL_BYTES: String(settings.spool.maxBytes),
            AUDIT_SPOOL_ALARM_SECONDS: String(settings.spool.alarmSeconds),
          }
        : {}),
    };
    const urls = await Promise.all(
      SUBGRAPHS.map(async (name) => {
        const { url } = await keep(name, `subgraphs/${name}/main.ts`, { ...shared, ...ownEnv[name] });
        return [`${name.toUpperCase()}_URL`, url] as const;
      }),
    );
    const gateway = await keep('gateway', 'gateway/main.ts', {
      HOST: settings.host,
      PORT: String(settings.port),
      CITIES: cities.map(({ code }) => code).join(','),
      ALLOWED_ORIGINS: settings.allowedOrigins.join(','),
      ASSERTION_KEY: privateKey(secrets.assertionKey),
      TOKEN_PUBLIC_KEYS: publicKey(secrets.tokenKey),
      ...Object.fromEntries(urls),
    });
    return { url: gateway.url, port: Number(new URL(gateway.url).port), stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
