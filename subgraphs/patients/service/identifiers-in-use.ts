import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cities, fanOut } from '#platform/database/cities.ts';
import type { Transaction } from '#platform/database/city-database.ts';
import { constraintOf, OverloadedError } from '#platform/database/errors.ts';
import type { Identifier } from '../domain/patient.ts';
import { type Claim, claim, endClaim, isClaimed, releaseClaim } from '../store/claim-store.ts';
import { findHolders } from '../store/patient-store.ts';
import type { IdentifierUsed } from './refusals.ts';

/** Whether another patient has one of these identifiers: asked of every city that answers. */
const findIdentifierInUse = async (
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

/** How long an act waits for another one that is about to write one of its identifiers. */
const WAIT_MS = 3_000;
const LOOK_EVERY_MS = 40;

/** Ends the claim inside the transaction that writes the identifiers; it has to be called there. */
export type EndClaim = (tx: Transaction) => Promise<void>;

/**
 * Writes identifiers of a patient of `city`, so that of several acts at once, in whatever cities, one has each of them. A claim is
 * committed in the own city before the others are looked at, hence of two acts at least one sees the other: between two that see each
 * other the city whose code comes first goes on, and the other waits for what becomes of it. A city that does not answer takes no act
 * either, and is not waited for. Throws `OverloadedError` when another act does not come to an end.
 */
export const withIdentifiers = async <T>(
  cities: Cities,
  {
    city,
    identifiers,
    exceptPatientId,
  }: { readonly city: string; readonly identifiers: readonly Identifier[]; readonly exceptPatientId: string | null },
  write: (endClaim: EndClaim) => Promise<T>,
): Promise<T | IdentifierUsed> => {
  if (identifiers.length === 0) return write(async () => {});
  const own = cities.of(city);
  const mine: Claim = {
    id: randomUUID(),
    hashes: identifiers.map(({ system, value }) => createHash('sha256').update(`${system}|${value}`).digest('hex')),
  };
  const others = cities.all.filter((db) => db !== own);
  const deadline = Date.now() + WAIT_MS;
  let isMine = false;
  let yields = false;
  try {
    for (;;) {
      if (!yields) isMine ||= await claim(own, mine);
      const claims = await fanOut(others, async (db) => ({ value: await isClaimed(db, mine), staleAsOf: null }));
      // After the claims: an act that has ended in between has left its record.
      const used = await findIdentifierInUse(cities, identifiers, exceptPatientId);
      if (used) return used;
      const rivals = claims.filter(({ value }) => value === true).map((part) => part.city);
      if (isMine && rivals.length === 0) break;
      if (Date.now() >= deadline) throw new OverloadedError(city);
      yields = rivals.some((rival) => rival < city);
      if (isMine && yields) {
        await releaseClaim(own, mine);
        isMine = false;
      }
      await sleep(LOOK_EVERY_MS);
    }
    return await write(async (tx) => {
      if (!(await endClaim(tx, city, mine))) throw new OverloadedError(city);
      isMine = false;
    });
  } catch (error) {
    if (!isIdentifierTaken(error)) throw error;
    return (
      (await findIdentifierInUse(cities, identifiers, exceptPatientId)) ?? { kind: 'identifier-used', system: identifiers[0]?.system ?? '' }
    );
  } finally {
    // Also where the transaction that used it did not commit; one that cannot be released now ends by itself.
    await releaseClaim(own, mine).catch(() => {});
  }
};
