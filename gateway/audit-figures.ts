import type { Metrics } from '#platform/observability/metrics.ts';
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

/** Takes what health says of the audit logs over into the figures; a log of which nothing is known counts as not signed. */
export const tellAuditFigures = (health: Health, cities: readonly string[], metrics: Pick<Metrics, 'auditLog'>): void => {
  const logs = isObject(health['auditLog']) ? health['auditLog'] : {};
  for (const city of cities) {
    const log = isObject(logs[city]) ? logs[city] : {};
    metrics.auditLog(city, SIGNED.includes(log['state']), countAlarms(log['alarms']));
  }
};
