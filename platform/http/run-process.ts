import type { Spools } from '#platform/audit/spool.ts';
import { startSpooled } from '#platform/audit/start-spooled.ts';
import { ConfigurationError, readSubgraphConfig, type SubgraphConfig, type SubgraphName } from '#platform/config/env.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { describeError, type Log, makeLog } from '#platform/observability/log.ts';
import { openSubjects, type Subjects } from '#platform/subjects/open-subjects.ts';
import { sayListenFault } from './require-address.ts';
import { serveSubgraph } from './serve-subgraph.ts';

/** How long a stop may take before the process ends anyway, in milliseconds. */
const GRACE_MS = 15_000;

type Server = { readonly url: string; readonly stop: () => Promise<void> };

/** Ends the process in order: on SIGTERM, SIGINT, or when the parent that spawned it with an IPC channel is gone. */
const untilStopped = (server: Server, log: Log): void => {
  let isStopping = false;
  const stop = (why: string): void => {
    if (isStopping) return;
    isStopping = true;
    log.info('stopping', { why });
    setTimeout(() => process.exit(1), GRACE_MS).unref();
    server.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error('stop failed', describeError(error));
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('disconnect', () => stop('parent gone'));
};

/**
 * A server process: starts it, tells a parent with an IPC channel `ready` and where it listens, and lets what runs finish when it is
 * stopped. A configuration that cannot be used ends it with 2 and the list of what is wrong.
 */
export const runProcess = async (name: string, start: () => Promise<{ readonly server: Server; readonly log: Log }>): Promise<void> => {
  try {
    const { server, log } = await start();
    log.info('listening', { url: server.url });
    untilStopped(server, log);
    process.send?.({ ready: server.url });
  } catch (error) {
    const { code = '', port = 0 } = error as { readonly code?: string; readonly port?: number };
    const fault = sayListenFault(code, { port });
    const known = error instanceof ConfigurationError || fault === null ? error : new ConfigurationError([fault]);
    console.error(known instanceof ConfigurationError ? known.message : `${name} could not start.`);
    if (!(known instanceof ConfigurationError)) console.error(describeError(known));
    process.exit(2);
  }
};

/** A subgraph as a process of its own, for a gateway that reaches it over HTTP. */
export const runSubgraph = <N extends SubgraphName, C>(
  name: N,
  start: (
    settings: Pick<SubgraphConfig<N>, 'cities' | 'secrets' | 'appointmentTypes' | 'files' | 'auditPolicy' | 'auditShards'> & {
      readonly subjects: Subjects;
      readonly spools: Spools | null;
      readonly log: Log;
    },
  ) => Promise<Subgraph<C>>,
): Promise<void> =>
  runProcess(name, async () => {
    const { host, port, logLevel, cities, secrets, appointmentTypes, files, assertionKeys, ...config } = readSubgraphConfig(name);
    const log = makeLog(name, logLevel);
    const codes = cities.map(({ code }) => code);
    const subjects = await openSubjects(config.subjects, { cities: codes, indexKey: secrets.subjectIndexKey, log });
    const { auditPolicy, auditShards } = config;
    const subgraph = await startSpooled(config.spool, name, { cities: codes, log }, (spools) =>
      start({ cities, secrets, appointmentTypes, files, subjects, spools, log, auditPolicy, auditShards }),
    );
    const served = await serveSubgraph(subgraph, { host, port, assertionKeys, log });
    const stop = async (): Promise<void> => {
      await served.stop();
      await subgraph.stop();
      await subjects.stop();
    };
    return { server: { url: served.url, stop }, log };
  });
