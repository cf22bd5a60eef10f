/** A published checkpoint as callers see it. `root` in base64, `note` the whole signed note. */
export type CheckpointView = {
  readonly city: string;
  /** Number of the shard of the city's log, from 1. */
  readonly shard: number;
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  readonly note: string;
  readonly signedAt: Date;
  /** Whose cosignatures verified, by their names in the policy, and when they signed. */
  readonly witnesses: readonly { readonly name: string; readonly at: Date }[];
  /** They are as many as the policy asks for. */
  readonly isWitnessed: boolean;
  /** When as many had last said that it is the newest; null where too few did. */
  readonly cosignedAt: Date | null;
};

/** That an event is in the log, and the same as the content of a `.tlog-proof` file. Hashes in base64. */
export type ProofView = {
  readonly leafIndex: number;
  readonly treeSize: number;
  readonly hashes: readonly string[];
  readonly checkpoint: CheckpointView;
  readonly file: string;
};

export type ConsistencyView = {
  readonly fromSize: number;
  readonly toSize: number;
  readonly hashes: readonly string[];
  readonly checkpoint: CheckpointView;
};

/** A shard of a city's log. `finalSize` is null for the current one, `key` where no sequencer has seen it yet. */
export type ShardView = {
  readonly city: string;
  readonly shard: number;
  readonly origin: string;
  readonly key: string | null;
  readonly beganAt: Date;
  readonly closedAt: Date | null;
  readonly finalSize: number | null;
  readonly isRetired: boolean;
};

/** How far the verifying of a city's log is, or what it came to. `shard`, `firstBadIndex` and `fault` are null unless it is broken. */
export type VerificationView = {
  readonly city: string;
  readonly state: 'RUNNING' | 'SOUND' | 'BROKEN';
  readonly size: number;
  readonly checked: number;
  readonly shard: number | null;
  readonly firstBadIndex: number | null;
  readonly fault: 'ENTRIES' | 'TILES' | 'UNPLACED' | null;
  /** Entries that lie in no shard, and the event of the first one; null until that was looked at. */
  readonly unplaced: number | null;
  readonly firstUnplaced: string | null;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
};

/** A patient of whom nothing but the id is known here. */
export type PatientReference = { readonly id: string };
