import { type Cities, fanOut } from '#platform/database/cities.ts';
import { constraintOf } from '#platform/database/errors.ts';
import type { Identifier } from '../domain/patient.ts';
import { findHolders } from '../store/patient-store.ts';
import type { IdentifierUsed } from './refusals.ts';

/**
 * Whether another patient has one of these identifiers: asked of every city that answers. Inside one city the database has the last
 * word (`identifierTaken`); between cities two that come at the same moment are found by the next look, not refused.
 */
export const findIdentifierInUse = async (
  cities: Cities,
  identifiers: readonly Identifier[],
  exceptPatientId: string | null,
): Promise<IdentifierUsed | null> => {
  if (identifiers.length === 0) return null;
  const parts = await fanOut(cities.all, async (db) => ({ value: await findHolders(db, identifiers), staleAsOf: null }));
  const holder = parts.flatMap(({ value }) => value ?? []).find(({ patientId }) => patientId !== exceptPatientId);
  return holder ? { kind: 'identifier-used', system: holder.system } : null;
};

/** Whether an error says that the database refused an identifier that another patient of the city has. */
export const isIdentifierTaken = (error: unknown): boolean => constraintOf(error) === 'identifier_once';
