import { createServer } from 'node:http';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { type DocumentNode, execute, parse } from 'graphql';
import { NAMES, SDL } from './graph.ts';

// Serves both small subgraphs on free ports and tells the parent where.
process.on('disconnect', () => process.exit(0));
const practitioner = ({ id }: { id: string }) => ({ id, name: `Dr. Élodie ${id}`, specialty: 'PHYSICIAN' });
const slots = Array.from({ length: 20 }, (_, i) => ({
  id: `MTL-slt-${i}`,
  code: 'MTLA100227',
  start: new Date(1.8e12 + i * 1.8e6).toISOString(),
  available: i % 5,
  practitioner: { id: `MTL-prc-${i % 10}` },
}));
const RESOLVERS = {
  records: {
    Query: { practitioner: (_: unknown, args: { id: string }) => practitioner(args) },
    Practitioner: { __resolveReference: practitioner },
  },
  slots: { Query: { slots: (_: unknown, { first }: { first: number }) => slots.slice(0, first) } },
};

const urls: Record<string, string> = {};
for (const name of NAMES) {
  const schema = buildSubgraphSchema([{ typeDefs: parse(SDL[name]), resolvers: RESOLVERS[name] as never }]);
  const documents = new Map<string, DocumentNode>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { query, variables } = JSON.parse(Buffer.concat(chunks).toString()) as { query: string; variables?: Record<string, unknown> };
    let document = documents.get(query);
    if (!document) {
      document = parse(query);
      documents.set(query, document);
    }
    const result = await execute({ schema, document, variableValues: variables ?? {} });
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result));
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  urls[name] = `http://127.0.0.1:${(server.address() as { port: number }).port}/graphql`;
}
process.send?.(urls);
