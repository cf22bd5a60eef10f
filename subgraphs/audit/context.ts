import DataLoader from 'dataloader';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import type { SeenEvent } from './domain/audit-event.ts';
import type { CityView } from './domain/city.ts';
import type { EventPage, FindEventsArgs } from './service/find-events.ts';

/** What the parts of this subgraph do, made once when it starts. */
export type Services = {
  readonly findEvents: (caller: Caller, args: FindEventsArgs) => Promise<EventPage>;
  readonly readEvents: (caller: Caller, ids: readonly string[]) => Promise<(SeenEvent | Error)[]>;
  readonly cityNames: (language: 'en' | 'fr') => (code: string) => CityView | null;
};

/** What resolvers have at hand, made once per gateway request. */
export type Context = {
  readonly caller: Caller;
  readonly viewer: Viewer | null;
  readonly services: {
    readonly findEvents: (args: FindEventsArgs) => Promise<EventPage>;
    readonly city: (code: string) => CityView | null;
    /** The same for a code that an entry holds; throws where configuration lacks it. */
    readonly cityOf: (code: string) => CityView;
  };
  readonly loaders: {
    /** One event; each is recorded as read once per request, however often it is asked for. */
    readonly event: DataLoader<string, SeenEvent>;
  };
};

/** At most so many events are read, and recorded as read, by one statement. */
const MAX_BATCH = 100;

export const makeContext =
  (services: Services) =>
  (caller: Caller): Context => {
    const city = services.cityNames(caller.language);
    return {
      caller,
      viewer: caller.viewer,
      services: {
        findEvents: (args) => services.findEvents(caller, args),
        city,
        cityOf: (code) => {
          const found = city(code);
          if (!found) throw new Error(`an audit entry names city ${code}, which is not configured`);
          return found;
        },
      },
      loaders: { event: new DataLoader((ids) => services.readEvents(caller, ids), { maxBatchSize: MAX_BATCH }) },
    };
  };
