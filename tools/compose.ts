import { writeFileSync } from 'node:fs';
import { composeSubgraphs, SUPERGRAPH_PATH } from './supergraph.ts';
import { readCommandLine } from './usage.ts';

const HELP = `npm run compose [-- --help]

Composes schema/{patients,scheduling,files,audit}.graphql into schema/supergraph.graphql.
Exit: 0 it is written, 1 they do not compose, with the reasons, 2 the command line is wrong.
`;

readCommandLine(HELP, {});
const composed = composeSubgraphs();
if ('errors' in composed) {
  for (const error of composed.errors) console.error(error);
  process.exit(1);
}
writeFileSync(SUPERGRAPH_PATH, composed.sdl);
