import { createHash, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { AuditUnavailableError, appendAuditIn } from '#platform/audit/append.ts';
import { type AuditEvent, Outcome } from '#platform/audit/event.ts';
import type { Cities } from '#platform/database/cities.ts';
import { CityUnavailableError, OverloadedError } from '#platform/database/errors.ts';
import { LIMITS } from '../domain/check-patient.ts';
import { mergeCoverages } from '../domain/fhir-coverage.ts';
import type { PatientDraft } from '../domain/fhir-patient.ts';
import { toSourceKey } from '../domain/fhir-provider.ts';
import { homeCityOf } from '../domain/home-city.ts';
import type { Identifier, NewPatient } from '../domain/patient.ts';
import { type ImportCounts, insertOrganizations, insertPractitioners, rememberFile } from '../store/import-store.ts';
import { findHolders, hashRecord, insertPatient, toNewRecord } from '../store/patient-store.ts';
import { isIdentifierTaken } from './identifiers-in-use.ts';
import { type BundleContent, type Fault, readBundle, UnreadableBundleError } from './read-bundle.ts';

/** What became of one file. Counts of `imported` are new records; `alreadyHere` were there before. */
export type FileReport = {
  readonly imported: ImportCounts;
  readonly alreadyHere: Omit<ImportCounts, 'coverages'>;
  readonly notHandled: Readonly<Record<string, number>>;
  readonly faults: readonly Fault[];
};

const STATEMENT_MS = 60_000;
const TRIES = 3;
const NOTHING: ImportCounts = { patients: 0, practitioners: 0, organizations: 0, coverages: 0 };
const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest();
const keysOf = (identifiers: readonly Identifier[]): string[] => identifiers.map(({ system, value }) => `${system}|${value}`);

type Incoming = { readonly draft: PatientDraft; readonly patient: NewPatient };

/** Gives each patient the coverages of the bundle that are for them. */
const joinCoverages = (content: BundleContent): { readonly incoming: Incoming[]; readonly faults: Fault[] } => {
  const byReference = new Map(content.patients.flatMap((draft) => draft.references.map((reference) => [reference, draft] as const)));
  const faults: Fault[] = [];
  // Those of a patient who is refused are left out with the patient.
  const told = new Set(content.refused);
  const found = new Map<PatientDraft, NewPatient['coverages'][number][]>();
  for (const { path, beneficiary, coverage } of content.coverages) {
    const draft = byReference.get(beneficiary);
    if (draft) found.set(draft, [...(found.get(draft) ?? []), coverage]);
    else if (!told.has(beneficiary)) {
      told.add(beneficiary);
      faults.push({ path: `${path}.beneficiary`, message: 'names no patient of this file; all its coverages for them are left out' });
    }
  }
  const incoming = content.patients.map((draft) => {
    const coverages = mergeCoverages(found.get(draft) ?? []);
    if (coverages.length > LIMITS.coverages)
      faults.push({ path: draft.path, message: `has more than ${LIMITS.coverages} coverages; the others are left out` });
    return { draft, patient: { ...draft.patient, coverages: coverages.slice(0, LIMITS.coverages) } };
  });
  return { incoming, faults };
};

/** Two patients of a file with one identifier: the first goes in. */
const refuseShared = (incoming: readonly Incoming[]): { readonly kept: Incoming[]; readonly faults: Fault[] } => {
  const owners = new Map<string, string>();
  const faults: Fault[] = [];
  const kept = incoming.filter(({ draft }) => {
    const keys = keysOf(draft.patient.identifiers);
    const other = keys.map((key) => owners.get(key)).find((path) => path !== undefined);
    if (other !== undefined) faults.push({ path: `${draft.path}.identifier`, message: `has an identifier of the patient at ${other}` });
    else for (const key of keys) owners.set(key, draft.path);
    return other === undefined;
  });
  return { kept, faults };
};

const addCounts = (a: ImportCounts, b: ImportCounts): ImportCounts => ({
  patients: a.patients + b.patients,
  practitioners: a.practitioners + b.practitioners,
  organizations: a.organizations + b.organizations,
  coverages: a.coverages + b.coverages,
});
const unique = <T extends { readonly sourceKey: string }>(drafts: readonly T[]): T[] => [
  ...new Map(drafts.map((draft) => [draft.sourceKey, draft])).values(),
];

export type BundleImporter = (source: Readable, onBytes?: (count: number) => void) => Promise<FileReport>;

/**
 * Imports a FHIR bundle: patients with their coverages, practitioners and organisations, each to the city of its address, else to one
 * that its first identifier decides. Everything a file brings to a city goes in with its audit entries in one transaction, after the
 * whole file was read; what is known by an identifier already stays as it is, so that a file can come again. Never throws for what is
 * in the file: that stands in the report. A city that does not answer is reported, and the others take their part.
 */
export const makeImportBundle = ({ cities, clock }: { readonly cities: Cities; readonly clock: () => Date }): BundleImporter => {
  const homes = cities.all.map(({ city }) => city);

  const findKnown = async (incoming: readonly Incoming[]): Promise<Set<string>> => {
    const identifiers = incoming.flatMap(({ draft }) => draft.patient.identifiers);
    const held = await Promise.all(
      cities.all.map(async (db) => {
        try {
          return await findHolders(db, identifiers);
        } catch (error) {
          // A city that is down cannot say whom it knows; what belongs to it is reported when it is to be written.
          if (error instanceof CityUnavailableError || error instanceof OverloadedError) return [];
          throw error;
        }
      }),
    );
    return new Set(held.flat().map(({ system, value }) => `${system}|${value}`));
  };

  return async (source, onBytes) => {
    const today = clock().toISOString().slice(0, 10);
    let content: BundleContent;
    try {
      content = await readBundle(source, today, onBytes);
    } catch (error) {
      if (!(error instanceof UnreadableBundleError)) throw error;
      const { coverages: _none, ...alreadyHere } = NOTHING;
      return { imported: NOTHING, alreadyHere, notHandled: {}, faults: [{ path: '', message: error.message }] };
    }
    const joined = joinCoverages(content);
    const shared = refuseShared(joined.incoming);
    const faults: Fault[] = [...content.faults, ...joined.faults, ...shared.faults];
    const practitioners = unique(content.practitioners);
    const organizations = unique(content.organizations);
    const requestId = randomUUID();
    const toEvent = (city: string, patientId: string, sha256: string): AuditEvent => ({
      city,
      observer: 'patients',
      act: 'importPatient',
      action: 'C',
      outcome: Outcome.SUCCESS,
      purpose: 'SYSADMIN',
      actor: { role: 'SERVICE', city, accountId: 'import' },
      patientId,
      entities: [
        { kind: 'Patient', id: patientId, sha256 },
        { kind: 'File', id: null, sha256: content.sha256 },
      ],
      requestId,
    });

    const importInto = async (city: string): Promise<{ readonly imported: ImportCounts; readonly known: number }> => {
      const mine = shared.kept.filter(
        ({ patient }) => homeCityOf(patient.addresses, toSourceKey(patient.identifiers), homes, digest) === city,
      );
      const ofCity = <T extends { readonly addresses: PatientDraft['patient']['addresses']; readonly sourceKey: string }>(
        drafts: readonly T[],
      ) => drafts.filter(({ addresses, sourceKey }) => homeCityOf(addresses, sourceKey, homes, digest) === city);
      const [myPractitioners, myOrganizations] = [ofCity(practitioners), ofCity(organizations)];
      if (mine.length + myPractitioners.length + myOrganizations.length === 0) return { imported: NOTHING, known: 0 };
      for (let attempt = 1; ; attempt++) {
        const known = await findKnown(mine);
        const fresh = mine.filter(({ patient }) => !keysOf(patient.identifiers).some((key) => known.has(key)));
        try {
          const imported = await cities.of(city).transaction(
            async (tx) => {
              let coverages = 0;
              for (const { patient } of fresh) {
                const record = toNewRecord(city, patient);
                await insertPatient(tx, record);
                await appendAuditIn(tx, toEvent(city, record.id, hashRecord(record)));
                coverages += record.coverages.length;
              }
              const counts = {
                patients: fresh.length,
                practitioners: await insertPractitioners(tx, city, myPractitioners),
                organizations: await insertOrganizations(tx, city, myOrganizations),
                coverages,
              };
              await rememberFile(tx, city, content.sha256, counts);
              return counts;
            },
            { statementTimeoutMs: STATEMENT_MS },
          );
          return { imported, known: mine.length - fresh.length };
        } catch (error) {
          // Another import brought one of them in since the look: look again.
          if (!isIdentifierTaken(error) || attempt >= TRIES) throw error;
        }
      }
    };

    let imported = NOTHING;
    let known = 0;
    let settled = { practitioners: 0, organizations: 0 };
    for (const { code } of homes) {
      try {
        const part = await importInto(code);
        imported = addCounts(imported, part.imported);
        known += part.known;
        settled = {
          practitioners:
            settled.practitioners +
            practitioners.filter((each) => homeCityOf(each.addresses, each.sourceKey, homes, digest) === code).length,
          organizations:
            settled.organizations +
            organizations.filter((each) => homeCityOf(each.addresses, each.sourceKey, homes, digest) === code).length,
        };
      } catch (error) {
        if (!(error instanceof CityUnavailableError || error instanceof OverloadedError || error instanceof AuditUnavailableError))
          throw error;
        faults.push({
          path: '',
          message: `city ${code} cannot be reached now; what belongs to it was not taken in: import the file again`,
        });
      }
    }
    return {
      imported,
      alreadyHere: {
        patients: known,
        practitioners: settled.practitioners - imported.practitioners,
        organizations: settled.organizations - imported.organizations,
      },
      notHandled: content.notHandled,
      faults,
    };
  };
};
