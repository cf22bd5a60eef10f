import type pg from 'pg';
import type { Context } from '#audit/context.ts';
import { startAudit } from '#audit/server.ts';
import type { Caller } from '#platform/access/viewer.ts';
import { AuditUnavailableError } from '#platform/audit/append.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { CityUnavailableError, OverloadedError } from '#platform/database/errors.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import { judgeCheckpoint, parsePolicy } from '#platform/tlog/policy.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { type Fetch, makeFetch, until as untilQuiet, writeEvents } from './log-support.ts';

/** Waits for a state. On a machine that is too busy a city seems away for a moment; then it is asked again. */
export const until = (holds: () => Promise<boolean> | boolean, withinMs = 15_000, what = 'it'): Promise<void> =>
  untilQuiet(
    async () => {
      try {
        return await holds();
      } catch (error) {
        if (error instanceof CityUnavailableError || error instanceof OverloadedError) return false;
        throw error;
      }
    },
    withinMs,
    what,
  );

/** Writes acts one by one; on a machine that is too busy a city seems away for a moment, and then a second entry may stand where one was due. */
export const writeAll = async (writers: Cities, city: string, count: number): Promise<void> => {
  for (let i = 0; i < count; i++)
    await until(
      async () => {
        try {
          await writeEvents(writers, city, 1);
          return true;
        } catch (error) {
          if (error instanceof AuditUnavailableError) return false;
          throw error;
        }
      },
      20_000,
      'an entry',
    );
};

export type Running = Subgraph<Context> & { readonly fetch: Fetch };
type Told = { readonly message: string; readonly fields: Readonly<Record<string, unknown>> };

/** The logs of three cities that witness each other, one subgraph at a time; for one test file. */
export const openWitnessWorld = async () => {
  const network: TestNetwork = await testNetwork();
  const { cities, subjects, secrets } = network;
  const writers: Cities = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects });
  let running: Running | null = null;
  let errors: Told[] = [];
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (message, fields = {}) => void errors.push({ message, fields }),
  };
  const stop = async (): Promise<void> => {
    await running?.stop();
    running = null;
  };
  return {
    network,
    writers,
    log,
    /** What was logged as an error since the last start. */
    errors: (): readonly Told[] => errors,
    start: async (more: Partial<Parameters<typeof startAudit>[0]> = {}): Promise<Running> => {
      errors = [];
      const subgraph = await startAudit({
        cities,
        secrets,
        subjects,
        log,
        sequencing: { pollMs: 20, recheckMs: 100, standbyMs: 50 },
        witnessing: { everyMs: 20, retryMs: 50, maxRetryMs: 200, checkMs: 2_000 },
        ...more,
      });
      if (!subgraph.transfer) throw new Error('nothing is served');
      running = { ...subgraph, fetch: makeFetch(subgraph.transfer) };
      return running;
    },
    stop,
    end: async (): Promise<void> => {
      await stop();
      await writers.stop();
      await network.stop();
    },
  };
};
export type WitnessWorld = Awaited<ReturnType<typeof openWitnessWorld>>;

export type Report = {
  state: string;
  firstBadIndex?: number | null;
  witness?: string;
  witnessSize?: number;
  witnesses: Record<string, { state: string; size: number | null }>;
  alarms: { origin: string; kind: string; count: number }[];
};
export const reportOf = (subgraph: Subgraph<Context>, city: string): Report | undefined =>
  (subgraph.report?.()?.['auditLog'] as Record<string, Report> | undefined)?.[city];
export const countOf = async (admin: pg.Client, city: string): Promise<number> =>
  Number((await admin.query('select count(*) n from audit.entry where city = $1', [city])).rows[0]?.n);
export const textOf = async (fetch: Fetch, path: string): Promise<string> => Buffer.from((await fetch(path)).bytes).toString();
/** What is published of a city, as a stranger judges it by the policy that is published beside it. */
export const publishedOf = async (fetch: Fetch, city: string) => {
  const policy = parsePolicy(await textOf(fetch, `${city}/policy`));
  const note = await textOf(fetch, `${city}/checkpoint`);
  return { note, judgement: await judgeCheckpoint(note, policy) };
};
export const untilCosigned = (fetch: Fetch, city: string, size: number, by: readonly string[]): Promise<void> =>
  until(
    async () => {
      if ((await fetch(`${city}/checkpoint`)).status !== 200) return false;
      const { judgement } = await publishedOf(fetch, city);
      return (
        judgement.kind === 'accepted' &&
        judgement.checkpoint.size === size &&
        by.every((name) => judgement.witnesses.some((each) => each.name === name))
      );
    },
    15_000,
    `a checkpoint of ${city} with ${by.join(' and ')}`,
  );
const caller: Caller = { viewer: null, requestId: 'x', address: '192.0.2.1', language: 'en', origin: '' };
export const proveOf = (subgraph: Subgraph<Context>) => subgraph.makeContext(caller).services.prove;
export const viewOf = (subgraph: Subgraph<Context>, city: string) => proveOf(subgraph).checkpointOf(city);
