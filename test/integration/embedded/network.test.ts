import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import fs from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { calculateJwkThumbprint } from 'jose';
import pg from 'pg';
import { type EmbeddedNetwork, startEmbeddedNetwork } from '#embedded/network.ts';
import { DATABASE_ROLES } from '#platform/config/secrets.ts';
import { connect, isRoot, MONTREAL, makeMemoryLog, makeTempFolders, portOf, run, waitUntil } from './support.ts';

const folders = makeTempFolders();
const { log, lines } = makeMemoryLog();
const CITIES = ['MTL', 'QUE', 'SHE'];
let dataDir: string;
let network: EmbeddedNetwork;
let firstStartMs: number;

const start = (options: Partial<Parameters<typeof startEmbeddedNetwork>[0]> = {}) =>
  startEmbeddedNetwork({ dataDir, log, fsync: false, ...options });
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: { code?: string }) => error.code,
  );

beforeAll(async () => {
  dataDir = path.join(await folders.make(), 'data');
  const begin = performance.now();
  network = await start();
  firstStartMs = performance.now() - begin;
});
afterAll(async () => {
  await network?.stop();
  await folders.cleanUp();
});

describe('a first start', () => {
  it('brings up three cities within 12 s, each with a standby that commits wait for', async () => {
    expect(firstStartMs).toBeLessThan(12_000);
    expect(network.firstStart).toBe(true);
    expect(network.cities.map((city) => [city.code, city.database, city.tls, city.nodes.length])).toEqual(
      CITIES.map((code) => [code, 'caregraph', false, 2]),
    );
    await waitUntil(() => CITIES.every((code) => network.city(code).synchronous));
    for (const code of CITIES) {
      expect(network.city(code).nodes.map(({ name, role, state }) => [name, role, state])).toEqual([
        ['a', 'primary', 'running'],
        ['b', 'standby', 'running'],
      ]);
      await waitUntil(
        async () => (await run(network, code, 'a', 'SELECT state, sync_state FROM pg_stat_replication'))[0]?.['sync_state'] === 'sync',
      );
      expect(await run(network, code, 'b', 'SELECT pg_is_in_recovery() AS follows')).toEqual([{ follows: true }]);
    }
    expect(await run(network, 'QUE', 'b', "SELECT current_setting('caregraph.city') AS city")).toEqual([{ city: 'QUE' }]);
    const systems = await Promise.all(
      CITIES.map((code) => run(network, code, 'a', 'SELECT system_identifier::text AS id FROM pg_control_system()')),
    );
    expect(new Set(systems.map(([row]) => row?.['id'])).size).toBe(3);
  });

  it('gives each role its password and nothing more', async () => {
    const port = portOf(network, 'MTL', 'a');
    for (const role of DATABASE_ROLES) {
      const client = await connect(port, role, network.secrets.databasePasswords[role]);
      const [row] = (
        await client.query(
          'SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles WHERE rolname = current_user',
        )
      ).rows;
      expect(row).toEqual({ rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolreplication: false, rolbypassrls: false });
      const [path] = (await client.query('SHOW search_path')).rows;
      const others: Partial<Record<string, string>> = { relay: 'scheduling', sequencer: 'audit', migrator: '"$user", public' };
      expect(path).toEqual({ search_path: others[role] ?? role });
      if (role !== 'migrator') {
        expect(await codeOf(client.query('CREATE TABLE public.x (a int)'))).toBe('42501');
        expect(await codeOf(client.query('CREATE SCHEMA x'))).toBe('42501');
        expect(await codeOf(client.query('CREATE TEMP TABLE x (a int)'))).toBe('42501');
      }
      await client.end();
      expect(await codeOf(connect(port, role, `${network.secrets.databasePasswords[role]}x`))).toBe('28P01');
      expect(await codeOf(connect(port, role, network.secrets.databasePasswords[role], 'postgres'))).toBe('42501');
      expect(await codeOf(connect(port, role, network.secrets.databasePasswords[role], 'template1'))).toBe('42501');
    }
  });

  it('lets migrator make schemas and trusted extensions', async () => {
    const client = await connect(portOf(network, 'QUE', 'a'), 'migrator', network.secrets.databasePasswords.migrator);
    try {
      await client.query('CREATE SCHEMA patients AUTHORIZATION migrator');
      await client.query('CREATE EXTENSION pgcrypto');
      await client.query('CREATE EXTENSION citext');
      const { rows } = await client.query("SELECT public.unaccent('Élodie Côté') AS plain, similarity('Cote', 'Coté') > 0.2 AS close");
      expect(rows).toEqual([{ plain: 'Elodie Cote', close: true }]);
      await client.query('CREATE TABLE patients.t (a int, during tstzrange, EXCLUDE USING gist (a WITH =, during WITH &&))');
      expect(await codeOf(client.query("COPY patients.t TO PROGRAM 'true'"))).toBe('42501');
    } finally {
      await client.end();
    }
  });

  it('takes passwords only, over loopback only', async () => {
    const port = portOf(network, 'MTL', 'a');
    const [stored] = await run(
      network,
      'MTL',
      'a',
      "SELECT count(*)::int AS n FROM pg_authid WHERE rolcanlogin AND rolpassword NOT LIKE 'SCRAM-SHA-256$%'",
    );
    expect(stored).toEqual({ n: 0 });
    const rules = await run(network, 'MTL', 'a', 'SELECT DISTINCT type, address, netmask, auth_method FROM pg_hba_file_rules');
    expect(rules).toEqual([{ type: 'host', address: '127.0.0.1', netmask: '255.255.255.255', auth_method: 'scram-sha-256' }]);
    const settings = await run(
      network,
      'MTL',
      'b',
      "SELECT name, setting FROM pg_settings WHERE name IN ('listen_addresses', 'unix_socket_directories', 'log_statement', 'log_min_error_statement', 'log_error_verbosity', 'TimeZone', 'fsync') ORDER BY name COLLATE \"C\"",
    );
    expect(settings.map((row) => `${row['name']}=${row['setting']}`)).toEqual([
      'TimeZone=UTC',
      'fsync=off',
      'listen_addresses=127.0.0.1',
      'log_error_verbosity=terse',
      'log_min_error_statement=panic',
      'log_statement=none',
      'unix_socket_directories=',
    ]);
    const noPassword = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
    noPassword.on('error', () => undefined);
    await expect(noPassword.connect()).rejects.toThrow();
    expect(port).toBeLessThan(32_768);
  });

  it('keeps secrets in one file that only its owner reads, and makes sound keys', async () => {
    const file = path.join(dataDir, 'secrets.json');
    expect((await fs.stat(file)).mode & 0o777).toBe(0o600);
    const { tokenKey, assertionKey, cursorKey } = network.secrets;
    for (const key of [tokenKey, assertionKey]) {
      expect(await calculateJwkThumbprint(key.publicJwk)).toBe(key.kid);
      expect(key.publicJwk['d']).toBeUndefined();
      const signature = sign(null, Buffer.from('text'), createPrivateKey({ key: { ...key.privateJwk }, format: 'jwk' }));
      expect(verify(null, Buffer.from('text'), createPublicKey({ key: { ...key.publicJwk }, format: 'jwk' }), signature)).toBe(true);
    }
    expect(tokenKey.kid).not.toBe(assertionKey.kid);
    expect(Buffer.from(cursorKey, 'base64url')).toHaveLength(32);
  });

  it('shows no password and no value of a row in command lines or logs', async () => {
    await run(network, 'MTL', 'a', "SELECT 'Jeanne Secrète'::int").catch(() => undefined);
    await run(network, 'MTL', 'a', 'SELECT jeanne_secrete').catch(() => undefined);
    const known = [network.superuser.password, ...Object.values(network.secrets.databasePasswords)];
    const { replicationPassword } = JSON.parse(await fs.readFile(path.join(dataDir, 'secrets.json'), 'utf8')) as {
      replicationPassword: string;
    };
    const logs = await Promise.all(
      (await fs.readdir(path.join(dataDir, 'logs'))).map((name) => fs.readFile(path.join(dataDir, 'logs', name), 'utf8')),
    );
    const commands = await Promise.all(
      CITIES.flatMap((code) => network.city(code).nodes.map((node) => fs.readFile(`/proc/${node.pid}/cmdline`, 'utf8').catch(() => ''))),
    );
    const everything = [...logs, ...commands, ...lines].join('\n');
    expect(everything).toContain('database system is ready');
    for (const secret of [...known, replicationPassword]) expect(everything).not.toContain(secret);
    expect(everything).not.toMatch(/jeanne/i);
  });

  (isRoot ? it : it.skip)('runs as an account that is not root', async () => {
    for (const node of network.city('MTL').nodes) expect((await fs.stat(`/proc/${node.pid}`)).uid).toBeGreaterThan(0);
  });
});

describe('a data folder in use', () => {
  it('refuses a second start', async () => {
    await expect(start()).rejects.toThrow(/already running \(process \d+\)/);
  });

  it('leaves a second network beside it alone', async () => {
    const other = await startEmbeddedNetwork({
      dataDir: path.join(await folders.make(), 'other'),
      cities: MONTREAL,
      log,
      fsync: false,
      standbys: false,
    });
    try {
      expect(other.city('MTL').nodes.map((node) => node.name)).toEqual(['a']);
      expect(other.superuser.password).not.toBe(network.superuser.password);
      expect(await codeOf(connect(portOf(other, 'MTL', 'a'), 'postgres', network.superuser.password))).toBe('28P01');
      await run(other, 'MTL', 'a', 'CREATE TABLE t (a int)');
    } finally {
      await other.stop();
    }
  });
});

describe('a later start', () => {
  it('keeps data, secrets and ports, and takes less than 2.5 s', async () => {
    await run(network, 'SHE', 'a', 'CREATE TABLE kept (a int); INSERT INTO kept VALUES (7)');
    const before = network;
    await network.stop();
    const begin = performance.now();
    network = await start();
    expect(performance.now() - begin).toBeLessThan(2_500);
    expect(network.firstStart).toBe(false);
    expect(network.secrets).toEqual(before.secrets);
    expect(network.cities).toEqual(before.cities);
    expect(await run(network, 'SHE', 'a', 'SELECT a FROM kept')).toEqual([{ a: 7 }]);
    await waitUntil(() => network.city('SHE').synchronous);
    expect(await run(network, 'SHE', 'b', 'SELECT a FROM kept')).toEqual([{ a: 7 }]);
  });

  it('takes another port where one is taken, and the standby finds the primary there', async () => {
    await waitUntil(() => network.city('QUE').synchronous);
    const before = portOf(network, 'QUE', 'a');
    await network.stop();
    const squatter = net.createServer().listen(before, '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    try {
      network = await start();
      expect(portOf(network, 'QUE', 'a')).not.toBe(before);
      expect(network.cities.find((city) => city.code === 'QUE')?.nodes[0]?.port).toBe(portOf(network, 'QUE', 'a'));
      await waitUntil(() => network.city('QUE').synchronous);
    } finally {
      await new Promise((resolve) => squatter.close(resolve));
    }
  });
});

describe('a data folder that cannot be run', () => {
  it.each([
    ['missing', 'is missing', (file: string) => fs.rm(file)],
    ['cut off', 'is damaged', (file: string) => fs.truncate(file, 100)],
    [
      'with a foreign key',
      'is damaged',
      async (file: string) => fs.writeFile(file, (await fs.readFile(file, 'utf8')).replace(/"x": "./, '"x": "_')),
    ],
  ])('says so of secrets that are %s', async (_name, message, spoil) => {
    await network.stop();
    const file = path.join(dataDir, 'secrets.json');
    const kept = await fs.readFile(file);
    await spoil(file);
    await expect(start()).rejects.toThrow(message);
    await fs.writeFile(file, kept);
  });

  it('says so of data of another version, and of a standby whose primary is missing', async () => {
    await network.stop();
    const version = path.join(dataDir, 'cities', 'MTL', 'a', 'PG_VERSION');
    await fs.writeFile(version, '17\n');
    await expect(start()).rejects.toThrow(/PostgreSQL 17; this release runs 18/);
    await fs.writeFile(version, '18\n');
    await fs.rename(path.join(dataDir, 'cities', 'MTL', 'a'), path.join(dataDir, 'cities', 'MTL', 'x'));
    await expect(start()).rejects.toThrow(/a standby but no primary/);
    await fs.rename(path.join(dataDir, 'cities', 'MTL', 'x'), path.join(dataDir, 'cities', 'MTL', 'a'));
    network = await start();
    expect(network.firstStart).toBe(false);
  });

  it('says so of a place that is no folder', async () => {
    const file = path.join(await folders.make(), 'file');
    await fs.writeFile(file, '');
    await expect(start({ dataDir: file })).rejects.toThrow(/is not a folder/);
    await expect(start({ dataDir: path.join(file, 'below') })).rejects.toThrow(/is not a folder/);
  });
});
