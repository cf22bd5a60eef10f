import type { SpoolConfig } from '#platform/config/spool.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import { openSpools, type Spools } from './spool.ts';

/** Opens a subgraph's spools, starts it with them, shows in health what waits in them, and closes them behind it. */
export const startSpooled = async <C>(
  config: SpoolConfig | null,
  name: string,
  { cities, log }: { readonly cities: readonly string[]; readonly log: Log },
  start: (spools: Spools | null) => Promise<Subgraph<C>>,
): Promise<Subgraph<C>> => {
  if (!config) return start(null);
  const spools = await openSpools(config, name, cities, log);
  try {
    const subgraph = await start(spools);
    return {
      ...subgraph,
      report: () => ({ ...subgraph.report?.(), [`auditSpool:${name}`]: spools.report() }),
      stop: async () => {
        await subgraph.stop();
        await spools.stop();
      },
    };
  } catch (error) {
    await spools.stop();
    throw error;
  }
};
