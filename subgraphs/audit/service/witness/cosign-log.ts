import { describeError, type Log } from '#platform/observability/log.ts';
import { equalBytes } from '#platform/tlog/bytes.ts';
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '#platform/tlog/checkpoint.ts';
import { type HashReader, proveConsistency, readRoot } from '#platform/tlog/merkle.ts';
import { formatSignature, type Note, type NoteVerifier, openNote, parseNote, parseSignatures } from '#platform/tlog/note.ts';
import { TlogError } from '#platform/tlog/tlog-error.ts';
import { addCosignatures, formatAddCheckpoint, parseConflict } from '#platform/tlog/witness.ts';
import { sleepUntil } from '../sleep-until.ts';
import type { WitnessToAsk } from './ask-witness.ts';

/** A log that asks to be cosigned, as its primary has it. */
export type LogToCosign = {
  readonly city: string;
  readonly origin: string;
  readonly verifiers: readonly NoteVerifier[];
  /** The newest published checkpoint; null before the first. */
  readonly newest: () => Promise<{ readonly size: number; readonly note: string } | null>;
  readonly readerOf: (checkpoint: Checkpoint) => HashReader;
  /** The last or the first cosigned checkpoint with `above` < size < `below`, and the lines of its witnesses; null where there is none. */
  readonly findCosigned: (
    which: 'first' | 'last',
    above: number,
    below: number,
  ) => Promise<{ readonly size: number; readonly note: string; readonly lines: string } | null>;
  /** Keeps a witness's line, with its newline; a later one of the same size stands in its place. */
  readonly save: (size: number, witness: string, line: string) => Promise<void>;
};

/**
 * That a witness holds a checkpoint which this log signed and which is not in its past: the log was rewritten, truncated, or restored from an
 * older copy. `firstBadIndex`: entries before it are those that a witness saw; the first that is not is there or behind it.
 */
export type Contradiction = { readonly witness: string; readonly witnessSize: number; readonly firstBadIndex: number };

/** How a witness answered last. `refusing`: it answers and does not cosign; `away`: no answer in time. */
export type CosigningState = {
  readonly state: 'new' | 'cosigning' | 'refusing' | 'away';
  /** Size that it cosigned last in this process, and when. */
  readonly size: number | null;
  readonly at: Date | null;
};

export type Cosigning = {
  /**
   * Asks all witnesses where they stand, and waits for them no longer than the deadline. Who does not answer, or shows no note that this log
   * signed, changes nothing. Throws `TlogError` where the log's own tiles do not make its root.
   */
  readonly check: () => Promise<Contradiction | null>;
  /** Names of the witnesses that the last `check` did not hear. */
  readonly unheard: () => readonly string[];
  readonly contradiction: () => Contradiction | null;
  /** The newest checkpoint: from now on witnesses are asked for it, and no longer for older ones. */
  readonly publish: (size: number, note: string) => void;
  /**
   * Asks for the newest checkpoint once more whoever cosigned it longer ago than `renewMs`: the time of a cosignature says until when its witness knew of
   * nothing newer. To be called while the log is signed, as often as one likes.
   */
  readonly renew: () => void;
  /** Asks nobody until the next `publish`. */
  readonly pause: () => void;
  readonly states: () => Readonly<Record<string, CosigningState>>;
  readonly stop: () => Promise<void>;
};

export type CosigningSettings = {
  readonly own: LogToCosign;
  readonly witnesses: readonly WitnessToAsk[];
  readonly log: Log;
  /** Shortest time between two questions to one witness, and the pauses after failures, in milliseconds. */
  readonly everyMs?: number;
  readonly retryMs?: number;
  readonly maxRetryMs?: number;
  /** Age of a cosignature at which a log in which nothing is written asks for another one, in milliseconds. */
  readonly renewMs?: number;
  /** How long `check` waits. */
  readonly checkMs?: number;
};

/** What came of one question. `passed`: the witness stands further, in what the log published since. */
type Outcome = 'cosigned' | 'passed' | 'refused' | 'away';
/** Sizes that a witness may send a log to before it has to wait. */
const HOPS = 3;
const STOP_MS = 1_000;
const RENEW_MS = 3_600_000;

/** Has a log's checkpoints cosigned. Nothing here holds up the log: a witness that is slow, silent or wrong costs its own line. */
export const startCosigning = (settings: CosigningSettings): Cosigning => {
  const { own, witnesses, log, everyMs = 250, retryMs = 500, maxRetryMs = 30_000, renewMs = RENEW_MS, checkMs = 2_000 } = settings;
  const { city, origin } = own;
  const ending = new AbortController();
  const states = new Map<string, CosigningState>(witnesses.map(({ name }) => [name, { state: 'new', size: null, at: null }]));
  /** Where each witness is believed to stand. A wrong guess costs a question. */
  const standing = new Map<string, number>();
  const contradictions = new Map<string, Contradiction>();
  /** Which note each witness has dealt with, and when, by a clock that nobody turns. */
  const done = new Map<string, { readonly note: string; readonly atMs: number }>();
  let target: { readonly size: number; readonly note: string } | null = null;
  let unheard: readonly string[] = [];
  let news = Promise.withResolvers<void>();
  const wake = (): void => {
    news.resolve();
    news = Promise.withResolvers();
  };

  /** The largest size below `size` at which a witness saw the tree that the log has now, as far as its lines are kept; 0 where none is. */
  const soundBelow = async (size: number, read: HashReader): Promise<number> => {
    const verifiers = witnesses.map(({ verifier }) => verifier);
    let [sound, bad] = [0, size];
    // A tree that agrees at one size agrees at every smaller one.
    for (;;) {
      const middle = Math.floor((sound + bad) / 2);
      const next = (await own.findCosigned('last', sound, middle + 1)) ?? (await own.findCosigned('first', middle, bad));
      if (!next) return sound;
      try {
        const { checkpoint } = await openCheckpoint(next.note, own.verifiers);
        await openNote({ text: parseNote(next.note).text, signatures: parseSignatures(next.lines) }, verifiers);
        const holds = checkpoint.size === next.size && equalBytes(await readRoot(next.size, read), checkpoint.root);
        if (holds) sound = next.size;
        else bad = next.size;
      } catch (error) {
        if (!(error instanceof TlogError)) throw error;
        bad = next.size;
      }
    }
  };

  /** What a note that a witness shows says of this log: where the witness stands, a contradiction, or nothing that this log signed. */
  const judge = async (witness: string, text: string): Promise<Contradiction | { readonly size: number } | null> => {
    let told: Checkpoint;
    try {
      told = (await openCheckpoint(text, own.verifiers)).checkpoint;
    } catch (error) {
      if (error instanceof TlogError) return null;
      throw error;
    }
    if (told.origin !== origin) return null;
    // Read after the note was shown: the log publishes before it asks, so it is never behind an honest witness.
    const newest = await own.newest();
    if (!newest) return told.size === 0 ? { size: 0 } : { witness, witnessSize: told.size, firstBadIndex: 0 };
    const { checkpoint: mine } = await openCheckpoint(newest.note, own.verifiers);
    if (told.size > mine.size) return { witness, witnessSize: told.size, firstBadIndex: mine.size };
    const read = own.readerOf(mine);
    const root = told.size === mine.size ? mine.root : await readRoot(told.size, read);
    if (equalBytes(root, told.root)) return { size: told.size };
    return { witness, witnessSize: told.size, firstBadIndex: await soundBelow(told.size, read) };
  };

  const tell = (found: Contradiction): void => {
    const isNew = !contradictions.has(found.witness);
    contradictions.set(found.witness, found);
    if (isNew) log.error('a witness holds a checkpoint that the audit log signed and does not follow', { city, origin, ...found });
  };
  /** Asks a witness for what it holds; `nothing` where it shows nothing that this log signed. */
  const consult = async ({ name, latestOf }: WitnessToAsk): Promise<'follows' | 'contradicts' | 'nothing'> => {
    const text = await latestOf(origin);
    const found = text === null ? null : await judge(name, text);
    if (!found) return 'nothing';
    if ('witness' in found) {
      tell(found);
      return 'contradicts';
    }
    standing.set(name, found.size);
    if (contradictions.delete(name)) log.warn('the audit log follows again what a witness holds', { city, origin, witness: name });
    return 'follows';
  };

  /** The log's own newest checkpoint, taken apart once for all witnesses. */
  let opened: { readonly text: string; readonly note: Note; readonly checkpoint: Checkpoint; readonly read: () => HashReader } | null =
    null;
  const openTarget = (text: string): NonNullable<typeof opened> => {
    if (opened?.text === text) return opened;
    const note = parseNote(text);
    const checkpoint = parseCheckpoint(note.text);
    let reader: HashReader | null = null;
    const read = (): HashReader => {
      reader ??= own.readerOf(checkpoint);
      return reader;
    };
    opened = { text, note, checkpoint, read };
    return opened;
  };

  /**
   * Whether a witness may be asked for a line. One that contradicts the log is not sent a checkpoint again: that would be the same evidence once more. Nor is one
   * that was not heard yet, as after a start, before it showed what it holds; who has nothing to show is asked.
   */
  const isToBeAsked = async (witness: WitnessToAsk): Promise<boolean> => {
    if (contradictions.has(witness.name)) return (await consult(witness)) === 'follows';
    if (standing.has(witness.name)) return true;
    try {
      return (await consult(witness)) !== 'contradicts';
    } catch (error) {
      if (error instanceof TlogError) throw error;
      return true;
    }
  };

  const ask = async (witness: WitnessToAsk, { size, note: text }: { readonly size: number; readonly note: string }): Promise<Outcome> => {
    const { name, verifier } = witness;
    const { note, read } = openTarget(text);
    if (!(await isToBeAsked(witness))) return 'refused';
    let oldSize = standing.get(name) ?? 0;
    for (let hop = 1; hop <= HOPS; hop++) {
      if (oldSize > size) {
        // It stands further than what is asked for: another process may have gone on, or the log lost its end.
        return (await consult(witness)) === 'follows' ? 'passed' : 'refused';
      }
      const proof = oldSize === size ? [] : await proveConsistency(oldSize, size, read());
      const { status, body } = await witness.addCheckpoint(formatAddCheckpoint({ oldSize, proof, note }));
      if (status === 200) {
        const cosigned = await addCosignatures(note, body, verifier);
        const line = cosigned.signatures.findLast((each) => each.name === verifier.name && each.keyId === verifier.keyId);
        if (!line) return 'refused';
        await own.save(size, verifier.name, formatSignature(line));
        standing.set(name, size);
        return 'cosigned';
      }
      const told = status === 409 ? parseConflict(body) : null;
      if (told !== null && told !== oldSize && told <= size) {
        oldSize = told;
        standing.set(name, told);
        continue;
      }
      const isPassed = (status === 409 || status === 422) && (await consult(witness)) === 'follows' && (standing.get(name) ?? 0) > size;
      return isPassed ? 'passed' : 'refused';
    }
    return 'refused';
  };

  const follow = async (witness: WitnessToAsk): Promise<void> => {
    const { name } = witness;
    let pauseMs = 0;
    while (!ending.signal.aborted) {
      const wanted = target;
      if (!wanted || wanted.note === done.get(name)?.note) {
        await news.promise;
        continue;
      }
      let outcome: Outcome;
      try {
        outcome = await ask(witness, wanted);
      } catch (error) {
        outcome = error instanceof TlogError ? 'refused' : 'away';
        log.debug('a witness did not cosign', { city, origin, witness: name, ...describeError(error) });
      }
      const before = states.get(name);
      if (outcome === 'passed') {
        done.set(name, { note: wanted.note, atMs: performance.now() });
        continue;
      }
      if (outcome === 'cosigned') {
        done.set(name, { note: wanted.note, atMs: performance.now() });
        pauseMs = 0;
        states.set(name, { state: 'cosigning', size: wanted.size, at: new Date() });
      } else {
        pauseMs = Math.min(maxRetryMs, Math.max(retryMs, pauseMs * 2));
        states.set(name, { state: outcome === 'refused' ? 'refusing' : 'away', size: before?.size ?? null, at: before?.at ?? null });
      }
      const { state } = states.get(name) ?? { state: 'new' };
      if (before && before.state !== state && !(before.state === 'new' && state === 'cosigning'))
        log[state === 'cosigning' ? 'info' : 'warn']('a witness answers otherwise than before', { city, origin, witness: name, state });
      await sleepUntil(ending.signal, outcome === 'cosigned' ? everyMs : pauseMs * (0.75 + Math.random() / 2));
    }
  };
  const following = witnesses.map((witness) => follow(witness));

  const first = (): Contradiction | null => contradictions.values().next().value ?? null;
  return {
    unheard: () => unheard,
    check: async () => {
      const faults: TlogError[] = [];
      const heard = new Set<string>();
      const consulted = Promise.all(
        witnesses.map(async (witness) => {
          try {
            await consult(witness);
            heard.add(witness.name);
          } catch (error) {
            if (error instanceof TlogError) faults.push(error);
            else log.debug('a witness was not heard', { city, origin, witness: witness.name, ...describeError(error) });
          }
        }),
      );
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, checkMs);
      await Promise.race([consulted, late.promise]);
      clearTimeout(timer);
      unheard = witnesses.flatMap(({ name }) => (heard.has(name) ? [] : [name]));
      const [fault] = faults;
      if (fault) throw fault;
      return first();
    },
    contradiction: first,
    publish: (size, note) => {
      target = { size, note };
      wake();
    },
    renew: () => {
      const due = [...done].filter(([, { atMs }]) => performance.now() - atMs >= renewMs);
      for (const [name] of due) done.delete(name);
      if (due.length > 0) wake();
    },
    pause: () => {
      target = null;
    },
    states: () => Object.fromEntries(states),
    stop: async () => {
      ending.abort();
      wake();
      // Who is asked now has its own deadline; what it says is no longer waited for.
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, STOP_MS);
      await Promise.race([Promise.all(following), late.promise]);
      clearTimeout(timer);
    },
  };
};
