import { hasQuorum, type Policy, type Witnessed } from './policy.ts';

/** How far ahead of the clock here a witness's time may lie before it is told, and no longer counts, in milliseconds. */
const SKEW_MS = 10 * 60_000;

/** Age from which a log is warned of, unless somebody says otherwise. Logs of this network are cosigned anew each hour, also while nothing is written. */
export const STALE_MS = 24 * 3_600_000;

/** How old a checkpoint's cosignatures are. `ageSeconds` is whole and never less than 0; both are null where no cosignature tells. */
export type Freshness = {
  /** The newest time at or after which as many witnesses cosigned as the policy asks for; one, where it asks for none. */
  readonly cosignedAt: Date | null;
  readonly ageSeconds: number | null;
  /** Witnesses whose time lies more than 10 minutes ahead of the clock here. They say nothing of how old the checkpoint is. */
  readonly ahead: readonly string[];
};

/**
 * Until when a checkpoint was the newest that its witnesses knew, by the times that they signed (https://c2sp.org/tlog-cosignature). It takes as many
 * of them as it takes to believe the checkpoint, so that fewer cannot make an old one look new. `witnesses` are those whose lines verified.
 */
export const judgeFreshness = (witnesses: readonly Witnessed[], policy: Pick<Policy, 'groups' | 'quorum'>, now: Date): Freshness => {
  const latest = now.getTime() + SKEW_MS;
  const ahead = witnesses.filter(({ at }) => at.getTime() > latest).map(({ name }) => name);
  const counting = witnesses.filter(({ at }) => at.getTime() <= latest).sort((a, b) => b.at.getTime() - a.at.getTime());
  const names = new Set<string>();
  for (const { name, at } of counting) {
    names.add(name);
    if (!hasQuorum(policy, names)) continue;
    return { cosignedAt: at, ageSeconds: Math.max(0, Math.floor((now.getTime() - at.getTime()) / 1_000)), ahead };
  }
  return { cosignedAt: null, ageSeconds: null, ahead };
};
