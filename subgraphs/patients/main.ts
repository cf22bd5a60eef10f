import { runSubgraph } from '#platform/http/run-process.ts';
import { startPatients } from './server.ts';

await runSubgraph('patients', startPatients);
