import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { openKeyring } from '#audit/service/log-key.ts';
import { type Sequencer, startSequencer } from '#audit/service/sequencer.ts';
import { appendAudit, appendAuditIn } from '#platform/audit/append.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import type { Log } from '#platform/observability/log.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { anEvent, sizeOf, until } from './log-support.ts';

const FENCE = ' AND xid < pg_snapshot_xmin(pg_current_snapshot())';
const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
let network: TestNetwork;
let writers: Cities;
let keepers: Cities;
let sequencer: Sequencer | null = null;

beforeAll(async () => {
  network = await testNetwork();
  const { cities, secrets, subjects } = network;
  writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects });
  keepers = openCities(cities, { role: 'sequencer', password: secrets.databasePasswords.sequencer, maxConnections: 2 });
});
afterAll(async () => {
  await sequencer?.stop();
  await writers?.stop();
  await keepers?.stop();
  await network?.stop();
});

/** The same database to a sequencer that does not wait for transactions that still run; `cut` counts the statements that were changed. */
const withoutFence = (database: CityDatabase) => {
  let cut = 0;
  const dedicated = async (): Promise<pg.Client> => {
    const client = await database.dedicated();
    const query = client.query.bind(client) as (...given: unknown[]) => unknown;
    const patched = (config: unknown, ...more: unknown[]): unknown => {
      const { name, text } = config as { name?: string; text?: string };
      if (!text?.includes(FENCE)) return query(config, ...more);
      cut++;
      return query({ ...(config as object), name: `${name}_unfenced`, text: text.replace(FENCE, '') }, ...more);
    };
    client.query = patched as typeof client.query;
    return client;
  };
  return { database: { ...database, dedicated }, cutCount: () => cut };
};

/** Entries with a transaction that began before another one, which committed before it; calls `between` once that one has. */
const writeAcross = async (city: string, between: (committed: number) => Promise<void>): Promise<number> => {
  const admin = await network.admin(city);
  const countOf = async (): Promise<number> =>
    Number((await admin.query('select count(*) n from audit.entry where city = $1', [city])).rows[0].n);
  await writers.of(city).transaction(async (tx) => {
    await appendAuditIn(tx, anEvent(city));
    await appendAudit(writers.of(city), anEvent(city));
    await between(await countOf());
  });
  await appendAudit(writers.of(city), anEvent(city));
  return countOf();
};

describe('the fence', () => {
  it('keeps entries waiting behind a transaction that began before them, and loses none', async () => {
    const city = 'MTL';
    const admin = await network.admin(city);
    sequencer = startSequencer({ database: keepers.of(city), keys: openKeyring(network.secrets.logKeys[city] ?? []), log, pollMs: 10 });
    await until(() => sequencer?.state().kind === 'signing', 10_000, 'the sequencer');
    const before = await sizeOf(admin, city);
    const count = await writeAcross(city, async (committed) => {
      expect(committed).toBe(before + 1);
      // A round of the sequencer has gone by: another log of the same city's would have moved.
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await sizeOf(admin, city)).toBe(before);
    });
    await until(async () => (await sizeOf(admin, city)) === count, 10_000, 'all entries in the log');
    expect(count).toBe(before + 3);
    expect(sequencer.state().kind).toBe('signing');
    await sequencer.stop();
    sequencer = null;
  });

  it('is what keeps them: a sequencer without it loses the entry, and the log says so', async () => {
    const city = 'QUE';
    const admin = await network.admin(city);
    const { database, cutCount } = withoutFence(keepers.of(city));
    sequencer = startSequencer({ database, keys: openKeyring(network.secrets.logKeys[city] ?? []), log, pollMs: 10 });
    await until(() => sequencer?.state().kind === 'signing', 10_000, 'the sequencer');
    const before = await sizeOf(admin, city);
    const count = await writeAcross(city, async (committed) => {
      await until(async () => (await sizeOf(admin, city)) === committed, 10_000, 'the entry that overtook');
    });
    expect(cutCount()).toBeGreaterThan(0);
    expect(count).toBe(before + 3);
    // The late entry stands before one that is logged, so the log no longer agrees with the table.
    await until(() => sequencer?.state().kind === 'broken', 15_000, 'the alarm');
    expect(await sizeOf(admin, city)).toBeLessThan(count);
    await sequencer.stop();
    sequencer = null;
  });
});
