import type { Viewer } from '#platform/access/viewer.ts';
import { UnauthenticatedError } from '#platform/pure/faults.ts';

/** True, or `UnauthenticatedError` when nobody is logged in. For fields that have nothing else to ask. */
export const requireLogin = (viewer: Viewer | null): true => {
  if (!viewer) throw new UnauthenticatedError();
  return true;
};
