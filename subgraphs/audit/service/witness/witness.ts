import { randomUUID } from 'node:crypto';
import { appendAuditIn } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { OverloadedError } from '#platform/database/errors.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import { equalBytes } from '#platform/tlog/bytes.ts';
import type { Checkpoint } from '#platform/tlog/checkpoint.ts';
import type { Cosigner } from '#platform/tlog/cosignature.ts';
import { impliedRoot } from '#platform/tlog/implied-root.ts';
import { type HashReader, proveConsistency, readRoot } from '#platform/tlog/merkle.ts';
import { formatNote, type NoteVerifier, openNote } from '#platform/tlog/note.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import {
  type AddCheckpointRequest,
  decideOpened,
  parseAddCheckpoint,
  toWitnessAnswer,
  type WitnessAnswer,
} from '#platform/tlog/witness.ts';
import {
  type Alarm,
  type AlarmCount,
  countAlarms,
  findWitnessed,
  findWitnessedByHash,
  moveWitness,
  saveAlarm,
  type WitnessedRow,
} from '../../store/witness-store.ts';
import { sleepUntil } from '../sleep-until.ts';

export type WitnessSettings = {
  /** The witness's own city as the role `sequencer`, which keeps where it stands. */
  readonly database: CityDatabase;
  /** The same city as the role `audit`, which writes alarms with their entries. */
  readonly alarms: CityDatabase;
  readonly cosigner: Cosigner;
  /** Keys that are trusted for an origin; none: the origin is not known here. */
  readonly verifiersOf: (origin: string) => readonly NoteVerifier[];
  /** Hashes of a log's tree from its published files; null where it says nowhere where they are. */
  readonly openLog: (checkpoint: Checkpoint) => Promise<HashReader | null>;
  readonly log: Log;
  /** Pause between two tries to write an alarm down, in milliseconds. */
  readonly retryMs?: number;
};

/** A city as a witness of other logs. */
export type Witness = {
  readonly city: string;
  /** Name and public key, as verifiers take them. */
  readonly name: string;
  readonly vkey: string;
  /** Takes the body of `add-checkpoint`. Throws `CityUnavailableError` and `OverloadedError`; then nothing was cosigned. */
  readonly addCheckpoint: (body: Uint8Array) => Promise<WitnessAnswer>;
  /** The note that it cosigned last of the log with this SHA-256 of its origin, hexadecimal; null where there is none. */
  readonly latestOf: (originHash: string) => Promise<string | null>;
  /** How much it keeps against each log, as last counted. */
  readonly alarmCounts: () => readonly AlarmCount[];
  readonly recount: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** Bytes of a note with its signatures that are kept. */
const MAX_NOTE = 10_000;
const TRIES = 4;
const LOOK_EVERY_MS = 1_000;

const plain = (status: number, body: string): WitnessAnswer => ({ status, contentType: 'text/plain; charset=utf-8', body });

/**
 * Cosigns checkpoints of the logs it knows, each only where it follows the one before, and keeps what speaks against a log.
 *
 * Anybody can send a log's own checkpoint with a proof that leads nowhere. So such a request alone is no alarm: the witness looks at the log's
 * files, and raises one where these show that the past is another one now.
 */
export const openWitness = (settings: WitnessSettings): Witness => {
  const { database, alarms, cosigner, verifiersOf, openLog, log, retryMs = 2_000 } = settings;
  const city = database.city.code;
  const ending = new AbortController();
  const working = new Set<Promise<void>>();
  const lookedAt = new Map<string, number>();
  let counts: readonly AlarmCount[] = [];

  const recount = async (): Promise<void> => {
    counts = await countAlarms(alarms);
  };
  /** Runs beside the answer, and is waited for at the end. */
  const beside = (work: () => Promise<void>): void => {
    const running: Promise<void> = work()
      .catch((error: unknown) => log.warn('a witness could not look into a log', { city, ...describeError(error) }))
      .finally(() => working.delete(running));
    working.add(running);
  };

  const write = (alarm: Alarm): Promise<boolean> =>
    alarms.transaction(async (tx) => {
      const isNew = await saveAlarm(tx, city, alarm);
      if (isNew && alarm.kind !== 'unexplained')
        await appendAuditIn(tx, {
          city,
          observer: 'audit',
          act: 'witnessAlarm',
          action: 'E',
          outcome: Outcome.FAILED,
          reason: alarm.kind === 'fork' ? 'LOG_FORKED' : 'LOG_REWRITTEN',
          purpose: 'HCOMPL',
          actor: { role: 'SERVICE', city, accountId: null },
          entities: [{ kind: 'AuditLog', id: alarm.known.origin }],
          requestId: randomUUID(),
        });
      return isNew;
    });
  const raise = async (alarm: Alarm): Promise<void> => {
    const { origin, size: knownSize } = alarm.known;
    const isNew = await write(alarm);
    await recount();
    if (!isNew) return;
    const told = { city, origin, alarm: alarm.kind, knownSize, size: alarm.size };
    if (alarm.kind === 'unexplained') log.warn('a log asked a witness without a proof, and its files explain nothing', told);
    else log.error('a log contradicts what this witness cosigned', told);
  };
  /** Alarms that are being written down. Whoever has two notes that contradict each other can send them as often as he likes. */
  const raising = new Set<string>();
  /** Raises an alarm, again and again while the city does not take it. */
  const raiseSurely = (alarm: Alarm): void => {
    const { kind, known, size, root } = alarm;
    const key = [known.origin, kind, known.size, size, Buffer.from(root).toString('base64')].join(' ');
    if (raising.has(key)) return;
    raising.add(key);
    beside(() => writeDown(alarm).finally(() => raising.delete(key)));
  };
  const writeDown = async (alarm: Alarm): Promise<void> => {
    for (let isTold = false; !ending.signal.aborted; ) {
      try {
        return await raise(alarm);
      } catch (error) {
        if (!isTold) log.error('a witness cannot write an alarm down', { city, origin: alarm.known.origin, ...describeError(error) });
        isTold = true;
        await sleepUntil(ending.signal, retryMs);
      }
    }
  };

  /** Whether the log's own files say the same of the older size as this witness. */
  const lookInto = async (
    known: WitnessedRow,
    checkpoint: Checkpoint,
    alarm: Omit<Alarm, 'kind' | 'foundRoot' | 'proof'>,
  ): Promise<void> => {
    const now = performance.now();
    if (now - (lookedAt.get(known.origin) ?? Number.NEGATIVE_INFINITY) < LOOK_EVERY_MS) return;
    lookedAt.set(known.origin, now);
    try {
      const read = await openLog(checkpoint);
      if (!read) throw new TlogError('missing', 'the log says nowhere where its files are');
      const foundRoot = await readRoot(known.size, read);
      if (equalBytes(foundRoot, known.root)) return;
      raiseSurely({ ...alarm, kind: 'rewritten', foundRoot, proof: await proveConsistency(known.size, checkpoint.size, read) });
    } catch (error) {
      if (!(error instanceof TlogError)) throw error;
      raiseSurely({ ...alarm, kind: 'unexplained', foundRoot: null, proof: [] });
    }
  };

  /** Keeps what a refused request shows. */
  const examine = async ({ oldSize, proof, checkpoint }: AddCheckpointRequest, known: WitnessedRow, note: string): Promise<void> => {
    const { size, root } = checkpoint;
    const alarm = { known, size, root, note };
    if (size === known.size) {
      if (!equalBytes(root, known.root)) raiseSurely({ ...alarm, kind: 'fork', foundRoot: null, proof: [] });
      return;
    }
    if (oldSize !== known.size || size < known.size) return;
    const foundRoot = impliedRoot(oldSize, size, root, proof);
    if (foundRoot && !equalBytes(foundRoot, known.root)) raiseSurely({ ...alarm, kind: 'rewritten', foundRoot, proof });
    else beside(() => lookInto(known, checkpoint, alarm));
  };

  const addCheckpoint = async (body: Uint8Array): Promise<WitnessAnswer> => {
    let request: AddCheckpointRequest;
    try {
      request = parseAddCheckpoint(body);
    } catch (error) {
      if (error instanceof TlogError) return plain(400, `${error.message}\n`);
      throw error;
    }
    const { note, checkpoint } = request;
    const { origin, size, root } = checkpoint;
    const verifiers = verifiersOf(origin);
    // What no trusted key signed does not reach the database.
    if (verifiers.length === 0) return toWitnessAnswer({ kind: 'unknown' });
    const opened = await openNote(note, verifiers).catch((error: unknown) => {
      if (error instanceof TlogError) return null;
      throw error;
    });
    if (!opened) return toWitnessAnswer({ kind: 'forbidden' });
    // Lines of others are not kept: whoever sends them would say how much is.
    const { verified } = opened;
    const signed = { text: note.text, signatures: verified };
    if (Buffer.byteLength(formatNote(signed)) > MAX_NOTE) return plain(400, `the checkpoint is longer than ${MAX_NOTE} bytes\n`);
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      const known = await findWitnessed(database, origin);
      const decision = decideOpened(request, { latest: known });
      if (decision.kind !== 'cosign') {
        if (known) await examine(request, known, formatNote(signed));
        return toWitnessAnswer(decision);
      }
      const cosignature = await cosigner.cosign(note.text, new Date());
      // The same once more: it stands already.
      if (known?.size === size) return toWitnessAnswer(decision, [cosignature]);
      const next = { origin, size, root, note: formatNote({ ...signed, signatures: [...verified, cosignature] }) };
      if (await moveWitness(database, known, next)) return toWitnessAnswer(decision, [cosignature]);
    }
    throw new OverloadedError(city);
  };

  return {
    city,
    name: cosigner.name,
    vkey: cosigner.vkey,
    addCheckpoint,
    latestOf: async (originHash) => (await findWitnessedByHash(database, originHash))?.note ?? null,
    alarmCounts: () => counts,
    recount,
    stop: async () => {
      ending.abort();
      await Promise.all(working);
    },
  };
};
