import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { openCityDatabase } from '#platform/database/city-database.ts';
import { OverloadedError } from '#platform/database/errors.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';

let network: TestNetwork;
beforeAll(async () => {
  network = await testNetwork();
});
afterAll(async () => {
  await network?.stop();
});

it('a busy city refuses who waited too long, and is not taken for one that is down', async () => {
  const [city] = network.cities;
  if (!city) throw new Error('no city');
  const db = openCityDatabase(city, {
    role: 'scheduling',
    password: network.secrets.databasePasswords.scheduling,
    maxConnections: 1,
    connectTimeoutMs: 400,
  });
  try {
    const rest = { name: 'rest', text: 'select pg_sleep(0.1)' };
    await db.named(rest, []);
    const ends = await Promise.allSettled(Array.from({ length: 12 }, () => db.named(rest, [])));
    const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.length).toBeLessThan(12);
    expect(failures.every((failure) => failure instanceof OverloadedError)).toBe(true);
    expect(await db.ping()).toBe(true);
  } finally {
    await db.stop();
  }
});
