import { type ChildProcess, fork } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { Pool } from 'undici';
import { makeTokenSigner } from '#platform/access/token.ts';
import type { SigningKey } from '#platform/config/secrets.ts';
import { endChild, interrupted } from '../ending.ts';
import { type Figure, load, makeFigure, median } from '../figure.ts';
import { QUERIES } from './graph.ts';

const ROUNDS = 5;
const ROUND_MS = 4_000;
const CLIENTS = 24;

const makeKey = (kid: string): SigningKey => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { kid, privateJwk: privateKey.export({ format: 'jwk' }) as never, publicJwk: publicKey.export({ format: 'jwk' }) as never };
};
const spawn = async <T>(module: string, args: readonly string[]): Promise<readonly [ChildProcess, T]> => {
  interrupted.throwIfAborted();
  const child = fork(new URL(module, import.meta.url), [...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  endChild(child);
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${module} ended with ${code}`))),
  ])) as [T];
  return [child, message];
};
const usage = async (child: ChildProcess): Promise<{ cpuMicroseconds: number; rssBytes: number }> => {
  child.send('usage');
  return (await once(child, 'message'))[0];
};

/**
 * Requests per second of the gateway's own CPU time, ours with every check on against stock `@apollo/server` + `@apollo/gateway` with its
 * default data source, both over the same two HTTP subgraphs, in turns.
 */
export const run = async (say: (line: string) => void): Promise<readonly Figure[]> => {
  const secrets = { tokenKey: makeKey('token'), assertionKey: makeKey('assertion') };
  const now = Math.floor(Date.now() / 1000);
  const sign = await makeTokenSigner(secrets.tokenKey);
  const viewer = {
    accountId: 'MTL-acc-0',
    role: 'P',
    city: 'MTL',
    patientId: 'MTL-pat-0',
    practitionerId: null,
    sessionId: `MTL-ses-${now}`,
  } as const;
  const token = await sign(viewer);
  const [subgraphs, urls] = await spawn<Record<string, string>>('./subgraphs.ts', []);
  const children: ChildProcess[] = [subgraphs];
  try {
    const gateways: Record<'ours' | 'stock', { readonly child: ChildProcess; readonly pool: Pool; readonly path: string }> = {} as never;
    for (const kind of ['ours', 'stock'] as const) {
      const [child, { url }] = await spawn<{ url: string }>('./measured.ts', [kind, JSON.stringify(urls), JSON.stringify(secrets)]);
      children.push(child);
      const { origin, pathname } = new URL(url);
      gateways[kind] = { child, pool: new Pool(origin, { connections: CLIENTS }), path: pathname };
    }
    const figures: Figure[] = [];
    for (const [title, query] of Object.entries(QUERIES)) {
      const body = JSON.stringify({ query });
      const perCpuSecond: Record<'ours' | 'stock', number[]> = { ours: [], stock: [] };
      const perSecond: Record<'ours' | 'stock', number[]> = { ours: [], stock: [] };
      const measure = async (kind: 'ours' | 'stock', ms: number, keep: boolean): Promise<void> => {
        const { child, pool, path } = gateways[kind];
        const before = await usage(child);
        const { count, seconds } = await load(CLIENTS, ms, async () => {
          const { statusCode, body: answer } = await pool.request({
            path,
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
            body,
          });
          const text = await answer.text();
          if (statusCode !== 200 || text.includes('"errors"')) throw new Error(`${kind} answered ${statusCode}: ${text.slice(0, 300)}`);
        });
        const after = await usage(child);
        if (!keep) return;
        perCpuSecond[kind].push(count / ((after.cpuMicroseconds - before.cpuMicroseconds) / 1e6));
        perSecond[kind].push(count / seconds);
        say(`${title}, ${kind}: ${Math.round(perCpuSecond[kind].at(-1) ?? 0)} requests per CPU second`);
      };
      for (const kind of ['ours', 'stock'] as const) await measure(kind, 2_000, false);
      for (let round = 0; round < ROUNDS; round++) for (const kind of ['ours', 'stock'] as const) await measure(kind, ROUND_MS, true);
      figures.push(
        makeFigure(`gateway, ${title}: requests per CPU second`, median(perCpuSecond.ours), '1/s', median(perCpuSecond.stock), 2),
      );
      figures.push(makeFigure(`gateway, ${title}: requests per second`, median(perSecond.ours), '1/s', median(perSecond.stock)));
    }
    figures.push(
      makeFigure(
        'gateway: memory',
        (await usage(gateways.ours.child)).rssBytes / 2 ** 20,
        'MiB',
        (await usage(gateways.stock.child)).rssBytes / 2 ** 20,
      ),
    );
    await Promise.all(Object.values(gateways).map(({ pool }) => pool.close()));
    return figures;
  } finally {
    for (const child of children) child.disconnect();
  }
};
