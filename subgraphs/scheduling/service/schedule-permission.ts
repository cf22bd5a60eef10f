import type { Viewer } from '#platform/access/viewer.ts';
import type { Cities } from '#platform/database/cities.ts';
import { readingOf } from '#platform/database/city-database.ts';
import { cityOfId } from '#platform/pure/id.ts';
import { decide, NO_RELATION } from '#policy/decide.ts';
import { readRelation } from '../store/directory-store.ts';

/** Whether a viewer may read a patient's schedule. A practitioner's relation is read at the patient's home city. */
export const mayReadSchedule = async (cities: Cities, viewer: Viewer, patientId: string): Promise<boolean> => {
  const patientCity = cityOfId(patientId, 'pat');
  const home = patientCity === null ? null : cities.find(patientCity);
  if (patientCity === null || !home) return false;
  const ask = (relation: typeof NO_RELATION): boolean =>
    decide(viewer, { action: 'schedule:read', resource: { patientId, patientCity, relation } }).allow;
  if (ask(NO_RELATION)) return true;
  if (viewer.role !== 'D' || viewer.practitionerId === null) return false;
  return ask({ ...NO_RELATION, ...(await readRelation(readingOf(home), patientId, viewer.practitionerId)) });
};
