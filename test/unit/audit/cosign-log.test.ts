import { afterEach, describe, expect, it } from '@jest/globals';
import type { WitnessToAsk } from '#audit/service/witness/ask-witness.ts';
import { type Cosigning, type CosigningSettings, startCosigning } from '#audit/service/witness/cosign-log.ts';
import { makeLog } from '#platform/observability/log.ts';
import { signCheckpoint } from '#platform/tlog/checkpoint.ts';
import { makeCosignatureVerifier, makeCosigner } from '#platform/tlog/cosignature.ts';
import { EMPTY_ROOT } from '#platform/tlog/merkle.ts';
import { formatNote, formatSignature, makeNoteVerifier } from '#platform/tlog/note.ts';
import { openSigningKey } from '#platform/tlog/signing-key.ts';
import { parseAddCheckpoint } from '#platform/tlog/witness.ts';
import { logSigner, ORIGIN } from '#test/support/published-log.ts';

const signer = logSigner();
const cosigner = makeCosigner('witness.example', openSigningKey(new Uint8Array(32).fill(2)));
let cosigning: Cosigning | null = null;
afterEach(() => cosigning?.stop());

/** A log of no entries, and a witness that cosigns whatever it is asked for, or does what a test says. */
const begin = async (more: Partial<CosigningSettings> = {}) => {
  const note = formatNote(await signCheckpoint({ origin: ORIGIN, size: 0, root: EMPTY_ROOT }, signer));
  const seen = { asked: 0, saved: [] as string[], isAway: false };
  const witness: WitnessToAsk = {
    name: 'w',
    verifier: makeCosignatureVerifier(cosigner.vkey),
    addCheckpoint: async (body) => {
      seen.asked++;
      if (seen.isAway) throw new Error('away');
      return { status: 200, body: formatSignature(await cosigner.cosign(parseAddCheckpoint(body).note.text, new Date())) };
    },
    latestOf: async () => null,
  };
  cosigning = startCosigning({
    own: {
      city: 'MTL',
      origin: ORIGIN,
      verifiers: [makeNoteVerifier(signer.vkey)],
      newest: async () => ({ size: 0, note }),
      readerOf: () => async () => [],
      findCosigned: async () => null,
      save: async (_size, _witness, line) => void seen.saved.push(line),
    },
    witnesses: [witness],
    log: makeLog('test', 'silent'),
    everyMs: 1,
    retryMs: 1,
    maxRetryMs: 1,
    ...more,
  });
  return { cosigning, note, seen };
};
const until = async (holds: () => boolean): Promise<void> => {
  for (const end = performance.now() + 10_000; !holds(); ) {
    if (performance.now() > end) throw new Error('it did not come');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};
/** As many turns as a question takes, and more. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setTimeout(resolve, 1));
};

describe('a log in which nothing is written', () => {
  it('asks for the same checkpoint again once its cosignature is old, each time by one question', async () => {
    const { cosigning: own, note, seen } = await begin({ renewMs: 0 });
    own.publish(0, note);
    for (let times = 1; times <= 3; times++) {
      await until(() => seen.saved.length === times && own.states()['w']?.state === 'cosigning');
      await settle();
      expect([times, seen.asked]).toEqual([times, times]);
      own.renew();
    }
  });

  it('asks once while its cosignature is not old, however often it looks', async () => {
    const { cosigning: own, note, seen } = await begin();
    own.publish(0, note);
    await until(() => seen.saved.length === 1);
    for (let i = 0; i < 20; i++) own.renew();
    await settle();
    expect(seen.asked).toBe(1);
  });

  it('asks nobody while it is not signed, and a witness that was away until it answers', async () => {
    const { cosigning: own, note, seen } = await begin({ renewMs: 0 });
    own.publish(0, note);
    await until(() => seen.saved.length === 1);
    own.pause();
    own.renew();
    await settle();
    expect(seen.asked).toBe(1);
    seen.isAway = true;
    own.publish(0, note);
    await until(() => seen.asked >= 3 && own.states()['w']?.state === 'away');
    seen.isAway = false;
    await until(() => seen.saved.length === 2);
    expect(own.states()['w']?.state).toBe('cosigning');
  });
});
