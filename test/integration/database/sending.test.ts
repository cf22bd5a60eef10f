import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { type CityDatabase, openCityDatabase } from '#platform/database/city-database.ts';
import { CityUnavailableError, sqlStateOf } from '#platform/database/errors.ts';
import { until } from '#test/integration/audit/log-support.ts';
import { type CityLink, linkTo } from '#test/integration/scheduling/city-link.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';

let network: TestNetwork;
let admin: pg.Client;
let link: CityLink;
let db: CityDatabase;

beforeAll(async () => {
  network = await testNetwork();
  admin = await network.admin('MTL');
  await admin.query(`CREATE TABLE public.sent (n integer PRIMARY KEY CHECK (n < 100));
    CREATE SEQUENCE public.tries;
    CREATE FUNCTION public.conflict_once(n integer) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('public.tries') = 1 THEN RAISE EXCEPTION 'conflict' USING ERRCODE = 'serialization_failure'; END IF;
      INSERT INTO public.sent VALUES (n);
    END $$;
    GRANT USAGE ON SCHEMA public TO scheduling;
    GRANT INSERT, SELECT ON public.sent TO scheduling;
    GRANT USAGE ON SEQUENCE public.tries TO scheduling;`);
  const [city] = network.cities;
  if (!city) throw new Error('no city');
  link = await linkTo(city);
  db = openCityDatabase(link.city, {
    role: 'scheduling',
    password: network.secrets.databasePasswords.scheduling,
    connectTimeoutMs: 10_000,
    statementTimeoutMs: 1_500,
  });
}, 60_000);
afterAll(async () => {
  link?.giveOut();
  await db?.stop();
  await link?.cut();
  await network?.stop();
});
beforeEach(() => admin.query('TRUNCATE public.sent; ALTER SEQUENCE public.tries RESTART'));

const INSERT = { name: 'sending_insert', text: 'INSERT INTO public.sent VALUES ($1)' };
const SELECT = { name: 'sending_select', text: 'SELECT n FROM public.sent ORDER BY n' };
const written = async (): Promise<number[]> => (await admin.query<{ n: number }>(SELECT.text)).rows.map(({ n }) => n);
class Named extends Error {
  constructor(cause: unknown) {
    super('the entry', { cause });
  }
}
const name = (error: unknown): Error => new Named(error);
const failureOf = async (work: Promise<unknown>): Promise<unknown> => {
  const end = await work.then(
    () => null,
    (error: unknown) => ({ error }),
  );
  if (!end) throw new Error('it succeeded');
  return end.error;
};

describe('a statement that is sent within a transaction', () => {
  it('is carried out in its place, as often as it is sent', async () => {
    const seen = await db.transaction(async (tx) => {
      tx.send(INSERT, [1]);
      tx.send(INSERT, [2]);
      const rows = await tx.named<{ n: number }>(SELECT, []);
      tx.send(INSERT, [3]);
      return rows;
    });
    expect(seen).toEqual([{ n: 1 }, { n: 2 }]);
    expect(await written()).toEqual([1, 2, 3]);
  });

  it.each([
    ['the commit', async () => {}],
    ['a statement', async (tx: Parameters<Parameters<CityDatabase['transaction']>[0]>[0]) => void (await tx.named(SELECT, []))],
    ['another that is sent', async (tx: Parameters<Parameters<CityDatabase['transaction']>[0]>[0]) => tx.send(INSERT, [4])],
  ])('takes all back where it fails before %s, and is the reason', async (_name, after) => {
    const error = await failureOf(
      db.transaction(async (tx) => {
        await tx.named(INSERT, [1]);
        tx.send(INSERT, [100], name);
        await after(tx);
      }),
    );
    expect(error).toBeInstanceOf(Named);
    expect(sqlStateOf((error as Error).cause)).toBe('23514');
    expect(await written()).toEqual([]);
    // The connection is as good as before.
    await db.transaction(async (tx) => tx.send(INSERT, [5]));
    expect(await written()).toEqual([5]);
  });

  it('is taken back where the work fails behind it', async () => {
    const error = await failureOf(
      db.transaction(async (tx) => {
        tx.send(INSERT, [1]);
        throw new Named(null);
      }),
    );
    expect(error).toBeInstanceOf(Named);
    expect(await written()).toEqual([]);
  });

  it('is tried again with all the rest where it came into conflict', async () => {
    let tries = 0;
    await db.transaction(async (tx) => {
      tries++;
      await tx.named(INSERT, [1]);
      tx.send({ name: 'sending_conflict', text: 'SELECT public.conflict_once($1)' }, [2]);
    });
    expect(tries).toBe(2);
    expect(await written()).toEqual([1, 2]);
  });

  it('says that the city is away where it takes too long, or its server goes', async () => {
    for (const text of ['SELECT pg_sleep(4)', 'SELECT pg_terminate_backend(pg_backend_pid())']) {
      const error = await failureOf(
        db.transaction(async (tx) => {
          await tx.named(INSERT, [1]);
          tx.send({ name: `sending_${text.length}`, text }, []);
        }),
      );
      expect(error).toBeInstanceOf(CityUnavailableError);
      await until(() => db.ping(), 10_000, 'the city');
      expect(await written()).toEqual([]);
    }
  });

  it('is committed although nothing of the server was heard since it was sent', async () => {
    await db.named(SELECT, []);
    const done = db.transaction(async (tx) => {
      await tx.named(INSERT, [1]);
      link.keepBack();
      tx.send(INSERT, [2]);
    });
    try {
      await until(async () => (await written()).length === 2, 10_000, 'the commit');
    } finally {
      link.giveOut();
    }
    await done;
    expect(await written()).toEqual([1, 2]);
  });
});
