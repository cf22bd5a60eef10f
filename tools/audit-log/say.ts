import { ShardRefusal } from '#audit/service/begin-shard.ts';
import { ArchiveError } from '#audit/service/shard-archive.ts';
import { AuditUnavailableError } from '#platform/audit/append.ts';
import { CityUnavailableError, isConnectionFailure, isDeadline, sqlStateOf } from '#platform/database/errors.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';

/** SQLSTATE of a lock that was not to be had in time. */
const LOCKED = '55P03';
/** What `askWithin` says. */
const SILENT = /the server was silent/;

/** Why a command of a city's log could not be carried out, in one line, and what to do. Holds no content of the log. */
export const sayFault = (error: unknown, city: string): string => {
  if (error instanceof ShardRefusal || error instanceof ArchiveError) return `${city}: ${error.message}`;
  if (error instanceof TlogError) return `${city}: the log contradicts its last checkpoint: npm run audit-log -- check --city ${city}`;
  if (error instanceof AuditUnavailableError)
    return `${city}: the audit entry could not be written: say it again once the city takes entries`;
  const isSilent = error instanceof Error && SILENT.test(error.message);
  if (error instanceof CityUnavailableError || isConnectionFailure(error) || isDeadline(error) || sqlStateOf(error) === LOCKED || isSilent)
    return `${city}: does not answer, or its log is busy: start the network (npm start), or say it again in a moment`;
  return `${city}: it could not be done (${sqlStateOf(error) ?? (error instanceof Error ? error.name : 'unknown')}): see the log of its database`;
};

/** What to say of a city that a network does not have. */
export const sayNoCity = (cities: readonly { readonly code: string }[]): string =>
  `There is no such city; known are ${cities.map(({ code }) => code).join(', ')}.`;
