import { byKey } from '#platform/database/by-key.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { FeeEntity, type FeeRow } from './fee.entity.ts';

/** What a practitioner takes, by type and plan. */
export const findFees = (db: CityDatabase, practitionerId: string): Promise<FeeRow[]> =>
  db.manage((manager) =>
    manager.find(FeeEntity, {
      order: { appointmentType: 'ASC', plan: 'ASC' },
      where: byKey({ city: db.city.code, practitionerId }),
    }),
  );
