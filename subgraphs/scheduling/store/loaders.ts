import DataLoader from 'dataloader';
import type { Cities } from '#platform/database/cities.ts';
import { type CityDatabase, readingOf } from '#platform/database/city-database.ts';
import { cityOfId } from '#platform/pure/id.ts';
import type { Appointment } from '../domain/appointment.ts';
import type { Slot } from '../domain/slot.ts';
import { findAppointments } from './seat-store.ts';
import { findSlots } from './slot-store.ts';

/** Groups ids by the city that keeps them, asks each city once, and gives every id its own answer: a row, null, or its city's failure. */
const byCity =
  <T extends { readonly id: string }>(
    cities: Cities,
    kind: string,
    find: (db: CityDatabase, ids: readonly string[]) => Promise<readonly T[]>,
  ) =>
  async (ids: readonly string[]): Promise<(T | null | Error)[]> => {
    const groups = Map.groupBy(new Set(ids), (id) => cities.find(cityOfId(id, kind) ?? ''));
    const found = new Map<string, T | Error>();
    await Promise.all(
      [...groups].map(async ([db, group]) => {
        if (!db) return;
        try {
          for (const row of await find(db, group)) found.set(row.id, row);
        } catch (error) {
          for (const id of group) found.set(id, error instanceof Error ? error : new Error('a city failed'));
        }
      }),
    );
    return ids.map((id) => found.get(id) ?? null);
  };

/** Readers that live as long as one request of the gateway. `freshSlot` gathers ids as well, and remembers nothing. */
export const makeLoaders = (cities: Cities) => ({
  slot: new DataLoader<string, Slot | null>(byCity(cities, 'slt', findSlots)),
  freshSlot: new DataLoader<string, Slot | null>(byCity(cities, 'slt', findSlots), { cache: false }),
  appointment: new DataLoader<string, Appointment | null>(
    byCity(cities, 'apt', async (db, ids) => {
      const reading = readingOf(db);
      const found = await findAppointments(reading, ids);
      const asOf = reading.staleAsOf();
      return asOf === null ? found : found.map((appointment) => ({ ...appointment, asOf }));
    }),
  ),
});
export type Loaders = ReturnType<typeof makeLoaders>;
