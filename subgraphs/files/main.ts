import { runSubgraph } from '#platform/http/run-process.ts';
import { startFiles } from './server.ts';

await runSubgraph('files', startFiles);
