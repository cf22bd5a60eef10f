import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import files from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { errorBody } from '#platform/http/json-errors.ts';
import { describeError, type Log } from '#platform/observability/log.ts';

const PAGES = new URL('./explorer/', import.meta.url);
const BUILDER = fileURLToPath(new URL('../tools/build-explorer.ts', import.meta.url));
const GRAPHIQL = new URL('../node_modules/graphiql/package.json', import.meta.url);
const CACHE = fileURLToPath(new URL('../node_modules/.cache/caregraph/', import.meta.url));
/** A build takes seconds; one that takes longer than this is given up, in milliseconds. */
const BUILD_MS = 180_000;
/** The policy of a page without script, and of the explorer, whose editor writes styles into the page. */
const PLAIN_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
const explorerPolicy = (host: string): string =>
  `default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; font-src 'self' data:; img-src 'self' data:; connect-src 'self' ws://${host} wss://${host}; base-uri 'none'; frame-ancestors 'none'`;

const page = (title: string, body: string, head = ''): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>${head}<style>body{font:16px system-ui,sans-serif;margin:3rem auto;max-width:40rem;line-height:1.6}</style></head><body><h1>${title}</h1>${body}</body></html>`;
const HOME = page(
  'Caregraph',
  '<ul><li><a href="/explorer">Explorer</a>: queries and subscriptions in this browser, also without the internet</li><li><a href="/graphql">Apollo Sandbox</a></li><li><a href="/verify">Verifier</a> of the audit logs</li><li><a href="/health/ready">Health</a> of the subgraphs and cities</li><li><a href="/metrics">Figures</a></li></ul>',
);
const WAIT = page(
  'The explorer is being built',
  '<p role="status">This happens once and takes some seconds. The page loads itself again.</p>',
  '<meta http-equiv="refresh" content="2">',
);
const FAILED = page('The explorer could not be built', '<p>The log says why. <a href="/graphql">Apollo Sandbox</a> needs no building.</p>');

/** Changes with everything the built pages are made of. */
const version = (): string => {
  const hash = createHash('sha256').update(readFileSync(GRAPHIQL)).update(readFileSync(BUILDER));
  for (const name of readdirSync(PAGES).sort()) hash.update(name).update(readFileSync(new URL(name, PAGES)));
  return hash.digest('hex').slice(0, 16);
};

/** A folder that this process may write: the package cache, else a private one. */
const cacheFolder = (): string => {
  try {
    mkdirSync(CACHE, { recursive: true });
    accessSync(CACHE, constants.W_OK);
    return CACHE;
  } catch {
    return mkdtempSync(join(tmpdir(), 'caregraph-explorer-'));
  }
};

/** GraphiQL at `/explorer`, bundled in a process of its own at the first visit and kept, and the links at `/`. For development alone. */
export const serveExplorer = async (app: FastifyInstance, log: Log): Promise<{ readonly stop: () => void }> => {
  const root = cacheFolder();
  const name = `explorer-${version()}`;
  const folder = join(root, name);
  let building: ReturnType<typeof spawn> | null = null;
  let failed = false;

  const build = (): void => {
    if (building || failed) return;
    const child = spawn(process.execPath, [BUILDER, folder], { stdio: 'ignore', timeout: BUILD_MS });
    building = child;
    child.on('error', (error) => {
      failed = true;
      log.warn('the explorer could not be built', describeError(error));
    });
    child.on('exit', (code) => {
      building = null;
      failed = code !== 0 && !existsSync(join(folder, 'index.html'));
      if (failed) log.warn('the explorer could not be built', { code });
    });
  };
  await app.register(files, { root, serve: false, cacheControl: false });

  app.get('/', (_request, reply) => reply.header('content-security-policy', PLAIN_POLICY).type('text/html; charset=utf-8').send(HOME));
  app.get('/explorer', (request, reply) => {
    if (existsSync(join(folder, 'index.html'))) {
      const host = /^[A-Za-z0-9.:[\]-]{1,253}$/.test(request.headers.host ?? '') ? (request.headers.host ?? '') : 'localhost';
      return reply.header('content-security-policy', explorerPolicy(host)).sendFile(`${name}/index.html`);
    }
    build();
    reply.header('content-security-policy', PLAIN_POLICY).type('text/html; charset=utf-8');
    return failed ? reply.code(503).send(FAILED) : reply.code(200).send(WAIT);
  });
  app.get<{ Params: { readonly file: string } }>('/explorer/assets/:file', (request, reply) => {
    const { file } = request.params;
    if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(file) || !existsSync(join(folder, 'assets', file)))
      return reply.code(404).send(errorBody('NOT_FOUND', 'There is nothing at this address.', request.id));
    return reply.header('cache-control', 'public, max-age=31536000, immutable').sendFile(`${name}/assets/${file}`);
  });
  return { stop: () => void building?.kill() };
};
