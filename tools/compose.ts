import { writeFileSync } from 'node:fs';
import { composeSubgraphs, SUPERGRAPH_PATH } from './supergraph.ts';

/** Composes `schema/{patients,scheduling,files,audit}.graphql` into `schema/supergraph.graphql`. Exit 1 with the reasons when they do not compose. */
const composed = composeSubgraphs();
if ('errors' in composed) {
  for (const error of composed.errors) console.error(error);
  process.exit(1);
}
writeFileSync(SUPERGRAPH_PATH, composed.sdl);
