import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Entries of readings that wait for a city's primary. `faulty`: too old, no room, refused, or a disk that fails. */
export type SpoolFigures = {
  readonly city: string;
  readonly subgraph: string;
  readonly entries: number;
  readonly oldestSeconds: number;
  readonly faulty: boolean;
};

/** Figures of a gateway in the form of Prometheus. No label holds anything of a person. */
export type Metrics = {
  /** One operation: its kind, `OK` or the code of its first error, and how long it took. */
  readonly operation: (kind: string, code: string, seconds: number) => void;
  /** One request to a subgraph. */
  readonly subgraph: (name: string, seconds: number, answered: boolean) => void;
  readonly subscriptionOpened: (transport: string) => void;
  readonly subscriptionEnded: (transport: string) => void;
  /** One transfer outside the graph: `upload` or `download`, `ok`, `refused` or `broken`, and its bytes. */
  readonly transfer: (kind: string, outcome: string, bytesIn: number, bytesOut: number) => void;
  /** A city's audit log: whether it is signed, and how much its witness keeps against other logs. */
  readonly auditLog: (city: string, isSigned: boolean, alarms: number) => void;
  /** What is known of the spools of readings, by city and subgraph; those not named are not known. */
  readonly auditSpools: (spools: readonly SpoolFigures[]) => void;
  readonly text: () => Promise<string>;
  readonly contentType: string;
  readonly stop: () => void;
};

export const makeMetrics = (): Metrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const operations = new Histogram({
    name: 'caregraph_operation_duration_seconds',
    help: 'Operations by kind and outcome.',
    labelNames: ['kind', 'code'],
    buckets: SECONDS,
    registers,
  });
  const subgraphs = new Histogram({
    name: 'caregraph_subgraph_duration_seconds',
    help: 'Requests to subgraphs.',
    labelNames: ['subgraph'],
    buckets: SECONDS,
    registers,
  });
  const failures = new Counter({
    name: 'caregraph_subgraph_failures_total',
    help: 'Requests to subgraphs that got no answer.',
    labelNames: ['subgraph'],
    registers,
  });
  const open = new Gauge({ name: 'caregraph_subscriptions_open', help: 'Subscriptions open now.', labelNames: ['transport'], registers });
  const transfers = new Counter({
    name: 'caregraph_transfers_total',
    help: 'Transfers of files outside the graph.',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const transferred = new Counter({
    name: 'caregraph_transfer_bytes_total',
    help: 'Bytes of transfers.',
    labelNames: ['direction'],
    registers,
  });
  const signing = new Gauge({
    name: 'caregraph_audit_log_signing',
    help: 'Whether a city’s audit log is signed: 1 where it is, also by another process.',
    labelNames: ['city'],
    registers,
  });
  const alarms = new Gauge({
    name: 'caregraph_audit_log_alarms',
    help: 'Forks and rewritten pasts of other logs that a city, as their witness, can prove and nobody has closed.',
    labelNames: ['city'],
    registers,
  });
  const spool = (name: string, help: string): Gauge<'city' | 'subgraph'> =>
    new Gauge({ name: `caregraph_audit_spool_${name}`, help, labelNames: ['city', 'subgraph'], registers });
  const spooled = spool('entries', 'Audit entries of readings that wait for the city’s primary.');
  const spooledSeconds = spool('oldest_seconds', 'Age of the oldest entry that waits; 0 where none does.');
  const spoolFaulty = spool('faulty', '1 where entries wait for too long, are refused, or find no room or a disk that fails.');
  // A histogram looks its labels up at each figure; the few there are are kept.
  const known = new Map<string, Histogram.Internal<string>>();
  const of = (key: string, find: () => Histogram.Internal<string>): Histogram.Internal<string> => {
    let child = known.get(key);
    if (!child) {
      child = find();
      known.set(key, child);
    }
    return child;
  };
  return {
    operation: (kind, code, seconds) => of(`${kind} ${code}`, () => operations.labels({ kind, code })).observe(seconds),
    subgraph: (subgraph, seconds, answered) => {
      of(subgraph, () => subgraphs.labels({ subgraph })).observe(seconds);
      if (!answered) failures.inc({ subgraph });
    },
    subscriptionOpened: (transport) => open.inc({ transport }),
    subscriptionEnded: (transport) => open.dec({ transport }),
    transfer: (kind, outcome, bytesIn, bytesOut) => {
      transfers.inc({ kind, outcome });
      transferred.inc({ direction: 'in' }, bytesIn);
      transferred.inc({ direction: 'out' }, bytesOut);
    },
    auditLog: (city, isSigned, count) => {
      signing.set({ city }, isSigned ? 1 : 0);
      alarms.set({ city }, count);
    },
    auditSpools: (spools) => {
      for (const gauge of [spooled, spooledSeconds, spoolFaulty]) gauge.reset();
      for (const { city, subgraph, entries, oldestSeconds, faulty } of spools) {
        spooled.set({ city, subgraph }, entries);
        spooledSeconds.set({ city, subgraph }, oldestSeconds);
        spoolFaulty.set({ city, subgraph }, faulty ? 1 : 0);
      }
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
    stop: () => registry.clear(),
  };
};
