import type { Metrics, SpoolFigures } from '#platform/observability/metrics.ts';
import type { Health } from './health.ts';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;
/** Signed by the process that answered, or by another one. */
const SIGNED: readonly unknown[] = ['signing', 'standby'];

/** Proofs against logs that a city's witness keeps; what is unexplained proves nothing. */
const countAlarms = (alarms: unknown): number => {
  let sum = 0;
  for (const alarm of Array.isArray(alarms) ? (alarms as unknown[]) : [])
    if (isObject(alarm) && alarm['kind'] !== 'unexplained' && typeof alarm['count'] === 'number') sum += alarm['count'];
  return sum;
};

/** Begins the name of what a subgraph tells of its spools. */
const SPOOL = 'auditSpool:';
const FINE: readonly unknown[] = ['empty', 'waiting'];
const countOf = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0);
const spoolsOf = (health: Health, cities: readonly string[]): SpoolFigures[] =>
  Object.entries(health).flatMap(([name, spools]) => {
    if (!name.startsWith(SPOOL) || !isObject(spools)) return [];
    const subgraph = name.slice(SPOOL.length);
    return cities.flatMap((city) => {
      const spool = spools[city];
      if (!isObject(spool)) return [];
      const { state, entries, oldestSeconds } = spool;
      return [{ city, subgraph, entries: countOf(entries), oldestSeconds: countOf(oldestSeconds), faulty: !FINE.includes(state) }];
    });
  });

/**
 * Takes what health says of the audit logs and of the spools of readings over into the figures; a log of which nothing is known counts as not
 * signed, a spool of which nothing is known is left out.
 */
export const tellAuditFigures = (health: Health, cities: readonly string[], metrics: Pick<Metrics, 'auditLog' | 'auditSpools'>): void => {
  metrics.auditSpools(spoolsOf(health, cities));
  const logs = isObject(health['auditLog']) ? health['auditLog'] : {};
  for (const city of cities) {
    const log = isObject(logs[city]) ? logs[city] : {};
    metrics.auditLog(city, SIGNED.includes(log['state']), countAlarms(log['alarms']));
  }
};
