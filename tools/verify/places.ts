import { stat } from 'node:fs/promises';
import path from 'node:path';
import { type LogSource, openHttpSource, readBody, SourceError } from '#platform/tlog/log-source.ts';
import { CannotVerify } from './failure.ts';
import { foldersIn, openFolder } from './folder.ts';

/** A log to verify: `name` tells it from others of the same place, `city` is its city's code where the place tells it. */
export type LogPlace = { readonly name: string; readonly city: string | null; readonly source: LogSource };
/** Logs of one address or folder. `key` is the one name that the place has, however it was written. */
export type Place = { readonly key: string; readonly isRemote: boolean; readonly logs: readonly LogPlace[] };

const MAX_READY_BYTES = 1_000_000;
const CITY = /^[A-Z]{3}$/;
const cityOf = (name: string): string | null => (CITY.test(name) ? name : null);
const isThere = async (source: LogSource): Promise<boolean> =>
  (await source('checkpoint')) !== null || (await source('1/checkpoint')) !== null;

const openUrl = async (given: string, chosen: string | null, signal: AbortSignal): Promise<Place> => {
  const url = new URL(given);
  if (url.username !== '' || url.password !== '') throw new CannotVerify('An address holds no name and no password.');
  const base = `${url.origin}${url.pathname.replace(/\/*$/, '/')}`;
  const at = (below: string): LogSource => openHttpSource(`${base}${below}`, { signal });
  const last = base.split('/').at(-2) ?? '';
  const lone = at('');
  if (url.pathname !== '/' && chosen === null && (await isThere(lone))) {
    // The number of a shard at the end, its city before it.
    const city = cityOf(last) ?? (/^\d+$/.test(last) ? cityOf(base.split('/').at(-3) ?? '') : null);
    return { key: base, isRemote: true, logs: [{ name: last === '' ? 'log' : last, city, source: lone }] };
  }
  const prefix = url.pathname === '/' ? 'audit/' : '';
  const findCities = async (): Promise<string[]> => {
    // A network that is not ready says so with 503, and tells its cities all the same.
    const ready = await fetch(`${url.origin}/health/ready`, {
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
    })
      .then((response) => readBody(response, MAX_READY_BYTES))
      .then((bytes) => JSON.parse(Buffer.from(bytes).toString()) as { cities?: Record<string, unknown> } | null)
      .catch(() => null);
    return Object.keys(ready?.cities ?? {}).filter((code) => CITY.test(code));
  };
  const cities = chosen === null ? await findCities() : [chosen];
  if (cities.length === 0) {
    if (url.pathname === '/' && (await isThere(lone)))
      return { key: base, isRemote: true, logs: [{ name: 'log', city: null, source: lone }] };
    throw new CannotVerify(
      'This address has no log and tells no cities. Name a log, such as http://host:port/audit/MTL, or a city with --city.',
    );
  }
  return { key: base, isRemote: true, logs: cities.map((code) => ({ name: code, city: code, source: at(`${prefix}${code}/`) })) };
};

const openDirectory = async (given: string, chosen: string | null): Promise<Place> => {
  const root = path.resolve(given);
  const at = (...below: string[]): LogSource => openFolder(path.join(root, ...below));
  const name = path.basename(root);
  if (chosen === null && (await isThere(at(''))))
    return { key: root, isRemote: false, logs: [{ name, city: cityOf(name), source: at('') }] };
  const names = chosen === null ? await foldersIn(root) : [chosen];
  const found = await Promise.all(names.map(async (each) => ((await isThere(at(each))) ? [each] : [])));
  const logs = found.flat().map((each) => ({ name: each, city: cityOf(each), source: at(each) }));
  if (logs.length === 0) throw new CannotVerify('This folder holds no log: there is no file checkpoint in it, nor in a folder of it.');
  return { key: root, isRemote: false, logs };
};

/** The logs at an address or in a folder; those of one city where `city` is given. Throws `CannotVerify` where there is none. */
export const openPlace = async (given: string, city: string | null, signal: AbortSignal): Promise<Place> => {
  try {
    if (/^https?:\/\//i.test(given)) {
      if (!URL.canParse(given)) throw new CannotVerify('The address is none: give one such as https://graph.example.org');
      return await openUrl(given, city, signal);
    }
    const found = await stat(given).catch(() => null);
    if (!found?.isDirectory()) throw new CannotVerify('There is no such folder. An address begins with http:// or https://.');
    return await openDirectory(given, city);
  } catch (error) {
    if (error instanceof SourceError) throw new CannotVerify(`The log cannot be asked: ${error.message}.`);
    throw error;
  }
};
