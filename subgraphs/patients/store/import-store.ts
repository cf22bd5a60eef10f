import type { Named, Transaction } from '#platform/database/city-database.ts';
import { newId } from '#platform/database/new-id.ts';
import type { OrganizationDraft, PractitionerDraft } from '../domain/fhir-provider.ts';

const INSERT_PRACTITIONERS: Named = {
  name: 'import_practitioners',
  text: `INSERT INTO patients.practitioner (city, id, family, given, name_text, identifiers, source_key)
    SELECT $1, x.id, x.family, ARRAY(SELECT jsonb_array_elements_text(x.given)), x.text, x.identifiers, x.source_key
    FROM jsonb_to_recordset($2::jsonb) AS x(id text, family text, given jsonb, text text, identifiers jsonb, source_key text)
    ON CONFLICT ON CONSTRAINT practitioner_source_once DO NOTHING RETURNING id`,
};
/** Writes practitioners that the city does not know yet; returns how many. */
export const insertPractitioners = async (tx: Transaction, city: string, drafts: readonly PractitionerDraft[]): Promise<number> => {
  if (drafts.length === 0) return 0;
  const rows = drafts.map(({ name, identifiers, sourceKey }) => ({ ...name, id: newId(city, 'prc'), identifiers, source_key: sourceKey }));
  return (await tx.named(INSERT_PRACTITIONERS, [city, JSON.stringify(rows)])).length;
};

const INSERT_ORGANIZATIONS: Named = {
  name: 'import_organizations',
  text: `INSERT INTO patients.organization (city, id, name, contacts, addresses, identifiers, source_key)
    SELECT $1, x.id, x.name, x.contacts, x.addresses, x.identifiers, x.source_key
    FROM jsonb_to_recordset($2::jsonb) AS x(id text, name text, contacts jsonb, addresses jsonb, identifiers jsonb, source_key text)
    ON CONFLICT ON CONSTRAINT organization_source_once DO NOTHING RETURNING id`,
};
/** Writes organisations that the city does not know yet; returns how many. */
export const insertOrganizations = async (tx: Transaction, city: string, drafts: readonly OrganizationDraft[]): Promise<number> => {
  if (drafts.length === 0) return 0;
  const rows = drafts.map(({ sourceKey, path: _path, ...draft }) => ({ ...draft, id: newId(city, 'org'), source_key: sourceKey }));
  return (await tx.named(INSERT_ORGANIZATIONS, [city, JSON.stringify(rows)])).length;
};

const REMEMBER_FILE: Named = {
  name: 'import_file',
  text: `INSERT INTO patients.import_file AS f (city, sha256, patients, practitioners, organizations, coverages) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT ON CONSTRAINT import_file_pk DO UPDATE SET seen_at = now(), patients = f.patients + excluded.patients,
      practitioners = f.practitioners + excluded.practitioners, organizations = f.organizations + excluded.organizations,
      coverages = f.coverages + excluded.coverages`,
};
export type ImportCounts = {
  readonly patients: number;
  readonly practitioners: number;
  readonly organizations: number;
  readonly coverages: number;
};
/** Writes down what a file brought into a city. */
export const rememberFile = async (tx: Transaction, city: string, sha256: string, counts: ImportCounts): Promise<void> => {
  await tx.named(REMEMBER_FILE, [city, sha256, counts.patients, counts.practitioners, counts.organizations, counts.coverages]);
};
