import { toId } from '#platform/pure/id.ts';
import { randomBytesOf } from './random-bytes.ts';

/** Makes a fresh id: 48 bits of time in milliseconds, then 80 random bits (as UUID 7 orders them, RFC 9562, so that new rows sit side by side). */
export const newId = (city: string, kind: string): string => {
  const bytes = new Uint8Array(16);
  bytes.set(randomBytesOf(10), 6);
  let time = Date.now();
  for (let i = 5; i >= 0; i--) {
    bytes[i] = time & 255;
    time = Math.floor(time / 256);
  }
  return toId(city, kind, bytes);
};
