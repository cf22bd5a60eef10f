import DataLoader from 'dataloader';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import type { SeenEvent } from './domain/audit-event.ts';
import type { CityView } from './domain/city.ts';
import type { CheckpointView, ProofView, VerificationView } from './domain/log-view.ts';
import { type ExportArgs, type ExportPage, positionsOf, toFhirText } from './service/fhir-export.ts';
import type { EventPage, FindEventsArgs } from './service/find-events.ts';
import type { LogPosition, Prove } from './service/prove.ts';
import type { VerifyAuditLog } from './service/verify-audit-log.ts';

/** What the parts of this subgraph do, made once when it starts. */
export type Services = {
  readonly findEvents: (caller: Caller, args: FindEventsArgs) => Promise<EventPage>;
  readonly exportEvents: (caller: Caller, args: ExportArgs) => Promise<ExportPage>;
  readonly readEvents: (caller: Caller, ids: readonly string[]) => Promise<(SeenEvent | Error)[]>;
  readonly findTrail: (
    caller: Caller,
    patientId: string,
    page: { readonly first?: number | null; readonly after?: string | null },
  ) => Promise<EventPage>;
  readonly prove: Prove;
  readonly verifyAuditLog: VerifyAuditLog;
  readonly cityNames: (language: 'en' | 'fr') => (code: string) => CityView | null;
};

/** What resolvers have at hand, made once per gateway request. */
export type Context = {
  readonly caller: Caller;
  readonly viewer: Viewer | null;
  readonly services: {
    readonly findEvents: (args: FindEventsArgs) => Promise<EventPage>;
    readonly exportEvents: (args: ExportArgs) => Promise<ExportPage>;
    readonly toFhirText: typeof toFhirText;
    readonly findTrail: (patientId: string, page: { readonly first?: number | null; readonly after?: string | null }) => Promise<EventPage>;
    readonly prove: Pick<Prove, 'checkpointOf' | 'isStale' | 'proveGrowth' | 'shardsOf'>;
    readonly verifyAuditLog: (city: string) => Promise<VerificationView>;
    readonly city: (code: string) => CityView | null;
    /** The same for a code that an entry holds; throws where configuration lacks it. */
    readonly cityOf: (code: string) => CityView;
  };
  readonly loaders: {
    /** One event; each is recorded as read once per request, however often it is asked for. */
    readonly event: DataLoader<string, SeenEvent>;
    /** That an event is in its city's log; null while it is under no checkpoint. */
    readonly proof: DataLoader<Logged, ProofView | null, string>;
    /** Where an event stands there; null while it is under no checkpoint, or where the log does not answer. */
    readonly position: DataLoader<Logged, LogPosition | null, string>;
    /** A city's latest checkpoint; null before its first. */
    readonly checkpoint: DataLoader<string, CheckpointView | null>;
  };
};

/** At most so many events are read, and recorded as read, by one statement. */
const MAX_BATCH = 100;

/** An event that may be in its city's log. */
type Logged = Pick<SeenEvent, 'id' | 'cityCode'>;

const toError = (error: unknown): Error => (error instanceof Error ? error : new Error('a reading failed', { cause: error }));

/** What is known of events of several cities, each city asked by itself. */
const askCities = async <T>(
  events: readonly Logged[],
  ask: (city: string, ids: readonly string[]) => Promise<readonly (T | Error | null)[]>,
): Promise<(T | Error | null)[]> => {
  const known = new Map<string, T | Error | null>();
  await Promise.all(
    [...Map.groupBy(events, ({ cityCode }) => cityCode)].map(async ([city, some]) => {
      const ids = some.map(({ id }) => id);
      const answers = await ask(city, ids).catch((error: unknown) => ids.map(() => toError(error)));
      for (const [i, id] of ids.entries()) known.set(id, answers[i] ?? null);
    }),
  );
  return events.map(({ id }) => known.get(id) ?? null);
};

export const makeContext =
  (services: Services) =>
  (caller: Caller): Context => {
    const city = services.cityNames(caller.language);
    return {
      caller,
      viewer: caller.viewer,
      services: {
        findEvents: (args) => services.findEvents(caller, args),
        exportEvents: (args) => services.exportEvents(caller, args),
        toFhirText,
        findTrail: (patientId, page) => services.findTrail(caller, patientId, page),
        prove: services.prove,
        verifyAuditLog: (code) => services.verifyAuditLog(caller, code),
        city,
        cityOf: (code) => {
          const found = city(code);
          if (!found) throw new Error(`an audit entry names city ${code}, which is not configured`);
          return found;
        },
      },
      loaders: {
        event: new DataLoader((ids) => services.readEvents(caller, ids), { maxBatchSize: MAX_BATCH }),
        proof: new DataLoader((events) => askCities(events, services.prove.proveEvents), {
          maxBatchSize: MAX_BATCH,
          cacheKeyFn: ({ id }) => id,
        }),
        position: new DataLoader((events) => askCities(events, (code, ids) => positionsOf(services.prove, code, ids)), {
          maxBatchSize: MAX_BATCH,
          cacheKeyFn: ({ id }) => id,
        }),
        checkpoint: new DataLoader((codes) => Promise.all(codes.map((code) => services.prove.checkpointOf(code).catch(toError)))),
      },
    };
  };
