import { serveSubgraph } from '#platform/http/serve-subgraph.ts';
import { makeWorld } from '#test/integration/gateway/graph.ts';

/**
 * A small subgraph in a process of its own, for tests that kill it: its name, port and the gateway's public key are arguments. Says where
 * it listens.
 */
const [name, port, key] = process.argv.slice(2);
const { people, places } = makeWorld().subgraphs;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const served = await serveSubgraph(name === 'places' ? places : people, {
  host: '127.0.0.1',
  port: Number(port),
  assertionKeys: [JSON.parse(key ?? '')],
  log: silent,
});
process.on('disconnect', () => process.exit(0));
process.send?.(served.url);
