import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openCities } from '#platform/database/cities.ts';
import { openCheckpoint, parseCheckpoint } from '#platform/tlog/checkpoint.ts';
import { hashLeaf, verifyInclusion } from '#platform/tlog/merkle.ts';
import { makeNoteVerifier, parseNote } from '#platform/tlog/note.ts';
import { judgeCheckpoint, parsePolicy } from '#platform/tlog/policy.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { tilePath, tilesSince } from '#platform/tlog/tiles.ts';
import { formatAddCheckpoint, parseConflict } from '#platform/tlog/witness.ts';
import {
  bodiesOf,
  checkpointOf,
  entriesOf,
  type Fetched,
  rootOf,
  sourceOf,
  until,
  writeEvents,
} from '#test/integration/audit/log-support.ts';
import { startTestApp, type TestApp } from '#test/support/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { cities, secrets } = app.network;
  const writers = openCities(cities, {
    role: 'scheduling',
    password: secrets.databasePasswords.scheduling,
    subjects: app.network.subjects,
  });
  await Promise.all(cities.map(({ code }) => writeEvents(writers, code, 300)));
  await writers.stop();
}, 60_000);
afterAll(() => app?.stop());

/** As a stranger fetches it: no token, no cookie. */
const fetchFile = async (name: string, init: RequestInit = {}): Promise<Fetched & { readonly response: Response }> => {
  const response = await fetch(`${app.graph.url}/audit/${name}`, { signal: AbortSignal.timeout(5_000), ...init });
  return {
    response,
    status: response.status,
    headers: Object.fromEntries(response.headers),
    bytes: Buffer.from(await response.arrayBuffer()),
  };
};

describe('the audit logs of a running network', () => {
  it('have a checkpoint over an act within 1.5 s of it, and the proof beside the event', async () => {
    await until(async () => (await fetchFile('SHE/checkpoint')).status === 200);
    const token = await app.tokenOf('SHEP0001');
    const { patientId } = await app.account('SHEP0001');
    const lags: number[] = [];
    for (let round = 0; round < 3; round++) {
      const acted = await app.graph.ask<{ patient: { id: string } }>(
        'query ($id: ID!) { patient(id: $id) { id } }',
        { id: patientId },
        { token },
      );
      expect(acted.data?.patient.id).toBe(patientId);
      const from = performance.now();
      const bodies = await bodiesOf(await app.network.admin('SHE'), 'SHE');
      await until(async () => (await checkpointOf(fetchFile, 'SHE')).checkpoint.size >= bodies.length, 5_000, 'the checkpoint');
      lags.push(performance.now() - from);
    }
    console.info(`from an act to its checkpoint: ${lags.map((ms) => Math.round(ms)).join(', ')} ms`);
    expect(Math.max(...lags)).toBeLessThan(1_500);

    const trail = await app.graph.ask<{
      patient: {
        auditTrail: {
          nodes: {
            act: string;
            leaf: string;
            proof: { leafIndex: number; treeSize: number; hashes: string[]; checkpoint: { root: string } } | null;
          }[];
        };
      };
    }>(
      'query ($id: ID!) { patient(id: $id) { auditTrail { nodes { act leaf proof { leafIndex treeSize hashes checkpoint { root } } } } } }',
      { id: patientId },
      { token },
    );
    const proven = trail.data?.patient.auditTrail.nodes.filter(({ proof }) => proof) ?? [];
    expect(proven.length).toBeGreaterThanOrEqual(3);
    for (const { leaf, proof } of proven) {
      if (!proof) continue;
      const hashes = proof.hashes.map((hash) => new Uint8Array(Buffer.from(hash, 'base64')));
      const root = new Uint8Array(Buffer.from(proof.checkpoint.root, 'base64'));
      expect(verifyInclusion(proof.leafIndex, proof.treeSize, hashLeaf(Buffer.from(leaf)), hashes, root)).toBe(true);
    }
  });

  it.each(['MTL', 'QUE', 'SHE'])('are verified whole by a stranger: %s', async (city) => {
    await until(async () => {
      const { checkpoint } = await checkpointOf(fetchFile, city);
      return checkpoint.size === (await bodiesOf(await app.network.admin(city), city)).length;
    });
    const { checkpoint } = await checkpointOf(fetchFile, city);
    expect(checkpoint.size).toBeGreaterThan(256);
    const source = sourceOf(fetchFile, city);
    const entries = await entriesOf(source, checkpoint.size);
    expect(rootOf(entries)).toEqual(checkpoint.root);
    const read = openTileReader(checkpoint.size, checkpoint.root, source);
    const leaves = await read(entries.map((_entry, index) => ({ level: 0, index })));
    expect(leaves.map((leaf, i) => Buffer.compare(leaf, hashLeaf(entries[i] ?? new Uint8Array())))).toEqual(entries.map(() => 0));
  });

  it('are given to anybody, from any origin, and only to be read', async () => {
    const checkpoint = await fetchFile('MTL/checkpoint', { headers: { origin: 'https://stranger.example' } });
    expect(checkpoint.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'cache-control': 'no-cache',
      'content-type': 'text/plain; charset=utf-8',
    });
    expect((await fetchFile('MTL/checkpoint', { headers: { 'if-none-match': checkpoint.headers['etag'] ?? '' } })).status).toBe(304);
    expect(await fetchFile('MTL/checkpoint', { method: 'HEAD' })).toMatchObject({
      status: 200,
      headers: { 'content-length': String(checkpoint.bytes.length) },
    });
    expect((await fetchFile('MTL/checkpoint', { method: 'POST', body: 'x' })).status).toBe(405);
    expect((await fetchFile('MTL/checkpoint', { method: 'PUT', body: 'x' })).status).toBe(405);
    for (const name of ['', 'MTL', 'MTL/', 'XXX/checkpoint', 'MTL/tile/0/000/..', 'MTL/checkpoint?x=1', 'MTL/%2e%2e/key'])
      expect([name, (await fetchFile(name)).status]).toEqual([name, 404]);
    const ready = (await (await fetch(`${app.graph.url}/health/ready`)).json()) as { auditLog?: Record<string, { state: string }> };
    expect(ready.auditLog).toMatchObject({ MTL: { state: 'signing' }, QUE: { state: 'signing' }, SHE: { state: 'signing' } });
  });

  it.each(['MTL', 'QUE', 'SHE'])('carry the lines of two other cities within two seconds, also through the gateway: %s', async (city) => {
    const token = await app.tokenOf('SHEP0001');
    const { patientId } = await app.account('SHEP0001');
    await app.graph.ask('query ($id: ID!) { patient(id: $id) { id } }', { id: patientId }, { token });
    const from = performance.now();
    const size = (await bodiesOf(await app.network.admin(city), city)).length;
    const policy = parsePolicy(Buffer.from((await fetchFile(`${city}/policy`)).bytes).toString());
    const others = ['MTL', 'QUE', 'SHE'].filter((each) => each !== city);
    await until(
      async () => {
        const judgement = await judgeCheckpoint((await fetchFile(`${city}/checkpoint`)).bytes, policy);
        return judgement.kind === 'accepted' && judgement.checkpoint.size >= size && judgement.witnesses.length === 2;
      },
      10_000,
      'two lines',
    );
    console.info(`from an act to two cosignatures, ${city}: ${Math.round(performance.now() - from)} ms`);
    const { data } = await app.graph.ask<{
      auditCheckpoint: { isWitnessed: boolean; witnesses: { name: string; at: string }[]; note: string };
    }>('query ($city: String!) { auditCheckpoint(city: $city) { isWitnessed note witnesses { name at } } }', { city });
    expect(data?.auditCheckpoint).toMatchObject({ isWitnessed: true, witnesses: others.map((name) => ({ name })) });
    const note = parseNote(data?.auditCheckpoint.note ?? '');
    const witness = others[0] ?? '';
    const told = `${app.graph.url}/audit/${witness}/witness/add-checkpoint`;
    const post = (body: string) => fetch(told, { method: 'POST', body, signal: AbortSignal.timeout(5_000) });
    const again = await post(formatAddCheckpoint({ oldSize: 0, proof: [], note }));
    expect([again.status, again.headers.get('content-type')]).toEqual([409, 'text/x.tlog.size']);
    expect(parseConflict(await again.text())).toBeGreaterThanOrEqual(parseCheckpoint(note.text).size);
    expect((await post('canary')).status).toBe(400);
    expect((await post('x'.repeat(20_000))).status).toBe(413);
    expect((await fetch(told, { signal: AbortSignal.timeout(5_000) })).status).toBe(405);
  });

  it('show how they are witnessed in health and figures', async () => {
    type Logs = Record<string, { alarms: unknown[]; witnesses: Record<string, { state: string }> }>;
    const readLogs = async (): Promise<Logs> =>
      ((await (await fetch(`${app.graph.url}/health/ready`, { signal: AbortSignal.timeout(5_000) })).json()) as { auditLog: Logs })
        .auditLog;
    const cities = ['MTL', 'QUE', 'SHE'];
    await until(
      async () => {
        const logs = await readLogs();
        return cities.every((city) => cities.every((other) => other === city || logs[city]?.witnesses[other]?.state === 'cosigning'));
      },
      15_000,
      'every witness at work',
    );
    for (const [city, { alarms, witnesses }] of Object.entries(await readLogs())) {
      expect(alarms).toEqual([]);
      expect(Object.keys(witnesses)).toEqual(cities.filter((each) => each !== city));
    }
    const figures = await (await fetch(`${app.graph.url}/metrics`)).text();
    for (const city of cities) {
      expect(figures).toContain(`caregraph_audit_log_signing{city="${city}"} 1`);
      expect(figures).toContain(`caregraph_audit_log_alarms{city="${city}"} 0`);
    }
  });

  const go = 'go';
  const hasGo = spawnSync(go, ['version']).status === 0 && existsSync('/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog');
  (hasGo ? it : it.skip)(
    `are verified by Go's own code${hasGo ? '' : ' (skipped: no go with golang.org/x/mod)'}`,
    async () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-go-'));
      try {
        const policy = parsePolicy(Buffer.from((await fetchFile('MTL/policy')).bytes).toString());
        let bytes: Uint8Array = new Uint8Array();
        await until(
          async () => {
            bytes = (await fetchFile('MTL/checkpoint')).bytes;
            const judgement = await judgeCheckpoint(bytes, policy);
            return judgement.kind === 'accepted' && judgement.witnesses.length === 2;
          },
          10_000,
          'two lines',
        );
        const witnessKeys = await Promise.all(
          ['QUE', 'SHE'].map(async (city) =>
            Buffer.from((await fetchFile(`${city}/witness/key`)).bytes)
              .toString()
              .trim(),
          ),
        );
        const vkey = Buffer.from((await fetchFile('MTL/key')).bytes)
          .toString()
          .trim();
        const { checkpoint } = await openCheckpoint(bytes, [makeNoteVerifier(vkey)]);
        const put = (name: string, content: Uint8Array): void => {
          const file = path.join(folder, 'log', name);
          mkdirSync(path.dirname(file), { recursive: true });
          writeFileSync(file, content);
        };
        put('checkpoint', bytes);
        const tiles = [...tilesSince(0, checkpoint.size)];
        for (const tile of [
          ...tiles,
          ...tiles.filter(({ level }) => level === 0).map((each) => ({ ...each, level: 'entries' as const })),
        ]) {
          const found = await fetchFile(`MTL/${tilePath(tile)}`);
          expect(found.status).toBe(200);
          put(tilePath(tile), found.bytes);
        }
        const env = { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '', GOCACHE: path.join(folder, 'cache') };
        const verifier = path.join(folder, 'verify');
        execFileSync(go, ['build', '-o', verifier, 'test/support/go-verifier/main.go'], { env, timeout: 60_000 });
        const run = (witnesses: readonly string[] = witnessKeys) =>
          spawnSync(verifier, ['-dir', path.join(folder, 'log'), '-log', vkey, ...witnesses.flatMap((key) => ['-witness', key])], {
            encoding: 'utf8',
            timeout: 30_000,
          });
        expect(run()).toMatchObject({ status: 0, stderr: '' });
        // The city's own witness did not sign.
        const own = Buffer.from((await fetchFile('MTL/witness/key')).bytes)
          .toString()
          .trim();
        expect(run([own]).status).not.toBe(0);
        const spoilt = Buffer.from((await fetchFile('MTL/tile/0/000.p/1')).bytes);
        spoilt[0] = (spoilt[0] ?? 0) ^ 1;
        put(tilePath(tiles[0] ?? { level: 0, index: 0, width: 1 }), spoilt);
        expect(run().status).not.toBe(0);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    90_000,
  );
});
