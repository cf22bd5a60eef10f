import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import type { FastifyInstance } from 'fastify';
import { languageOf } from './authenticate.ts';

const ROOT = new URL('../', import.meta.url);
const PAGE = new URL('./verify/', import.meta.url);
/** What runs beside the page, and imports the rest. */
const WORKER = 'gateway/verify/worker.js';
/** What stands in a browser where Node's own stands here. */
const INSTEAD: Readonly<Record<string, string>> = { 'platform/tlog/crypto.ts': 'platform/tlog/crypto-browser.ts' };
const NOBLE = '@noble/hashes/';
const POLICY =
  "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Module = { readonly code: string; readonly imports: readonly string[] };
const IMPORT = /\b(from|import)(\s*)(['"])([^'"\n]+)\3/g;

/** Wipes types off; Node calls that experimental, once, on standard error, where it says nothing to whoever runs the gateway. */
const wipeTypes = (code: string): string => {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(code, { mode: 'strip' });
  } finally {
    process.emitWarning = emitWarning;
  }
};

/** The file that an import in a file means, from the root of the tree; packages below `node_modules/`. */
const fileOf = (specifier: string, from: string): string => {
  if (specifier.startsWith('#')) return specifier.slice(1);
  if (specifier.startsWith('.')) return new URL(specifier, `file:///${from}`).pathname.slice(1);
  if (specifier.startsWith(NOBLE)) return `node_modules/${specifier}`;
  throw new Error(`${from} imports ${specifier}, which a browser has not`);
};
const addressOf = (file: string): string =>
  file === WORKER ? '/verify/worker.js' : `/verify/lib/${file.replace(`node_modules/${NOBLE}`, 'noble/').replace(/\.ts$/, '.js')}`;

const readModule = (file: string): Module => {
  const source = readFileSync(new URL(file, ROOT), 'utf8');
  const imports: string[] = [];
  const code = (file.endsWith('.ts') ? wipeTypes(source) : source).replace(IMPORT, (_all, word, space, quote, specifier: string) => {
    const meant = fileOf(specifier, file);
    const target = INSTEAD[meant] ?? meant;
    imports.push(target);
    return `${word}${space}${quote}${addressOf(target)}${quote}`;
  });
  return { code, imports };
};

/** The page's worker and every module that it needs, by address: the same files that the command line runs, without their types. */
export const readBrowserModules = (): ReadonlyMap<string, string> => {
  const modules = new Map<string, string>();
  const waiting = [WORKER];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (modules.has(addressOf(file))) continue;
    const { code, imports } = readModule(file);
    modules.set(addressOf(file), code);
    waiting.push(...imports);
  }
  return modules;
};

type File = { readonly body: string; readonly type: string; readonly etag: string };
const SCRIPT = 'text/javascript; charset=utf-8';
const toFile = (body: string, type: string): File => ({
  body,
  type,
  etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
});

/**
 * `/verify`: verifies a city's audit log in the browser, with the code that `npm run verify-audit` runs, from the log's public files. English or
 * French, as `?lang` or the browser says.
 */
export const serveVerifier = (app: FastifyInstance): void => {
  const own = (name: string): string => readFileSync(new URL(name, PAGE), 'utf8');
  const html = own('index.html');
  const pages = {
    en: toFile(html, 'text/html; charset=utf-8'),
    fr: toFile(html.replace('<html lang="en">', '<html lang="fr">'), 'text/html; charset=utf-8'),
  };
  const files = new Map<string, File>([
    ...['page.js', 'texts.js'].map((name) => [`/verify/${name}`, toFile(own(name), SCRIPT)] as const),
    ['/verify/page.css', toFile(own('page.css'), 'text/css; charset=utf-8')],
  ]);
  let modules: ReadonlyMap<string, File> | null = null;
  const find = (address: string): File | null => {
    const file = files.get(address);
    if (file) return file;
    modules ??= new Map([...readBrowserModules()].map(([name, code]) => [name, toFile(code, SCRIPT)]));
    return modules.get(address) ?? null;
  };
  app.get<{ Querystring: { readonly lang?: string } }>('/verify', (request, reply) => {
    const { lang } = request.query;
    const page = pages[lang === 'fr' || lang === 'en' ? lang : languageOf(request.headers['accept-language'])];
    return reply
      .headers({ 'content-security-policy': POLICY, vary: 'accept-language', 'cache-control': 'no-cache' })
      .type(page.type)
      .send(page.body);
  });
  app.get('/verify/*', (request, reply) => {
    const file = find(request.url.split('?')[0] ?? '');
    if (!file) return reply.callNotFound();
    reply.headers({ etag: file.etag, 'cache-control': 'no-cache', 'content-security-policy': POLICY });
    if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
    return reply.type(file.type).send(file.body);
  });
};
