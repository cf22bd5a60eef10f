import { expect, it } from '@jest/globals';
import { makeServeWitness } from '#audit/service/witness/serve-witness.ts';
import type { Witness } from '#audit/service/witness/witness.ts';
import type { Transfer } from '#platform/http/transfer.ts';

const PLACES = 32;
const aWitness = (addCheckpoint: Witness['addCheckpoint']): Witness => ({
  city: 'MTL',
  name: 'w',
  vkey: 'w',
  addCheckpoint,
  latestOf: async () => null,
  alarmCounts: () => [],
  recount: async () => {},
  stop: async () => {},
});
const aRequest = (body: AsyncIterable<Uint8Array>): Parameters<Transfer>[0] => ({
  method: 'POST',
  path: 'MTL/witness/add-checkpoint',
  headers: {},
  body,
  caller: { viewer: null, requestId: 'r', address: '192.0.2.1', language: 'en', origin: '' },
  sessionEnded: false,
  signal: new AbortController().signal,
});

it('gives no place of those that are decided to bodies that never end', async () => {
  const ending = Promise.withResolvers<void>();
  const endless = async function* () {
    yield Buffer.from('old 0\n');
    await ending.promise;
  };
  const whole = async function* () {
    yield Buffer.from('old 0\n');
  };
  const serve = makeServeWitness(new Map([['MTL', aWitness(async () => ({ status: 200, contentType: 'text/plain', body: 'x' }))]]));
  const slow = Array.from({ length: 2 * PLACES }, () => serve(aRequest(endless())));
  expect(await serve(aRequest(whole()))).toMatchObject({ status: 200 });
  ending.resolve();
  await Promise.all(slow);
});

it('refuses what is beyond the places, and takes more once they are free', async () => {
  const deciding = Promise.withResolvers<void>();
  const serve = makeServeWitness(
    new Map([
      [
        'MTL',
        aWitness(async () => {
          await deciding.promise;
          return { status: 200, contentType: 'text/plain', body: 'x' };
        }),
      ],
    ]),
  );
  const whole = async function* () {
    yield Buffer.from('old 0\n');
  };
  const asked = Array.from({ length: PLACES + 5 }, () => serve(aRequest(whole())));
  const refused = await Promise.race([asked[PLACES], new Promise((resolve) => setTimeout(() => resolve('none'), 5_000))]);
  expect(refused).toMatchObject({ status: 503 });
  deciding.resolve();
  const statuses = (await Promise.all(asked)).map((answer) => answer?.status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(PLACES);
  expect(statuses.filter((status) => status === 503)).toHaveLength(5);
  expect(await serve(aRequest(whole()))).toMatchObject({ status: 200 });
});
