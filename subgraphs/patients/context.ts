import type { Caller, Viewer } from '#platform/access/viewer.ts';
import type { CityConfig } from '#platform/config/city.ts';
import type { Services } from './service/index.ts';
import type { Loaders } from './service/loaders.ts';

/** What resolvers work with; one per gateway request. `cities` are configuration's, by code. */
export type Context = {
  readonly caller: Caller;
  readonly viewer: Viewer | null;
  readonly services: Services;
  readonly loaders: Loaders;
  /** Loaders for the viewer that a session opened by this request makes of its caller. */
  readonly loadersFor: (viewer: Viewer) => Loaders;
  readonly cities: ReadonlyMap<string, CityConfig>;
};
