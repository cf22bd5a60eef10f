import { afterAll, beforeAll, expect } from '@jest/globals';
import type pg from 'pg';
import { openLogKeeper, startAudit } from '#audit/server.ts';
import { makeProve } from '#audit/service/prove.ts';
import type { FindPublication } from '#audit/service/publish-checkpoint.ts';
import { findCheckpoint } from '#audit/store/log-view-store.ts';
import type { Caller } from '#platform/access/viewer.ts';
import type { AuditShardsConfig } from '#platform/config/audit-shards.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { makeExecutor } from '#platform/graphql/executor.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import { openCheckpoint } from '#platform/tlog/checkpoint.ts';
import { makeNoteVerifier } from '#platform/tlog/note.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { entriesOf, type Fetch, makeFetch, rootOf, sourceOf, until, writeEvents } from './log-support.ts';

export const CITY = 'MTL';
export const ORIGIN = 'caregraph.example/audit/MTL';
export let network: TestNetwork;
export let writers: Cities;
export let admin: pg.Client;
export let keeper: ReturnType<typeof openLogKeeper>;
export let readers: Cities;
export let prove: ReturnType<typeof makeProve>;
export let subgraph: Subgraph | null = null;
export const said: { readonly level: string; readonly message: string; readonly fields: Record<string, unknown> }[] = [];
export const log: Log = {
  debug: () => {},
  info: (message, fields = {}) => void said.push({ level: 'info', message, fields }),
  warn: (message, fields = {}) => void said.push({ level: 'warn', message, fields }),
  error: (message, fields = {}) => void said.push({ level: 'error', message, fields }),
};

export const start = async (
  more: Parameters<typeof startAudit>[0]['sequencing'] = {},
  logKeys: TestNetwork['secrets']['logKeys'] = network.secrets.logKeys,
  auditShards: AuditShardsConfig | null = null,
): Promise<Fetch> => {
  const { cities, secrets, subjects } = network;
  subgraph = (await startAudit({
    cities,
    secrets: { ...secrets, logKeys },
    subjects,
    auditShards,
    log,
    witnessing: null,
    sequencing: { pollMs: 20, recheckMs: 100, standbyMs: 50, ...more },
  })) as Subgraph;
  if (!subgraph.transfer) throw new Error('nothing is served');
  return makeFetch(subgraph.transfer);
};
export const stop = async (): Promise<void> => {
  await subgraph?.stop();
  subgraph = null;
};
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into by tests alone
export type Answer = { data?: any; errors?: readonly unknown[] };
export const query = (text: string): Promise<Answer> => {
  if (!subgraph) throw new Error('nothing runs');
  const caller: Caller = { viewer: null, requestId: 'shards', address: '192.0.2.1', language: 'en', origin: 'http://127.0.0.1:4000' };
  const context = subgraph.makeContext(caller);
  return makeExecutor(subgraph, log).run({ query: text, variables: {} }, caller.requestId, () => context) as Promise<Answer>;
};
export type State = { state: string; remedy?: string; firstBadIndex?: number | null };
export const stateOf = (): State | undefined => (subgraph?.report?.()?.['auditLog'] as Record<string, State> | undefined)?.[CITY];
export const isIn = (state: string): Promise<void> => until(() => stateOf()?.state === state, 15_000, `the state ${state}`);
export const rows = async <R extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<R[]> =>
  (await admin.query<R>(text, values)).rows;
export const countOf = async (): Promise<number> => Number((await rows<{ n: string }>('select count(*) n from audit.entry'))[0]?.n);
export const loggedOf = async (): Promise<number> =>
  Number((await rows<{ n: string }>('select coalesce(sum(size), 0) n from audit.log_state'))[0]?.n);
export const allLogged = (): Promise<void> =>
  until(async () => (await loggedOf()) === (await countOf()), 20_000, 'the last entry in the log');
export const write = (count: number): Promise<void> => writeEvents(writers, CITY, count);

export const openWorld = (): void => {
  beforeAll(async () => {
    network = await testNetwork();
    admin = await network.admin(CITY);
    const { cities, secrets, subjects } = network;
    writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects, maxConnections: 12 });
    keeper = openLogKeeper({ cities, secrets, log, witnessing: null });
    readers = openCities(cities, { role: 'audit', password: secrets.databasePasswords.audit });
    const publish: FindPublication = async (db, { shard }) => {
      const found = await findCheckpoint(db, shard);
      return found && { ...found, witnesses: [], isWitnessed: false, cosignedAt: null };
    };
    prove = makeProve(readers, publish);
  });
  afterAll(async () => {
    await stop();
    await keeper?.stop();
    await Promise.all([writers?.stop(), readers?.stop()]);
    await network?.stop();
  });
};

export type Leaf = {
  readonly id: string;
  readonly act: string;
  readonly requestId: string;
  readonly entities: { kind: string; what: string; sha256?: string }[];
};
export const parse = (entry: Uint8Array | undefined): Leaf => JSON.parse(Buffer.from(entry ?? []).toString());
/** Walks all shards as a stranger does, with the key of the first alone, and returns the entries of each. */
export const walk = async (fetch: Fetch): Promise<Leaf[][]> => {
  const shards: Leaf[][] = [];
  let vkey = Buffer.from((await fetch(`${CITY}/1/key`)).bytes)
    .toString()
    .trim();
  let before: { origin: string; size: number; root: Uint8Array } | null = null;
  for (let shard = 1; ; shard++) {
    const { status, bytes } = await fetch(`${CITY}/${shard}/checkpoint`);
    if (status === 404) break;
    const { checkpoint } = await openCheckpoint(bytes, [makeNoteVerifier(vkey)]);
    expect(checkpoint.origin).toBe(shard === 1 ? ORIGIN : `${ORIGIN}/${shard}`);
    const entries = await entriesOf(sourceOf(fetch, `${CITY}/${shard}`), checkpoint.size);
    expect(rootOf(entries)).toEqual(checkpoint.root);
    const leaves = entries.map(parse);
    if (before) {
      const first = leaves[0];
      expect(first).toMatchObject({
        act: expect.stringMatching(/^beginLogShard/),
        entities: [{ kind: 'AuditLogShard', what: `${before.origin}@${before.size}`, sha256: Buffer.from(before.root).toString('hex') }],
      });
    }
    shards.push(leaves);
    const last = leaves.at(-1);
    if (last?.act === 'endLogShard') vkey = last.entities[0]?.what ?? '';
    else if ((await fetch(`${CITY}/${shard + 1}/key`)).status === 200)
      vkey = Buffer.from((await fetch(`${CITY}/${shard + 1}/key`)).bytes)
        .toString()
        .trim();
    before = checkpoint;
  }
  return shards;
};
