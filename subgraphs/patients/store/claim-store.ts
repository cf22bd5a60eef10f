import type { CityDatabase, Named, Transaction } from '#platform/database/city-database.ts';

/** How long a claim keeps others waiting, and how old it may be when it is used, as SQL intervals: the difference is left to the commit. */
const COUNTS_FOR = `interval '30 seconds'`;
const USABLE_FOR = `interval '20 seconds'`;

/** A claim on identifiers of a city; `hashes` are SHA-256 (hex) of `system|value`, each once. */
export type Claim = { readonly id: string; readonly hashes: readonly string[] };

const CLAIM: Named = {
  name: 'identifier_claim',
  text: `INSERT INTO patients.identifier_claim AS t (city, identifier_sha256, claim_id)
    SELECT $1, hash, $3 FROM unnest($2::text[]) AS h(hash) ORDER BY hash
    ON CONFLICT ON CONSTRAINT identifier_claim_pk DO UPDATE SET claim_id = $3, claimed_at = now()
      WHERE t.claimed_at < now() - ${COUNTS_FOR}
    RETURNING 1`,
};
const RELEASE: Named = {
  name: 'identifier_claim_release',
  text: 'DELETE FROM patients.identifier_claim WHERE city = $1 AND claim_id = $2',
};
/** Claims all of the identifiers in a city. False: another act claims one of them, and nothing is claimed. */
export const claim = async (db: CityDatabase, { id, hashes }: Claim): Promise<boolean> =>
  db.transaction(async (tx) => {
    const city = db.city.code;
    const claimed = (await tx.named(CLAIM, [city, hashes, id])).length === hashes.length;
    if (!claimed) await tx.named(RELEASE, [city, id]);
    return claimed;
  });
export const releaseClaim = async (db: CityDatabase, { id }: Claim): Promise<void> => {
  await db.named(RELEASE, [db.city.code, id]);
};

const IS_CLAIMED: Named = {
  name: 'identifier_is_claimed',
  text: `SELECT EXISTS (SELECT FROM patients.identifier_claim
    WHERE city = $1 AND identifier_sha256 = ANY ($2::text[]) AND claimed_at > now() - ${COUNTS_FOR}) AS found`,
};
/** Whether an act in this city claims one of the identifiers. */
export const isClaimed = async (db: CityDatabase, { hashes }: Claim): Promise<boolean> =>
  (await db.named<{ found: boolean }>(IS_CLAIMED, [db.city.code, hashes]))[0]?.found === true;

const USE: Named = {
  name: 'identifier_claim_use',
  text: `DELETE FROM patients.identifier_claim WHERE city = $1 AND claim_id = $2 AND claimed_at > now() - ${USABLE_FOR} RETURNING 1`,
};
/** Ends a claim in the transaction that writes the identifiers. False: it has become too old, so that another act may hold them. */
export const endClaim = async (tx: Transaction, city: string, { id, hashes }: Claim): Promise<boolean> =>
  (await tx.named(USE, [city, id])).length === hashes.length;

/** Claims that nobody came back for, for `forgetEnded`. */
export const FORGET_CLAIMS: Named = {
  name: 'identifier_claims_old',
  text: `DELETE FROM patients.identifier_claim WHERE city = $1 AND claimed_at < now() - interval '1 hour'`,
};
