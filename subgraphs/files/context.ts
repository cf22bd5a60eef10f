import type { Caller, Viewer } from '#platform/access/viewer.ts';
import type { CityView } from './domain/city.ts';

/** What resolvers have at hand, made once per gateway request. */
export type Context = {
  readonly caller: Caller;
  readonly viewer: Viewer | null;
  readonly services: { readonly city: (code: string) => CityView | null };
};
