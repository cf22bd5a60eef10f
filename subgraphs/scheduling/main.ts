import { runSubgraph } from '#platform/http/run-process.ts';
import { startScheduling } from './server.ts';

await runSubgraph('scheduling', startScheduling);
