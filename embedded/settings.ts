const SETTINGS: Readonly<Record<string, string | number>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  password_encryption: 'scram-sha-256',
  max_connections: 120,
  shared_buffers: '64MB',
  dynamic_shared_memory_type: 'posix',
  io_method: 'sync',
  jit: 'off',
  wal_level: 'replica',
  hot_standby: 'on',
  hot_standby_feedback: 'on',
  max_wal_senders: 6,
  max_replication_slots: 6,
  max_wal_size: '512MB',
  wal_keep_size: '64MB',
  max_slot_wal_keep_size: '1GB',
  // A segment that is used again holds what stood in it before until it is written over: what was erased goes with its segment instead.
  wal_recycle: 'off',
  // A standby or primary that hangs is noticed in seconds.
  wal_sender_timeout: '5s',
  wal_receiver_timeout: '5s',
  wal_receiver_status_interval: '1s',
  wal_retrieve_retry_interval: '200ms',
  recovery_target_timeline: 'latest',
  deadlock_timeout: '200ms',
  idle_in_transaction_session_timeout: '10s',
  // Statements and the messages of errors carry values of rows, so neither gets into the server's log: the level `log` leaves
  // out ERROR, and terse leaves out details, such as the statement a dead process was running.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_statement: 'none',
  log_min_duration_statement: -1,
  log_parameter_max_length: 0,
  log_parameter_max_length_on_error: 0,
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
  log_autovacuum_min_duration: -1,
  log_line_prefix: '%m [%p] ',
  lc_messages: 'C',
  timezone: 'UTC',
  log_timezone: 'UTC',
  datestyle: 'iso, ymd',
  default_text_search_config: 'pg_catalog.simple',
};

const quote = (value: string | number): string => (typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`);

/** What differs from server to server. */
export type ServerSettings = {
  readonly clusterName: string;
  readonly port: number;
  readonly fsync: boolean;
  /** Application name of the standby that commits wait for; null: for none. */
  readonly synchronousStandby: string | null;
  /** For a standby: where its primary listens, and the slot and name it uses there. */
  readonly follows: { readonly port: number; readonly name: string } | null;
};

export const REPLICATION_USER = 'replicator';
/** Name of a standby's password file; it lies in its data folder, which is also the server's working folder. */
export const PASSWORD_FILE = 'standby.pass';

/** The whole postgresql.conf. It is written anew at every start; `ALTER SYSTEM` overrides it. */
export const postgresqlConf = (server: ServerSettings): string => {
  const settings = {
    ...SETTINGS,
    cluster_name: server.clusterName,
    port: server.port,
    fsync: server.fsync ? 'on' : 'off',
    synchronous_standby_names: server.synchronousStandby === null ? '' : `FIRST 1 (${server.synchronousStandby})`,
    ...(server.follows === null
      ? {}
      : {
          primary_conninfo: `host=127.0.0.1 port=${server.follows.port} user=${REPLICATION_USER} passfile=${PASSWORD_FILE} application_name=${server.follows.name} connect_timeout=2 sslmode=disable`,
          primary_slot_name: server.follows.name,
        }),
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${quote(value)}`);
  return `# Written by the embedded network at every start. Changes of your own: ALTER SYSTEM.\n${lines.join('\n')}\n`;
};

/** The whole pg_hba.conf: passwords only, loopback only. */
export const HBA_CONF = [
  '# Written by the embedded network at every start.',
  'host all all 127.0.0.1/32 scram-sha-256',
  `host replication ${REPLICATION_USER} 127.0.0.1/32 scram-sha-256`,
  '',
].join('\n');
