/** What happens to the shards of audit logs in the course of time. */
export type AuditShardsConfig = {
  /** Age in days at which a city's shard is closed and the next one begins; null: by command alone. */
  readonly shardDays: number | null;
  /** Days that a closed shard stays at least, once it is closed; null: for good. */
  readonly retentionDays: number | null;
  /** Folder that closed shards are written to before they are deleted; null: none is. */
  readonly archive: string | null;
  /** Minutes for which every checkpoint stays; of older ones one a minute stays for a day, then one an hour. */
  readonly checkpointMinutes: number;
};
export const AUDIT_SHARDS: AuditShardsConfig = { shardDays: 366, retentionDays: null, archive: null, checkpointMinutes: 60 };
