import { describe, expect, it } from '@jest/globals';
import { AuditUnavailableError, appendAudit } from '#platform/audit/append.ts';
import { appendAuditMany } from '#platform/audit/append-many.ts';
import { type AuditEvent, type AuditValue, Outcome } from '#platform/audit/event.ts';
import { SpoolFullError } from '#platform/audit/spool-file.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { CityUnavailableError } from '#platform/database/errors.ts';
import { fromRoot } from '#platform/subjects/puncturable-key.ts';
import { makeSubjectKeys, makeTagOf } from '#platform/subjects/subject-keys.ts';

const tree = fromRoot(Buffer.alloc(32, 7));
const subjects = makeSubjectKeys(makeTagOf('a'.repeat(43)), () => tree);
const reading = (given: Partial<AuditEvent> = {}): AuditEvent => ({
  city: 'MTL',
  observer: 'patients',
  act: 'patient',
  action: 'R',
  outcome: Outcome.SUCCESS,
  purpose: 'TREAT',
  actor: { role: 'PRACTITIONER', city: 'MTL', accountId: 'MTL-acc-1' },
  patientId: 'MTL-pat-canary',
  requestId: 'r-1',
  ...given,
});
const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const GONE = new CityUnavailableError('MTL', 'not-sent', refused);
const UNKNOWN = new CityUnavailableError('MTL', 'unknown', Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
const LATE = new CityUnavailableError('MTL', 'unknown', Object.assign(new Error('cancelled'), { code: '57014' }));
const NO_PRIMARY = new CityUnavailableError('MTL', 'not-sent');
const NO_ROOM = Object.assign(new Error('no space left'), { code: '53100' });

/** A city whose primary answers with `error`; what it was sent, and what went to the spool. */
const cityOf = (error: unknown, spoolError: Error | null = null, hasSpool = true) => {
  const sent: (readonly unknown[])[] = [];
  const spooled: (readonly AuditValue[])[] = [];
  const spool = {
    append: async (rows: readonly (readonly AuditValue[])[]): Promise<void> => {
      if (spoolError) throw spoolError;
      spooled.push(...rows);
    },
  };
  const db = {
    city: { code: 'MTL' },
    subjects,
    spool: hasSpool ? spool : null,
    named: async (_statement: unknown, values: readonly unknown[]) => {
      sent.push(values);
      throw error;
    },
  } as unknown as CityDatabase;
  return { db, sent, spooled };
};
const leafOf = (row: readonly AuditValue[] | undefined): Record<string, unknown> =>
  JSON.parse(Buffer.from(row?.[9] as Uint8Array).toString('utf8'));

describe('the entry of a reading', () => {
  it.each([
    ['refuses connections', GONE],
    ['broke off', UNKNOWN],
    ['is nowhere to be found', NO_PRIMARY],
  ])('goes to the spool while the primary %s, under the id that it may have been written under', async (_title, error) => {
    const { db, sent, spooled } = cityOf(error);
    await appendAudit(db, reading());
    expect(spooled.map((row) => row[1])).toEqual(sent.map((values) => values[1]));
    expect(leafOf(spooled[0])).toMatchObject({ act: 'patient', spooled: true, id: spooled[0]?.[1] });
    expect(Buffer.from(JSON.stringify(spooled)).includes('MTL-pat-canary')).toBe(false);
  });
  it('of several goes there together, in order', async () => {
    const { db, spooled } = cityOf(GONE);
    await appendAuditMany(db, [reading({ requestId: 'a' }), reading({ requestId: 'b', outcome: Outcome.DENIED, reason: 'NOT_FOUND' })]);
    expect(spooled.map((row) => leafOf(row)['requestId'])).toEqual(['a', 'b']);
  });
  it.each([
    ['the primary is there and late, as with a locked table', LATE],
    ['the primary has no room', NO_ROOM],
    ['the entry is not as it should be', Object.assign(new Error('check'), { code: '23514' })],
  ])('is refused while %s', async (_title, error) => {
    const { db, spooled } = cityOf(error);
    await expect(appendAudit(db, reading())).rejects.toBeInstanceOf(AuditUnavailableError);
    expect(spooled).toEqual([]);
  });
  it('is refused where there is no spool, or it is full', async () => {
    await expect(appendAudit(cityOf(GONE, null, false).db, reading())).rejects.toBeInstanceOf(AuditUnavailableError);
    await expect(appendAudit(cityOf(GONE, new SpoolFullError()).db, reading())).rejects.toBeInstanceOf(AuditUnavailableError);
  });
});

describe('the entry of anything else', () => {
  it.each(['C', 'U', 'D', 'E'] as const)('(%s) never goes to the spool', async (action) => {
    const { db, spooled } = cityOf(GONE);
    await expect(appendAudit(db, reading({ action, outcome: Outcome.DENIED }))).rejects.toBeInstanceOf(AuditUnavailableError);
    await expect(appendAuditMany(db, [reading(), reading({ action })])).rejects.toBeInstanceOf(AuditUnavailableError);
    expect(spooled).toEqual([]);
  });
});
