import { readFileSync } from 'node:fs';
import { readGatewayConfig } from '#platform/config/env.ts';
import { runProcess } from '#platform/http/run-process.ts';
import { makeLog } from '#platform/observability/log.ts';
import { startGateway } from './server.ts';

/** The gateway as a process of its own, in front of subgraphs over HTTP. */
await runProcess('gateway', async () => {
  const { subgraphUrls, assertionKey, tokenKeys, logLevel, ...settings } = readGatewayConfig();
  const log = makeLog('gateway', logLevel);
  const server = await startGateway({
    ...settings,
    supergraphSdl: readFileSync(new URL('../schema/supergraph.graphql', import.meta.url), 'utf8'),
    subgraphs: Object.fromEntries(Object.entries(subgraphUrls).map(([name, url]) => [name, { kind: 'http' as const, url }])),
    secrets: { assertionKey, tokenKeys },
    log,
  });
  return { server, log };
});
