import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startAudit } from '#audit/server.ts';
import { findEntries } from '#audit/store/entry-store.ts';
import { appendAudit } from '#platform/audit/append.ts';
import { verifyCity } from '#platform/audit/verify-city.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { makeLog } from '#platform/observability/log.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { anEvent, checkpointOf, entriesOf, type Fetch, makeFetch, sizeOf, sourceOf, until } from './log-support.ts';

const CITY = 'MTL';
const HOUR = 3_600_000;
let network: TestNetwork;
let writers: Cities;
let readers: Cities;
let subgraph: Subgraph;
let fetch: Fetch;

beforeAll(async () => {
  network = await testNetwork();
  const { cities, secrets, subjects } = network;
  writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects });
  readers = openCities(cities, { role: 'audit', password: secrets.databasePasswords.audit, subjects });
  subgraph = (await startAudit({
    cities,
    secrets,
    subjects,
    log: makeLog('test', 'silent'),
    sequencing: { pollMs: 20 },
    shredding: null,
    witnessing: null,
  })) as Subgraph;
  if (!subgraph.transfer) throw new Error('the subgraph serves no log');
  fetch = makeFetch(subgraph.transfer);
}, 60_000);
afterEach(() => {
  jest.useRealTimers();
});
afterAll(async () => {
  await subgraph?.stop();
  await writers?.stop();
  await readers?.stop();
  await network?.stop();
});

/** Writes an act with a clock that is off by so much; only the clock is another one. */
const actAt = async (requestId: string, offMs: number): Promise<void> => {
  jest.useFakeTimers({
    now: Date.now() + offMs,
    doNotFake: [
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'setImmediate',
      'clearImmediate',
      'setInterval',
      'clearInterval',
      'setTimeout',
      'clearTimeout',
    ],
  });
  const written = appendAudit(writers.of(CITY), anEvent(CITY, { requestId }));
  jest.useRealTimers();
  await written;
};

describe('an audit log whose writers have clocks that are off', () => {
  it('has the order of the transactions, while lists have that of the clocks; verifiers are told', async () => {
    const offs = [0, 2 * HOUR, -2 * HOUR, 0, -10 * 60_000 - 60_000, 0];
    const ids = offs.map((_off, i) => `00000000-0000-4000-8000-00000000000${i}`);
    for (const [i, off] of offs.entries()) await actAt(ids[i] ?? '', off);
    const admin = await network.admin(CITY);
    await until(async () => (await sizeOf(admin, CITY)) === offs.length, 15_000, 'the log');

    const { checkpoint } = await checkpointOf(fetch, CITY);
    const entries = (await entriesOf(sourceOf(fetch, CITY), checkpoint.size)).map(
      (entry) => JSON.parse(Buffer.from(entry).toString()) as { requestId: string; recorded: string },
    );
    expect(entries.map(({ requestId }) => requestId)).toEqual(ids);
    // The clock was another one indeed.
    const minutes = entries.map(({ recorded }) => Math.round((Date.parse(recorded) - Date.parse(entries[0]?.recorded ?? '')) / 60_000));
    expect(minutes).toEqual([0, 120, -120, 0, -11, 0]);

    const { rows } = await findEntries(readers.of(CITY), {}, undefined, 10);
    const listed = rows.map(({ body }) => (JSON.parse(Buffer.from(body).toString()) as { requestId: string }).requestId);
    expect([listed[0], ...listed.slice(-2)]).toEqual([ids[1], ids[4], ids[2]]);
    expect([...listed].sort()).toEqual(ids);

    const report = await verifyCity({
      source: async (file) => {
        const { status, bytes } = await fetch(`${CITY}/${file}`);
        return status === 200 ? bytes : null;
      },
      trust: { kind: 'key', vkey: (await checkpointOf(fetch, CITY)).vkey },
      known: null,
      city: CITY,
      now: new Date(),
    });
    expect(report.isSound).toBe(true);
    expect(report.shards[0]?.warnings).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'clock-ahead', index: 1 }),
        expect.objectContaining({ kind: 'clock-back', index: 2 }),
      ]),
    );
    const logs = subgraph.report?.()['auditLog'] as Record<string, { state: string }> | undefined;
    expect(logs?.[CITY]?.state).toBe('signing');
  });
});
