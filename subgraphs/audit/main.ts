import { runSubgraph } from '#platform/http/run-process.ts';
import { startAudit } from './server.ts';

await runSubgraph('audit', startAudit);
