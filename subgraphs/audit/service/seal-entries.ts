import { type AuditEntity, SALT_BYTES, subjectOf } from '#platform/audit/event.ts';
import { makeSealer } from '#platform/audit/sealed.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import type { SubjectKeys } from '#platform/subjects/subject-keys.ts';
import type { Leaf } from '../domain/audit-event.ts';
import { findUnsealed, type SealedRow, sealEntries, type UnsealedRow } from '../store/subject-store.ts';

const BATCH = 500;

type Open = { readonly salt: Buffer; readonly value: string };
/** What a row holds open of a name; null for what is none. */
const readOpen = (given: unknown): Open | null => {
  const { salt, value } = (typeof given === 'object' && given !== null ? given : {}) as { salt?: unknown; value?: unknown };
  if (typeof salt !== 'string' || typeof value !== 'string') return null;
  const bytes = Buffer.from(salt, 'base64url');
  return bytes.length === SALT_BYTES ? { salt: bytes, value } : null;
};

/** Seals what a row from before holds open, each value under its subject's key, as `toAuditValues` does for new ones. */
export const sealRow = (row: UnsealedRow, subjects: SubjectKeys): SealedRow => {
  const { id, eventId, actorId, patientId, disclosure } = row;
  const sealer = makeSealer(eventId, subjects);
  const leaf = JSON.parse(Buffer.from(row.body).toString('utf8')) as Pick<Leaf, 'entities'>;
  const entities = leaf.entities.map(({ kind, what }, i): AuditEntity => {
    const open = readOpen(disclosure[`entity${i}`]);
    return { kind, id: open?.value ?? (what?.startsWith('cm:') ? null : what) };
  });
  for (const [name, given] of Object.entries(disclosure)) {
    const open = readOpen(given);
    if (open) sealer.add(subjectOf({ actorId, patientId, entities }, name, open.value), name, open.salt, open.value);
  }
  return {
    id,
    actorTag: actorId === null ? null : sealer.tagOf(actorId),
    patientTag: patientId === null ? null : sealer.tagOf(patientId),
    sealed: sealer.seal(),
  };
};

/**
 * Seals rows from before migration 0006, some at a time, oldest first, until none is left or `isDue` says that something else has to be done;
 * tells how many were sealed. What was broken off goes on where it was.
 */
export const sealOldEntries = async (db: CityDatabase, isDue: () => boolean): Promise<number> => {
  let count = 0;
  while (!isDue()) {
    const rows = await findUnsealed(db, BATCH);
    if (rows.length === 0) break;
    const sealed = await sealEntries(
      db,
      rows.map((row) => sealRow(row, db.subjects)),
    );
    if (sealed === 0) throw new Error('rows from before cannot be sealed');
    count += sealed;
  }
  return count;
};
