import { hash } from 'node:crypto';
import type { NoteVerifier } from '#platform/tlog/note.ts';
import type { Witness } from './witness.ts';

/** A witness as a log asks it. Each throws where there is no answer in time. */
export type WitnessToAsk = {
  /** Under this name the policy knows it. */
  readonly name: string;
  readonly verifier: NoteVerifier;
  readonly addCheckpoint: (body: string) => Promise<{ readonly status: number; readonly body: string }>;
  /** The note that it cosigned last of a log; null where it has none. Nothing of it is believed. */
  readonly latestOf: (origin: string) => Promise<string | null>;
};

/** How long a witness may take for an answer, in milliseconds, and how long that may be, in bytes. */
const ANSWER_MS = 3_000;
const MAX_ANSWER = 64 * 1024;

/** Stands for a log in an address. */
export const originHash = (origin: string): string => hash('sha256', origin, 'hex');

const within = async <T>(asked: Promise<T>, ms: number): Promise<T> => {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('the witness was silent')), ms);
  asked.catch(() => {}); // the deadline may win
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
};

/** A witness of this process. */
export const askHere = (name: string, verifier: NoteVerifier, witness: Witness, answerMs = ANSWER_MS): WitnessToAsk => ({
  name,
  verifier,
  addCheckpoint: (body) => within(witness.addCheckpoint(Buffer.from(body)), answerMs),
  latestOf: (origin) => within(witness.latestOf(originHash(origin)), answerMs),
});

/** Asks over HTTP: no redirects, a deadline over the whole answer, and no more of it than an answer has. Throws else. */
export const fetchBounded = async (
  url: string,
  init: RequestInit,
  deadlineMs: number,
  maxBytes: number,
): Promise<{ readonly status: number; readonly bytes: Uint8Array }> => {
  const ended = new AbortController();
  const timer = setTimeout(() => ended.abort(), deadlineMs);
  try {
    const response = await fetch(url, { ...init, redirect: 'manual', signal: ended.signal });
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of response.body ?? []) {
      parts.push(part);
      size += part.length;
      if (size > maxBytes) throw new Error(`the answer has more than ${maxBytes} bytes`);
    }
    return { status: response.status, bytes: Buffer.concat(parts) };
  } finally {
    clearTimeout(timer);
    ended.abort(); // what was not read is given up
  }
};

/** A witness elsewhere, at the address where it takes requests. */
export const askOverHttp = (name: string, verifier: NoteVerifier, url: string, answerMs = ANSWER_MS): WitnessToAsk => {
  const prefix = url.replace(/\/+$/, '');
  const ask = async (path: string, init: RequestInit): Promise<{ status: number; body: string }> => {
    const { status, bytes } = await fetchBounded(`${prefix}/${path}`, init, answerMs, MAX_ANSWER);
    return { status, body: Buffer.from(bytes).toString('utf8') };
  };
  return {
    name,
    verifier,
    addCheckpoint: (body) => ask('add-checkpoint', { method: 'POST', body, headers: { 'content-type': 'text/plain; charset=utf-8' } }),
    latestOf: async (origin) => {
      const { status, body } = await ask(`latest/${originHash(origin)}`, { method: 'GET' });
      if (status === 404) return null;
      if (status !== 200) throw new Error(`the witness answered ${status}`);
      return body;
    },
  };
};
