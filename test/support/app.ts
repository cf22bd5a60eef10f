import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { seedDemo } from '#embedded/demo/seed.ts';
import { makeTokenSigner } from '#platform/access/token.ts';
import type { RoleCode } from '#platform/access/viewer.ts';
import { newId } from '#platform/database/new-id.ts';
import { makeLog } from '#platform/observability/log.ts';
import { startApp } from '#tools/app.ts';
import { startProcesses } from '#tools/processes.ts';
import { testFiles } from './files-config.ts';
import { DEMO_PASSWORD, type GraphClient, graphClient } from './graph.ts';
import { type TestNetwork, testNetwork } from './network.ts';

export type TestAccount = {
  readonly id: string;
  readonly username: string;
  readonly role: RoleCode;
  readonly city: string;
  readonly patientId: string | null;
  readonly practitionerId: string | null;
};

/** The whole network with its demo population, on a copy of the databases of its own. */
export type TestApp = {
  readonly network: TestNetwork;
  readonly graph: GraphClient;
  /** Where every part of it logs. */
  readonly logFile: string;
  readonly account: (username: string) => Promise<TestAccount>;
  /** An access token as a login would give it, without the cost of a login. `seconds` until it ends. */
  readonly tokenOf: (username: string, seconds?: number) => Promise<string>;
  /** How many requests have gone to subgraphs so far. */
  readonly subgraphRequests: () => Promise<number>;
  readonly stop: () => Promise<void>;
};

/** In this process, or with `TEST_PROCESSES=1` each part in a process of its own, as `npm start -- --processes` does it. */
export const startTestApp = async (says: { readonly development?: boolean; readonly sessionsEveryMs?: number } = {}): Promise<TestApp> => {
  const network = await testNetwork();
  const { cities, secrets } = network;
  await seedDemo({ cities, secrets, subjects: network.subjects, password: DEMO_PASSWORD, now: new Date() });
  const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-e2e-'));
  const logFile = path.join(folder, 'caregraph.log');
  const settings = {
    cities,
    secrets,
    host: '127.0.0.1',
    port: 0,
    development: true,
    allowedOrigins: ['https://console.example'],
    appointmentTypes: ['PHYSICIAN', 'SURGEON', 'DENTAL'],
    files: testFiles(folder, cities),
    subjects: network.subjectsConfig,
    log: makeLog('test', 'debug', logFile),
    ...says,
  };
  const app = process.env['TEST_PROCESSES'] === '1' ? await startProcesses({ ...settings, dataDir: folder }) : await startApp(settings);
  const sign = await makeTokenSigner(secrets.tokenKey);
  const known = new Map<string, Promise<ReadonlyMap<string, TestAccount>>>();
  const readAccounts = async (city: string): Promise<ReadonlyMap<string, TestAccount>> => {
    const { rows } = await (await network.admin(city)).query<TestAccount>(
      `select id, username, role, city, patient_id as "patientId", practitioner_id as "practitionerId" from patients.account where city = $1`,
      [city],
    );
    return new Map(rows.map((row) => [row.username, row]));
  };
  const account = async (username: string): Promise<TestAccount> => {
    const city = username.slice(0, 3);
    const accounts = known.get(city) ?? readAccounts(city);
    known.set(city, accounts);
    const found = (await accounts).get(username);
    if (!found) throw new Error(`no account ${username}`);
    return found;
  };
  return {
    network,
    graph: graphClient(app.url),
    logFile,
    account,
    tokenOf: async (username, seconds) => {
      const { id, role, city, patientId, practitionerId } = await account(username);
      return sign({ accountId: id, role, city, patientId, practitionerId, sessionId: newId(city, 'ses') }, seconds);
    },
    subgraphRequests: async () => {
      const text = await (await fetch(`${app.url}/metrics`)).text();
      return [...text.matchAll(/^caregraph_subgraph_request_duration_seconds_count\{.*\} (\d+)$/gm)].reduce(
        (sum, match) => sum + Number(match[1]),
        0,
      );
    },
    stop: async () => {
      await app.stop();
      await network.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
