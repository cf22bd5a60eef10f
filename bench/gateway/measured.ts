// A gateway in a process of its own: `ours` with all its checks on, or `stock` as the packages come. Tells the parent its address, then
// answers every message with the CPU time it has used, in microseconds.
process.on('disconnect', () => process.exit(0));
process.env['APOLLO_TELEMETRY_DISABLED'] = '1';
const [kind, urlsJson = '{}', secretsJson = '{}'] = process.argv.slice(2);
const urls = JSON.parse(urlsJson) as Record<string, string>;
const secrets = JSON.parse(secretsJson);
const { supergraphOf } = await import('./graph.ts');

const startOurs = async (): Promise<string> => {
  const { startGateway } = await import('#gateway/server.ts');
  const { makeLog } = await import('#platform/observability/log.ts');
  const gateway = await startGateway({
    supergraphSdl: supergraphOf(urls),
    subgraphs: Object.fromEntries(Object.entries(urls).map(([name, url]) => [name, { kind: 'http' as const, url: new URL(url).origin }])),
    secrets: { assertionKey: secrets.assertionKey, tokenKeys: [secrets.tokenKey] },
    cities: ['MTL', 'QUE', 'SHE'],
    host: '127.0.0.1',
    port: 0,
    development: false,
    allowedOrigins: [],
    log: makeLog('bench', 'info', '/dev/null'),
  });
  return `${gateway.url}/graphql`;
};
const startStock = async (): Promise<string> => {
  const { ApolloServer } = await import('@apollo/server');
  const { startStandaloneServer } = await import('@apollo/server/standalone');
  const { ApolloGateway } = await import('@apollo/gateway');
  const quiet = { debug() {}, info() {}, warn() {}, error: console.error };
  const server = new ApolloServer({ gateway: new ApolloGateway({ supergraphSdl: supergraphOf(urls), logger: quiet }), logger: quiet });
  const { url } = await startStandaloneServer(server, { listen: { host: '127.0.0.1', port: 0 } });
  return url;
};

const url = kind === 'ours' ? await startOurs() : await startStock();
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMicroseconds: user + system, rssBytes: process.memoryUsage.rss() });
});
process.send?.({ url });
