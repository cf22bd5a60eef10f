import type { CityPart } from '#platform/database/cities.ts';
import type { Connection } from '#platform/paging/connection.ts';

/** The part that a city had in a page. */
export type CityState = { readonly city: string; readonly state: 'COMPLETE' | 'STALE' | 'UNAVAILABLE'; readonly asOf: Date | null };
export type CitiesPage<T> = Connection<T> & { readonly cityStates: readonly CityState[] };

/** Where a page by name ends: folded family name, then id. */
export type NamePosition = { readonly family: string; readonly id: string };

const compareBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
/** The order of names in the database (`COLLATE "C"`: by bytes of UTF-8). */
export const comparePositions = (a: NamePosition, b: NamePosition): number => compareBytes(a.family, b.family) || compareBytes(a.id, b.id);

export const toCityStates = (parts: readonly CityPart<unknown>[]): CityState[] =>
  parts.map(({ city, state, asOf }) => ({ city, state, asOf }));

/** Puts the cities' sorted parts together into one sorted list. */
export const mergeParts = <T>(parts: readonly CityPart<readonly T[]>[], positionOf: (row: T) => NamePosition): T[] =>
  parts
    .flatMap(({ value }) => value ?? [])
    .map((row) => ({ row, position: positionOf(row) }))
    .sort((a, b) => comparePositions(a.position, b.position))
    .map(({ row }) => row);
