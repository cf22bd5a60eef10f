import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { CityDatabase, Named, Reader, Transaction } from '#platform/database/city-database.ts';
import { newId } from '#platform/database/new-id.ts';
import type { Coverage, Identifier, NewPatient, PatientRecord } from '../domain/patient.ts';

/** How a viewer stands to a patient, from the patient's home city. */
export type RelationRow = { readonly inCare: boolean; readonly granted: boolean; readonly visiting: boolean };
/** The viewer as relations are asked for. */
export type RelationOf = { readonly practitionerId: string | null; readonly city: string };

type Row = {
  asked: string;
  id: string | null;
  family: string | null;
  given: string[];
  name_text: string;
  birth_date: string | null;
  gender: PatientRecord['gender'];
  contacts: PatientRecord['contacts'];
  addresses: PatientRecord['addresses'];
  version: number;
  identifiers: Identifier[];
  coverages: Coverage[];
  family_fold: string;
  in_care: boolean;
  granted: boolean;
  visiting: boolean;
};

/**
 * The relation columns, of the patient `id`; $practitioner and $viewerCity are parameters. Rows of `care` and grants end by themselves.
 * Subqueries of one row, because an EXISTS may be planned as a hash over everybody's appointments.
 */
const relation = (id: string, practitioner: string, viewerCity: string): string => `
  coalesce((SELECT true FROM directory.care c
    WHERE c.city = $1 AND c.patient_id = ${id} AND c.practitioner_id = ${practitioner} AND c.until > now() LIMIT 1), false) AS in_care,
  coalesce((SELECT true FROM directory.access_grant g
    WHERE g.city = $1 AND g.patient_id = ${id} AND g.practitioner_id = ${practitioner} AND g.until > now() LIMIT 1), false) AS granted,
  coalesce((SELECT true FROM directory.care c
    WHERE c.city = $1 AND c.patient_id = ${id} AND c.host_city = ${viewerCity} AND c.until > now() LIMIT 1), false) AS visiting`;
const record = (id: string): string => `
  p.id, p.family, p.given, p.name_text, p.birth_date::text, p.gender, p.contacts, p.addresses, p.version, p.family_fold,
  (SELECT coalesce(json_agg(json_build_object('system', i.system, 'value', i.value, 'type', i.type) ORDER BY i.position), '[]')
   FROM patients.identifier i WHERE i.city = $1 AND i.patient_id = ${id}) AS identifiers,
  (SELECT coalesce(json_agg(json_build_object('id', v.id, 'plan', v.plan, 'payor', v.payor, 'memberId', v.member_id, 'status', v.status) ORDER BY v.position), '[]')
   FROM patients.coverage v WHERE v.city = $1 AND v.patient_id = ${id}) AS coverages`;

/** One row per id that was asked for, also where there is none: a missing patient costs what a forbidden one costs. */
const BY_IDS: Named = {
  name: 'patients_by_ids',
  text: `SELECT asked.id AS asked, ${record('asked.id')}, ${relation('asked.id', '$3::text', '$4::text')}
    FROM unnest($2::text[]) AS asked(id) LEFT JOIN patients.patient p ON p.city = $1 AND p.id = asked.id`,
};

const toRecord = (city: string, row: Row, id: string): PatientRecord => ({
  id,
  city,
  name: { text: row.name_text, family: row.family, given: row.given },
  birthDate: row.birth_date,
  gender: row.gender,
  contacts: row.contacts,
  addresses: row.addresses,
  identifiers: row.identifiers,
  coverages: row.coverages,
  version: row.version,
});

export type FoundPatient = { readonly record: PatientRecord | null; readonly relation: RelationRow };
const toFound = (city: string, row: Row): FoundPatient => ({
  record: row.id === null ? null : toRecord(city, row, row.id),
  relation: { inCare: row.in_care, granted: row.granted, visiting: row.visiting },
});

/** Patients by id with the viewer's relation to each, in the order of `ids` (distinct). */
export const findPatients = async (db: Reader, ids: readonly string[], of: RelationOf): Promise<FoundPatient[]> => {
  const city = db.city.code;
  const rows = await db.named<Row>(BY_IDS, [city, ids, of.practitionerId, of.city]);
  const byId = new Map(rows.map((row) => [row.asked, row]));
  return ids.map((id) => {
    const row = byId.get(id);
    return row ? toFound(city, row) : { record: null, relation: { inCare: false, granted: false, visiting: false } };
  });
};

/** The same inside a transaction, with the record locked against other changes. */
export const lockPatient = async (tx: Transaction, city: string, id: string, of: RelationOf): Promise<FoundPatient> => {
  await tx.named(LOCK, [city, id]);
  const [row] = await tx.named<Row>(BY_IDS, [city, [id], of.practitionerId, of.city]);
  if (!row) throw new Error('no row for an id that was asked for');
  return toFound(city, row);
};
const LOCK: Named = { name: 'patient_lock', text: 'SELECT id FROM patients.patient WHERE city = $1 AND id = $2 FOR UPDATE' };

/** SHA-256 (hex) of the RFC 8785 bytes of a version of a record, as audit entries carry it. */
export const hashRecord = (record: PatientRecord): string =>
  createHash('sha256')
    .update(canonicalize(record) ?? '')
    .digest('hex');

/** Which patients of a city a viewer may be shown in a list. */
export type SearchReach = 'own-record' | 'whole-city' | 'in-care' | 'visiting';
export type PatientSearch = {
  readonly reach: SearchReach;
  readonly patientId: string | null;
  readonly words: readonly string[];
  readonly birthDate: string | null;
  readonly identifier: string | null;
  readonly after: { readonly family: string; readonly id: string } | null;
  readonly limit: number;
};
export type PatientHit = { readonly record: PatientRecord; readonly relation: RelationRow; readonly familyFold: string };

/** Staff of other cities find patients by appointments away from home and by grants alone, so these are asked for first. */
const REACH: Readonly<Record<SearchReach, string>> = {
  'own-record': 'p.id = $5',
  'whole-city': '$5::text IS NULL',
  'in-care': `$5::text IS NULL AND p.id IN (
    SELECT c.patient_id FROM directory.care c WHERE c.city = $1 AND c.practitioner_id = $2 AND c.host_city <> c.city AND c.until > now()
    UNION ALL SELECT g.patient_id FROM directory.access_grant g WHERE g.city = $1 AND g.practitioner_id = $2 AND g.until > now())`,
  visiting: `$5::text IS NULL AND p.id IN (
    SELECT c.patient_id FROM directory.care c WHERE c.city = $1 AND c.host_city = $3 AND c.host_city <> c.city AND c.until > now())`,
};
/** One statement for each set of conditions, so that the planner sees only those that count. */
const searchStatement = ({ reach, words, birthDate, identifier, after }: PatientSearch): Named => {
  const conditions: string[] = [];
  // Parameters that a statement does not use still need a type.
  const unused: string[] = [];
  const ask = (isAsked: boolean, condition: string, none: string): void => {
    (isAsked ? conditions : unused).push(isAsked ? condition : none);
  };
  ask(birthDate !== null, 'p.birth_date = $6::date', '$6::date IS NULL');
  ask(
    identifier !== null,
    'p.id IN (SELECT i.patient_id FROM patients.identifier i WHERE i.city = $1 AND i.value = $7::text)',
    '$7::text IS NULL',
  );
  ask(
    after !== null,
    '(p.family_fold, p.id COLLATE "C") > ($8::text COLLATE "C", $9::text COLLATE "C")',
    '$8::text IS NULL AND $9::text IS NULL',
  );
  words.forEach((_word, i) => {
    conditions.push(`p.words LIKE patients.word_pattern($${10 + i}::text)`);
  });
  const asked = [birthDate, identifier, after].map((each) => (each === null ? 0 : 1)).join('');
  return {
    name: `patients_search_${reach}_${asked}_${words.length}`,
    text: `SELECT p.id AS asked, ${record('p.id')}, ${relation('p.id', '$2::text', '$3::text')}
      FROM patients.patient p
      WHERE ${['p.city = $1', REACH[reach], ...unused, ...conditions].join(' AND ')}
      ORDER BY p.family_fold, p.id COLLATE "C" LIMIT $4`,
  };
};

/** One city's part of a page of patients, by folded family name, then id. */
export const searchPatients = async (db: Reader, of: RelationOf, search: PatientSearch): Promise<PatientHit[]> => {
  const { reach, words, after } = search;
  const city = db.city.code;
  const rows = await db.named<Row & { id: string }>(searchStatement(search), [
    city,
    of.practitionerId,
    of.city,
    search.limit,
    reach === 'own-record' ? search.patientId : null,
    search.birthDate,
    search.identifier,
    after?.family ?? null,
    after?.id ?? null,
    ...words,
  ]);
  return rows.map((row) => ({ record: toRecord(city, row, row.id), relation: toFound(city, row).relation, familyFold: row.family_fold }));
};

const identifierRows = (city: string, identifiers: readonly Identifier[]): string =>
  JSON.stringify(identifiers.map((identifier, position) => ({ id: newId(city, 'idn'), position, ...identifier })));
const coverageRows = (coverages: readonly (NewPatient['coverages'][number] & { readonly id: string })[]): string =>
  JSON.stringify(coverages.map(({ memberId, ...coverage }, position) => ({ ...coverage, position, member_id: memberId })));

const INSERT_IDENTIFIERS = `INSERT INTO patients.identifier (city, id, patient_id, position, system, value, type)
  SELECT $1, x.id, $2, x.position, x.system, x.value, x.type
  FROM jsonb_to_recordset($3::jsonb) AS x(id text, position smallint, system text, value text, type text)`;
const INSERT_COVERAGES = `INSERT INTO patients.coverage (city, id, patient_id, position, plan, payor, member_id, status)
  SELECT $1, x.id, $2, x.position, x.plan, x.payor, x.member_id, x.status
  FROM jsonb_to_recordset($4::jsonb) AS x(id text, position smallint, plan text, payor text, member_id text, status text)`;
const INSERT_PATIENT: Named = {
  name: 'patient_insert',
  text: `WITH p AS (
      INSERT INTO patients.patient (city, id, family, given, name_text, birth_date, gender, contacts, addresses)
      VALUES ($1, $2, $5, $6, $7, $8, $9, $10, $11) RETURNING id),
    i AS (${INSERT_IDENTIFIERS}), c AS (${INSERT_COVERAGES})
    SELECT id FROM p`,
};

/** Gives a new record its ids. */
export const toNewRecord = (city: string, patient: NewPatient): PatientRecord => ({
  ...patient,
  id: newId(city, 'pat'),
  city,
  coverages: patient.coverages.map((coverage) => ({ ...coverage, id: newId(city, 'cov') })),
  version: 1,
});

/** Writes a new record. Breaks `identifier_once` (23505) where another patient of the city has one of the identifiers. */
export const insertPatient = async (tx: Transaction, record: PatientRecord): Promise<void> => {
  const { city, id, name } = record;
  await tx.named(INSERT_PATIENT, [
    city,
    id,
    identifierRows(city, record.identifiers),
    coverageRows(record.coverages),
    name.family,
    name.given,
    name.text,
    record.birthDate,
    record.gender,
    JSON.stringify(record.contacts),
    JSON.stringify(record.addresses),
  ]);
};

const UPDATE_PATIENT: Named = {
  name: 'patient_update',
  text: `UPDATE patients.patient SET family = $3, given = $4, name_text = $5, birth_date = $6, gender = $7, contacts = $8, addresses = $9,
      version = $10, updated_at = now()
    WHERE city = $1 AND id = $2 RETURNING id`,
};
const REMOVE_IDENTIFIERS: Named = {
  name: 'identifiers_remove',
  text: 'DELETE FROM patients.identifier WHERE city = $1 AND patient_id = $2',
};
const REMOVE_COVERAGES: Named = { name: 'coverages_remove', text: 'DELETE FROM patients.coverage WHERE city = $1 AND patient_id = $2' };
const ADD_IDENTIFIERS: Named = { name: 'identifiers_add', text: INSERT_IDENTIFIERS };
const ADD_COVERAGES: Named = { name: 'coverages_add', text: INSERT_COVERAGES.replace('$4', '$3') };

/** Writes the next version of a record that `lockPatient` holds. 23505 as `insertPatient`. */
export const updatePatient = async (tx: Transaction, before: PatientRecord, change: Partial<NewPatient>): Promise<PatientRecord> => {
  const { city, id } = before;
  const { coverages, ...rest } = change;
  const after: PatientRecord = {
    ...before,
    ...rest,
    ...(coverages ? { coverages: coverages.map((coverage) => ({ ...coverage, id: newId(city, 'cov') })) } : {}),
    version: before.version + 1,
  };
  await tx.named(UPDATE_PATIENT, [
    city,
    id,
    after.name.family,
    after.name.given,
    after.name.text,
    after.birthDate,
    after.gender,
    JSON.stringify(after.contacts),
    JSON.stringify(after.addresses),
    after.version,
  ]);
  if (change.identifiers) {
    await tx.named(REMOVE_IDENTIFIERS, [city, id]);
    await tx.named(ADD_IDENTIFIERS, [city, id, identifierRows(city, after.identifiers)]);
  }
  if (coverages) {
    await tx.named(REMOVE_COVERAGES, [city, id]);
    await tx.named(ADD_COVERAGES, [city, id, coverageRows(after.coverages)]);
  }
  return after;
};

const HOLDERS: Named = {
  name: 'identifier_holders',
  text: `SELECT i.system, i.value, i.patient_id AS "patientId"
    FROM jsonb_to_recordset($2::jsonb) AS x(system text, value text)
    JOIN patients.identifier i ON i.city = $1 AND i.system = x.system AND i.value = x.value`,
};
export type IdentifierHolder = { readonly system: string; readonly value: string; readonly patientId: string };

/** Which of these identifiers patients of a city have, and who. */
export const findHolders = (db: CityDatabase, identifiers: readonly Pick<Identifier, 'system' | 'value'>[]): Promise<IdentifierHolder[]> =>
  identifiers.length === 0
    ? Promise.resolve([])
    : db.named<IdentifierHolder>(HOLDERS, [db.city.code, JSON.stringify(identifiers.map(({ system, value }) => ({ system, value })))]);

const COVERAGES_BY_IDS: Named = {
  name: 'coverages_by_ids',
  text: `SELECT id, patient_id AS "patientId", plan, payor, member_id AS "memberId", status
    FROM patients.coverage WHERE city = $1 AND id = ANY ($2::text[])`,
};
/** Coverages by id, each with its patient, in the order of `ids`; null where there is none. */
export const findCoverages = async (
  db: Reader,
  ids: readonly string[],
): Promise<({ readonly coverage: Coverage; readonly patientId: string } | null)[]> => {
  const rows = await db.named<Coverage & { patientId: string }>(COVERAGES_BY_IDS, [db.city.code, ids]);
  const byId = new Map(rows.map(({ patientId, ...coverage }) => [coverage.id, { coverage, patientId }]));
  return ids.map((id) => byId.get(id) ?? null);
};

/** Says to the other subgraphs that a patient was erased. */
export const NOTE_ERASURE_SQL =
  'INSERT INTO patients.erasure (city, patient_id, subjects) VALUES ($1, $2, $3::bytea[]) ON CONFLICT DO NOTHING';
