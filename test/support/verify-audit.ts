import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import { anEntry, type Files, type PublishOptions, policyText, publish, someEntries } from './published-log.ts';

const RUN_MS = 30_000;
export type Told = { readonly code: number | null; readonly out: string; readonly err: string };
export const COUNT = 600;
export const entries = someEntries(COUNT);
export const all = (of: readonly Uint8Array[] = entries, options: PublishOptions = {}): Promise<Files> => publish(of, options);
export const changed = (index: number): Uint8Array[] => entries.map((each, i) => (i === index ? anEntry(i, { act: 'other' }) : each));

/** `npm run verify-audit` in processes of its own, a folder for each test, and a server of a log's files at `url`. */
export const setUpVerifier = () => {
  let server: Server;
  const site = {
    /** A folder of the test's own, with `policy` in it. */
    root: '',
    url: '',
    /** What the server gives, by path; the number of requests; and what it does instead, where a test says so. */
    served: new Map() as Files,
    asked: 0,
    instead: null as
      | ((path: string) => { readonly status: number; readonly headers?: Record<string, string>; readonly body?: Uint8Array } | null)
      | null,
    begin: (args: readonly string[]) => {
      const env = { ...process.env, NODE_OPTIONS: '', XDG_STATE_HOME: path.join(site.root, 'states') };
      const child = spawn(process.execPath, ['tools/verify-audit.ts', ...args], {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: RUN_MS,
      });
      const ended = new Promise<Told>((resolve) => {
        let [out, err] = ['', ''];
        child.stdout.on('data', (text) => {
          out += text;
        });
        child.stderr.on('data', (text) => {
          err += text;
        });
        child.on('close', (code) => resolve({ code, out, err }));
      });
      return { child, ended };
    },
    run: (...args: readonly string[]): Promise<Told> => site.begin(args).ended,
    state: (): string => path.join(site.root, 'state.json'),
    withPolicy: (where: string, ...more: readonly string[]): Promise<Told> =>
      site.run(where, '--policy', path.join(site.root, 'policy'), '--state', site.state(), ...more),
    writeFolder: (files: Files, folder = path.join(site.root, 'log')): string => {
      for (const [name, bytes] of files) {
        mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
        writeFileSync(path.join(folder, name), bytes);
      }
      return folder;
    },
  };
  beforeAll(async () => {
    server = createServer((request, response) => {
      site.asked++;
      const name = (request.url ?? '').replace(/^\/logs\/city\//, '');
      const other = site.instead?.(name);
      const bytes = site.served.get(name);
      if (other) response.writeHead(other.status, other.headers).end(other.body);
      else if (bytes) response.writeHead(200).end(bytes);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    site.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/logs/city`;
  });
  afterAll(async () => {
    server?.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  beforeEach(() => {
    site.root = mkdtempSync(path.join(tmpdir(), 'caregraph-verify-'));
    writeFileSync(path.join(site.root, 'policy'), policyText());
    site.instead = null;
  });
  afterEach(() => rmSync(site.root, { recursive: true, force: true }));
  return site;
};
