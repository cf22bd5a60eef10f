import type { CityDatabase, Named, Read } from '#platform/database/city-database.ts';
import type { Practitioner } from '../domain/patient.ts';

type Row = { id: string; family: string | null; given: string[]; name_text: string; specialties: string[]; family_fold: string };
const COLUMNS = 'p.id, p.family, p.given, p.name_text, p.specialties, p.family_fold';
const toPractitioner = (city: string, row: Row): Practitioner => ({
  id: row.id,
  city,
  name: { text: row.name_text, family: row.family, given: row.given },
  specialties: row.specialties,
});

const BY_IDS: Named = {
  name: 'practitioners_by_ids',
  text: `SELECT ${COLUMNS} FROM patients.practitioner p WHERE p.city = $1 AND p.id = ANY ($2::text[])`,
};
/** Practitioners by id, in the order of `ids`; null where there is none. */
export const findPractitioners = async (db: CityDatabase, ids: readonly string[]): Promise<(Practitioner | null)[]> => {
  const city = db.city.code;
  const { rows } = await db.read<Row>(BY_IDS, [city, ids]);
  const byId = new Map(rows.map((row) => [row.id, toPractitioner(city, row)]));
  return ids.map((id) => byId.get(id) ?? null);
};

export type PractitionerSearch = {
  readonly words: readonly string[];
  readonly specialty: string | null;
  readonly after: { readonly family: string; readonly id: string } | null;
  readonly limit: number;
};
export type PractitionerHit = { readonly practitioner: Practitioner; readonly familyFold: string };

const searchStatement = (words: number): Named => ({
  name: `practitioners_search_${words}`,
  text: `SELECT ${COLUMNS} FROM patients.practitioner p
    WHERE p.city = $1 AND p.active ${Array.from({ length: words }, (_, i) => `AND p.words LIKE patients.word_pattern($${6 + i}::text)`).join(' ')}
      AND ($2::text IS NULL OR $2::text = ANY (p.specialties))
      AND ($3::text IS NULL OR (p.family_fold, p.id COLLATE "C") > ($3::text COLLATE "C", $4::text COLLATE "C"))
    ORDER BY p.family_fold, p.id COLLATE "C" LIMIT $5`,
});

/** One city's part of a page of practitioners, by folded family name, then id. */
export const searchPractitioners = async (db: CityDatabase, search: PractitionerSearch): Promise<Read<PractitionerHit>> => {
  const { words, specialty, after, limit } = search;
  const city = db.city.code;
  const { rows, staleAsOf } = await db.read<Row>(searchStatement(words.length), [
    city,
    specialty,
    after?.family ?? null,
    after?.id ?? null,
    limit,
    ...words,
  ]);
  return { rows: rows.map((row) => ({ practitioner: toPractitioner(city, row), familyFold: row.family_fold })), staleAsOf };
};
