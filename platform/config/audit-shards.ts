/** What happens to the shards of audit logs in the course of time. */
export type AuditShardsConfig = {
  /** Age in days at which a city's shard is closed and the next one begins; null: by command alone. */
  readonly shardDays: number | null;
  /** Days that a shard stays at least once it is closed; then it is retired. Null: none is. */
  readonly retentionDays: number | null;
  /** Folder that closed shards are written to before they are deleted; null: there is none. */
  readonly archive: string | null;
  /** Minutes for which every checkpoint stays; of older ones one a minute stays for a day, then one an hour. */
  readonly checkpointMinutes: number;
  /** File of the logs' keys, in the form of `AUDIT_LOG_KEYS`, which is read again once a shard has a key that is not held. */
  readonly keysFile: string | null;
};
