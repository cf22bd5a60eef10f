import { ConfigurationError, readSubgraphConfig } from '#platform/config/env.ts';
import { runUntilStopped } from '#platform/http/run-until-stopped.ts';
import { serveSubgraph } from '#platform/http/serve-subgraph.ts';
import { describeError, makeLog } from '#platform/observability/log.ts';
import { startScheduling } from './server.ts';

/** The scheduling subgraph as a process of its own, for a gateway that reaches it over HTTP. SIGTERM and SIGINT let what runs finish. */
const main = async (): Promise<void> => {
  const { host, port, logLevel, cities, secrets, assertionKeys, appointmentTypes } = readSubgraphConfig('scheduling');
  const log = makeLog('scheduling', logLevel);
  const subgraph = await startScheduling({ cities, secrets, log, appointmentTypes });
  const served = await serveSubgraph(subgraph, { host, port, assertionKeys, log });
  log.info('listening', { port: served.port });
  const stop = async (): Promise<void> => {
    await served.stop();
    await subgraph.stop();
  };
  runUntilStopped({ url: served.url, stop }, log);
};

main().catch((error: unknown) => {
  console.error(error instanceof ConfigurationError ? error.message : 'The scheduling subgraph could not start.');
  if (!(error instanceof ConfigurationError)) console.error(describeError(error));
  process.exit(2);
});
