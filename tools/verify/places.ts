import { stat } from 'node:fs/promises';
import path from 'node:path';
import { type LogSource, openHttpSource, readBody, SourceError } from '#platform/tlog/log-source.ts';
import { CannotVerify } from './failure.ts';
import { foldersIn, openFolder } from './folder.ts';

/**
 * A log to verify: `name` tells it from others of the same place, `city` is its city's code where the place tells it, `where` the address or folder.
 * `formerName` is what it was kept under in older states. `row`: where the shards of its city would be, of one that is served by itself. `absence` is what
 * to say where no log is there, unless one was there before.
 */
export type LogPlace = {
  readonly name: string;
  readonly city: string | null;
  readonly where: string;
  readonly source: LogSource;
  readonly formerName?: string;
  readonly row?: { readonly source: LogSource; readonly shard: number };
  readonly absence?: string;
};
/** Logs of one address or folder. `key` is the one name that the place has, however it was written. */
export type Place = { readonly key: string; readonly isRemote: boolean; readonly logs: readonly LogPlace[] };

const MAX_READY_BYTES = 1_000_000;
const CITY = /^[A-Z]{3}$/;
const cityOf = (name: string): string | null => (CITY.test(name) ? name : null);
const isThere = async (source: LogSource): Promise<boolean> =>
  (await source('checkpoint')) !== null || (await source('1/checkpoint')) !== null;

/** What the last parts of an address or a folder say of a log by itself: that of a city, or a shard of it by its number. */
const describeLone = (parts: readonly string[]): Pick<LogPlace, 'name' | 'city' | 'formerName'> & { readonly shard: number | null } => {
  const [before = '', last = 'log'] = [parts.at(-2), parts.at(-1)];
  if (!/^[1-9]\d{0,8}$/.test(last) || before === '') return { name: last, city: cityOf(last), shard: null };
  return { name: `${before}/${last}`, city: cityOf(before), formerName: last, shard: Number(last) };
};

const openUrl = async (given: string, chosen: string | null, signal: AbortSignal): Promise<Place> => {
  const url = new URL(given);
  if (url.username !== '' || url.password !== '') throw new CannotVerify('An address holds no name and no password.');
  const base = `${url.origin}${url.pathname.replace(/\/*$/, '/')}`;
  const shown = (at: string): string => at.replace(/\/$/, '');
  const at = (below: string): LogSource => openHttpSource(`${base}${below}`, { signal });
  const parts = base
    .slice(url.origin.length)
    .split('/')
    .filter((part) => part !== '');
  const isRoot = parts.length === 0;
  const [lone, above] = [at(''), openHttpSource(new URL('..', base).href, { signal })];
  const placeOf = (...logs: readonly LogPlace[]): Place => ({ key: base, isRemote: true, logs });
  const openLone = (): LogPlace => {
    const { shard, ...described } = describeLone(parts);
    return { ...described, where: shown(base), source: lone, ...(shard === null ? {} : { row: { source: above, shard } }) };
  };
  if (!isRoot && chosen === null && (await isThere(lone))) return placeOf(openLone());

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
  const prefix = isRoot ? 'audit/' : '';
  // An address that is none of a log is one of a network where the logs of its cities are below it.
  if (!isRoot && chosen === null && parts.at(-1) !== 'audit') {
    const found = await Promise.all(cities.map((code) => isThere(at(`${code}/`))));
    if (!found.includes(true)) {
      const known = cities.length === 0 ? '' : ` The cities of the network there are ${cities.join(', ')}.`;
      return placeOf({ ...openLone(), absence: `There is no log at ${shown(base)}: it has no checkpoint.${known}` });
    }
  }
  if (cities.length === 0) {
    if (isRoot && (await isThere(lone))) return placeOf(openLone());
    throw new CannotVerify(
      `${shown(base)} has no log and tells no cities. Name a log, such as http://host:port/audit/MTL, or a city with --city.`,
    );
  }
  return placeOf(...cities.map((code) => ({ name: code, city: code, where: `${base}${prefix}${code}`, source: at(`${prefix}${code}/`) })));
};

const openDirectory = async (given: string, chosen: string | null): Promise<Place> => {
  const root = path.resolve(given);
  const at = (...below: string[]): LogSource => openFolder(path.join(root, ...below));
  const placeOf = (logs: readonly LogPlace[]): Place => ({ key: root, isRemote: false, logs });
  if (chosen === null && (await isThere(at('')))) {
    // An archive is where entries of a shard have to be, whoever follows it. Three capitals above it need not be a city.
    const { shard: _shard, ...described } = describeLone(root.split(path.sep));
    return placeOf([{ ...described, city: cityOf(path.basename(root)), where: root, source: at('') }]);
  }
  const names = chosen === null ? await foldersIn(root) : [chosen];
  const found = await Promise.all(names.map(async (each) => ((await isThere(at(each))) ? [each] : [])));
  const logs = found.flat().map((each) => ({ name: each, city: cityOf(each), where: path.join(root, each), source: at(each) }));
  if (logs.length === 0)
    throw new CannotVerify(`The folder ${given} holds no log: there is no file checkpoint in it, nor in a folder of it.`);
  return placeOf(logs);
};

/** The logs at an address or in a folder; those of one city where `city` is given. Throws `CannotVerify` where there is none. */
export const openPlace = async (given: string, city: string | null, signal: AbortSignal): Promise<Place> => {
  try {
    if (/^https?:\/\//i.test(given)) {
      if (!URL.canParse(given)) throw new CannotVerify(`The address is none: ${given}. Give one such as https://graph.example.org`);
      return await openUrl(given, city, signal);
    }
    const found = await stat(given).catch(() => null);
    if (!found?.isDirectory()) throw new CannotVerify(`There is no such folder: ${given}. An address begins with http:// or https://.`);
    return await openDirectory(given, city);
  } catch (error) {
    if (error instanceof SourceError) throw new CannotVerify(`The log cannot be asked: ${error.message}.`);
    throw error;
  }
};
