import { readFileSync } from 'node:fs';
import { startAudit } from '#audit/server.ts';
import { startFiles } from '#files/server.ts';
import { startGateway } from '#gateway/server.ts';
import { startPatients } from '#patients/server.ts';
import type { Spools } from '#platform/audit/spool.ts';
import { startSpooled } from '#platform/audit/start-spooled.ts';
import type { AuditShardsConfig } from '#platform/config/audit-shards.ts';
import type { CityConfig } from '#platform/config/city.ts';
import type { FilesConfig } from '#platform/config/files.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import type { SpoolConfig } from '#platform/config/spool.ts';
import type { SubjectsConfig } from '#platform/config/subjects.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import { openSubjects } from '#platform/subjects/open-subjects.ts';
import { startScheduling } from '#scheduling/server.ts';
import { SUPERGRAPH_PATH } from './supergraph.ts';

/** What the whole network needs to serve its graph from one process. */
export type AppSettings = {
  readonly cities: readonly CityConfig[];
  readonly secrets: Secrets;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly development: boolean;
  readonly allowedOrigins: readonly string[];
  readonly appointmentTypes: readonly string[];
  /** Stores, keys and quotas of files. */
  readonly files: FilesConfig;
  /** Stores and keyring of the subjects' keys, which are there. */
  readonly subjects: SubjectsConfig;
  /** Where entries of readings wait while a primary is gone; null or left out: such readings are refused. */
  readonly spool?: SpoolConfig | null;
  /** What happens to shards of the audit logs; left out: nothing by itself. */
  readonly auditShards?: AuditShardsConfig;
  readonly log: Log;
  /** How often ended sessions are read, in milliseconds. */
  readonly sessionsEveryMs?: number;
};

export type App = { readonly url: string; readonly port: number; readonly stop: () => Promise<void> };

/** The four subgraphs and the gateway in this process: no socket between them. */
export const startApp = async (settings: AppSettings): Promise<App> => {
  const { cities, secrets, log } = settings;
  const codes = cities.map(({ code }) => code);
  const subjects = await openSubjects(settings.subjects, { cities: codes, indexKey: secrets.subjectIndexKey, log });
  const parts = { cities, secrets, subjects, log };
  const running: Subgraph[] = [];
  const stopParts = async (): Promise<void> => {
    await Promise.all(running.map((subgraph) => subgraph.stop()));
    await subjects.stop();
  };
  const spooled = async <C>(name: string, start: (spools: Spools | null) => Promise<Subgraph<C>>): Promise<void> => {
    running.push((await startSpooled(settings.spool ?? null, name, { cities: codes, log }, start)) as Subgraph);
  };
  try {
    await Promise.all([
      spooled('patients', (spools) => startPatients({ ...parts, spools })),
      spooled('scheduling', (spools) => startScheduling({ ...parts, spools, appointmentTypes: settings.appointmentTypes })),
      spooled('files', (spools) => startFiles({ ...parts, spools, files: settings.files })),
      spooled('audit', (spools) =>
        startAudit({ ...parts, spools, ...(settings.auditShards ? { auditShards: settings.auditShards } : {}) }),
      ),
    ]);
    const gateway = await startGateway({
      supergraphSdl: readFileSync(SUPERGRAPH_PATH, 'utf8'),
      subgraphs: Object.fromEntries(running.map((subgraph) => [subgraph.name, { kind: 'in-process' as const, subgraph }])),
      secrets: { assertionKey: secrets.assertionKey, tokenKeys: [secrets.tokenKey] },
      cities: cities.map(({ code }) => code),
      host: settings.host,
      port: settings.port,
      development: settings.development,
      allowedOrigins: settings.allowedOrigins,
      log,
      ...(settings.sessionsEveryMs === undefined ? {} : { sessionsEveryMs: settings.sessionsEveryMs }),
    });
    return {
      url: gateway.url,
      port: gateway.port,
      stop: async () => {
        await gateway.stop();
        await stopParts();
      },
    };
  } catch (error) {
    await stopParts();
    throw error;
  }
};
