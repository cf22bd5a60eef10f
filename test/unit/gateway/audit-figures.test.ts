import { expect, it } from '@jest/globals';
import { tellAuditFigures } from '#gateway/audit-figures.ts';
import type { Health } from '#gateway/health.ts';
import { makeMetrics } from '#platform/observability/metrics.ts';

const figuresOf = (auditLog: unknown): unknown[] => {
  const told: unknown[] = [];
  const health: Health = { status: 'ready', subgraphs: {}, cities: {}, auditLog };
  tellAuditFigures(health, ['MTL', 'QUE'], { auditLog: (...figures) => void told.push(figures), auditSpools: () => {} });
  return told;
};
const alarm = (kind: string, count: number) => ({ origin: 'x', kind, count });

it.each([
  [
    'a log that is signed here, and one by another process',
    { MTL: { state: 'signing', alarms: [] }, QUE: { state: 'standby', alarms: [] } },
    [
      ['MTL', true, 0],
      ['QUE', true, 0],
    ],
  ],
  [
    'a broken one, and a witness that keeps proofs against two logs',
    {
      MTL: { state: 'broken', alarms: [] },
      QUE: { state: 'away', alarms: [alarm('fork', 2), alarm('rewritten', 1), alarm('unexplained', 9)] },
    },
    [
      ['MTL', false, 0],
      ['QUE', false, 3],
    ],
  ],
  [
    'nothing that is known',
    undefined,
    [
      ['MTL', false, 0],
      ['QUE', false, 0],
    ],
  ],
  [
    'what makes no sense',
    { MTL: 'x', QUE: { state: 7, alarms: 'many' } },
    [
      ['MTL', false, 0],
      ['QUE', false, 0],
    ],
  ],
])('the figures of %s', (_title, auditLog, expected) => {
  expect(figuresOf(auditLog)).toEqual(expected);
});

it('the figures of spools, and of those alone of which something is known', async () => {
  const metrics = makeMetrics();
  const spool = (state: string, entries: number, oldestSeconds: number) => ({ state, entries, bytes: 0, oldestSeconds });
  const figures = async (reports: Readonly<Record<string, unknown>>): Promise<string[]> => {
    tellAuditFigures({ status: 'ready', subgraphs: {}, cities: {}, ...reports }, ['MTL', 'QUE'], metrics);
    return (await metrics.text()).split('\n').filter((line) => line.startsWith('caregraph_audit_spool_'));
  };
  try {
    expect(
      await figures({
        'auditSpool:patients': { MTL: spool('waiting', 3, 40), QUE: spool('empty', 0, 0), ZZZ: spool('full', 9, 9) },
        'auditSpool:files': { MTL: spool('stuck', 2, 1_000), QUE: 'x' },
        'auditSpool:audit': 7,
      }),
    ).toEqual([
      'caregraph_audit_spool_entries{city="MTL",subgraph="patients"} 3',
      'caregraph_audit_spool_entries{city="QUE",subgraph="patients"} 0',
      'caregraph_audit_spool_entries{city="MTL",subgraph="files"} 2',
      'caregraph_audit_spool_oldest_seconds{city="MTL",subgraph="patients"} 40',
      'caregraph_audit_spool_oldest_seconds{city="QUE",subgraph="patients"} 0',
      'caregraph_audit_spool_oldest_seconds{city="MTL",subgraph="files"} 1000',
      'caregraph_audit_spool_faulty{city="MTL",subgraph="patients"} 0',
      'caregraph_audit_spool_faulty{city="QUE",subgraph="patients"} 0',
      'caregraph_audit_spool_faulty{city="MTL",subgraph="files"} 1',
    ]);
    expect(await figures({})).toEqual([]);
  } finally {
    metrics.stop();
  }
});
