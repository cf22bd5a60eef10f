import { expect, it } from '@jest/globals';
import { tellAuditFigures } from '#gateway/audit-figures.ts';
import type { Health } from '#gateway/health.ts';

const figuresOf = (auditLog: unknown): unknown[] => {
  const told: unknown[] = [];
  const health: Health = { status: 'ready', subgraphs: {}, cities: {}, auditLog };
  tellAuditFigures(health, ['MTL', 'QUE'], { auditLog: (...figures) => void told.push(figures) });
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
