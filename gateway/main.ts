import { readFileSync } from 'node:fs';
import { ConfigurationError, readGatewayConfig } from '#platform/config/env.ts';
import { describeError, makeLog } from '#platform/observability/log.ts';
import { startGateway } from './server.ts';

/** The gateway as a process of its own, in front of subgraphs over HTTP. SIGTERM and SIGINT let what runs finish. */
const main = async (): Promise<void> => {
  const config = readGatewayConfig();
  const log = makeLog('gateway', config.logLevel);
  const gateway = await startGateway({
    supergraphSdl: readFileSync(new URL('../schema/supergraph.graphql', import.meta.url), 'utf8'),
    subgraphs: Object.fromEntries(Object.entries(config.subgraphUrls).map(([name, url]) => [name, { kind: 'http' as const, url }])),
    secrets: { assertionKey: config.assertionKey, tokenKeys: config.tokenKeys },
    cities: config.cities,
    host: config.host,
    port: config.port,
    development: config.development,
    allowedOrigins: config.allowedOrigins,
    trustProxy: config.trustProxy,
    log,
  });
  log.info('gateway listens', { port: gateway.port });
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    gateway.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error('the gateway did not stop cleanly', describeError(error));
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
};

main().catch((error: unknown) => {
  console.error(error instanceof ConfigurationError ? error.message : 'The gateway could not start.');
  if (!(error instanceof ConfigurationError)) console.error(describeError(error));
  process.exit(2);
});
