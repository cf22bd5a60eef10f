import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openCities } from '#platform/database/cities.ts';
import { openCheckpoint } from '#platform/tlog/checkpoint.ts';
import { hashLeaf, verifyInclusion } from '#platform/tlog/merkle.ts';
import { makeNoteVerifier } from '#platform/tlog/note.ts';
import { openTileReader } from '#platform/tlog/tile-reader.ts';
import { tilePath, tilesSince } from '#platform/tlog/tiles.ts';
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
    expect(ready.auditLog).toEqual({ MTL: { state: 'signing' }, QUE: { state: 'signing' }, SHE: { state: 'signing' } });
  });

  const go = 'go';
  const hasGo = spawnSync(go, ['version']).status === 0 && existsSync('/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog');
  (hasGo ? it : it.skip)(
    `are verified by Go's own code${hasGo ? '' : ' (skipped: no go with golang.org/x/mod)'}`,
    async () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-go-'));
      try {
        const { bytes } = await fetchFile('MTL/checkpoint');
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
        const run = () => spawnSync(verifier, ['-dir', path.join(folder, 'log'), '-log', vkey], { encoding: 'utf8', timeout: 30_000 });
        expect(run()).toMatchObject({ status: 0, stderr: '' });
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
