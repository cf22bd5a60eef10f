import type { Caller, Viewer } from '#platform/access/viewer.ts';
import type { Loaders } from './loaders.ts';

/** What a service knows of the request it works for. Loaders live as long as the request. */
export type Request = { readonly caller: Caller; readonly viewer: Viewer | null; readonly loaders: Loaders };
