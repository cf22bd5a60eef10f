import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEmbeddedNetwork } from '#embedded/network.ts';
import { MIGRATIONS, SCHEMAS } from '#migrations/index.ts';
import { migrateCity } from '#platform/database/migrate.ts';
import { makeLog } from '#platform/observability/log.ts';

/** Ends the servers and removes their folder when this process is gone without having done so itself (it was killed). */
const watchOver = (pids, folder) => {
  const script = `while kill -0 ${process.pid} 2>/dev/null; do sleep 1; done; [ -d "$0" ] && kill -INT ${pids.join(' ')} 2>/dev/null; sleep 2; rm -rf "$0"`;
  spawn('/bin/sh', ['-c', script, folder], { detached: true, stdio: 'ignore' }).unref();
};

/** One set of migrated clusters for the whole run; each test file copies the databases for itself (`testNetwork`). */
export default async function setUp() {
  const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-test-'));
  const started = performance.now();
  const network = await startEmbeddedNetwork({
    dataDir: path.join(folder, 'data'),
    log: makeLog('embedded', 'warn', 2),
    fsync: false,
    standbys: false,
  });
  globalThis.caregraphTestNetwork = { network, folder };
  const { cities, secrets, superuser } = network;
  watchOver(
    cities.flatMap(({ code }) => network.city(code).nodes.map(({ pid }) => pid)),
    folder,
  );
  const migrator = { user: 'migrator', password: secrets.databasePasswords.migrator, folder: MIGRATIONS, schemas: SCHEMAS };
  try {
    await Promise.all(cities.map((city) => migrateCity(city, migrator)));
  } catch (error) {
    await network.stop();
    throw error;
  }
  const file = path.join(folder, 'network.json');
  writeFileSync(file, JSON.stringify({ cities, secrets, superuser }), { mode: 0o600 });
  process.env.CAREGRAPH_TEST_NETWORK = file;
  console.error(`\ntest clusters are up after ${Math.round(performance.now() - started)} ms`);
}
