import { readSubgraphConfig } from '#platform/config/env.ts';
import { runUntilStopped } from '#platform/http/run-until-stopped.ts';
import { serveSubgraph } from '#platform/http/serve-subgraph.ts';
import { makeLog } from '#platform/observability/log.ts';
import { startPatients } from './server.ts';

const config = readSubgraphConfig('patients');
const log = makeLog('patients', config.logLevel);
const subgraph = await startPatients({ cities: config.cities, secrets: config.secrets, log });
const served = await serveSubgraph(subgraph, { host: config.host, port: config.port, assertionKeys: config.assertionKeys, log });
log.info('listening', { url: served.url });
runUntilStopped(
  {
    url: served.url,
    stop: async () => {
      await served.stop();
      await subgraph.stop();
    },
  },
  log,
);
