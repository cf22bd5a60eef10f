import type { CityDatabase } from '#platform/database/city-database.ts';
import { judgeFreshness } from '#platform/tlog/freshness.ts';
import { judgeCheckpoint, type Witnessed } from '#platform/tlog/policy.ts';
import { findPublishable, type PublishableCheckpoint } from '../store/cosignature-store.ts';
import { askReading } from '../store/log-view-store.ts';
import type { ShardRow } from '../store/shard-store.ts';
import type { AuditPolicy } from './witness/audit-policy.ts';

/**
 * A checkpoint as everybody gets it, `note` with the lines of witnesses. `witnesses` are those whose cosignature verified; `isWitnessed`: they are as many as
 * the policy asks for, and as many had said by `cosignedAt` that it is the newest; null where too few did.
 */
export type Publication = Omit<PublishableCheckpoint, 'lines' | 'recent'> & {
  readonly witnesses: readonly Witnessed[];
  readonly isWitnessed: boolean;
  readonly cosignedAt: Date | null;
};
export type FindPublication = (db: CityDatabase, shard: ShardRow) => Promise<Publication | null>;

type Standing = Pick<Publication, 'note' | 'witnesses' | 'isWitnessed'>;
/** Notes whose judgement is remembered; each takes a few signatures to verify. */
const MAX_JUDGED = 256;

/**
 * Which checkpoint of a shard is shown: the newest that the policy's quorum of witnesses cosigned, where it is at most 5 s older than the newest
 * of all, else the newest as it is. So a witness that is down stops nothing, and whoever asks for a quorum normally finds one. What this process
 * showed it does not go behind again.
 */
export const makePublication = (policy: AuditPolicy): FindPublication => {
  const judged = new Map<string, Standing>();
  const shown = new Map<string, number>();
  const judge = async (city: string, vkey: string, { note: alone, lines }: PublishableCheckpoint): Promise<Standing> => {
    const note = `${alone}${lines}`;
    const key = `${vkey}\n${note}`;
    const known = judged.get(key);
    if (known) return known;
    const judgement = await judgeCheckpoint(note, policy.of(city, vkey));
    const witnesses = 'witnesses' in judgement ? judgement.witnesses : [];
    // A policy may be content with no witness at all; then a checkpoint without one is accepted, and still not witnessed.
    // A line that somebody forged in the database would make the whole note worthless to whoever knows the witness.
    const standing = {
      note: 'witnesses' in judgement ? note : alone,
      witnesses,
      isWitnessed: judgement.kind === 'accepted' && witnesses.length > 0,
    };
    judged.set(key, standing);
    for (const oldest of judged.keys()) {
      if (judged.size <= MAX_JUDGED) break;
      judged.delete(oldest);
    }
    return standing;
  };

  return async (db, { city, shard, vkey, closedAt }) => {
    const place = `${city} ${shard}`;
    const before = shown.get(place) ?? -1;
    const found = await findPublishable(askReading(db), { city, shard }, before);
    const [newest] = found;
    if (!newest) return null;
    const standingOf = async (each: PublishableCheckpoint): Promise<Standing> =>
      vkey === null ? { note: each.note, witnesses: [], isWitnessed: false } : judge(city, vkey, each);
    const take = async (each: PublishableCheckpoint): Promise<Publication> => {
      shown.set(place, each.size);
      const standing = await standingOf(each);
      const cosignedAt = vkey === null ? null : judgeFreshness(standing.witnesses, policy.of(city, vkey), new Date()).cosignedAt;
      return { size: each.size, at: each.at, ...standing, cosignedAt };
    };
    // The last checkpoint of a shard that is closed is the one that counts.
    if (closedAt !== null) return take(newest);
    for (const each of found) {
      if (!each.recent || !(await standingOf(each)).isWitnessed) continue;
      if (each.size >= before || before > newest.size) return take(each);
      return take(found.find(({ size }) => size === before) ?? newest);
    }
    return take(newest);
  };
};
