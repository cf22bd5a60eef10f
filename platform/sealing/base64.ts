type Alphabet = 'base64' | 'base64url';
type Base64Options = { readonly alphabet?: Alphabet; readonly omitPadding?: boolean; readonly lastChunkHandling?: string };

const OTHERS: Readonly<Record<Alphabet, readonly [string, string]>> = { base64: ['-', '_'], base64url: ['+', '/'] };
const WHITE_SPACE = /[\t\n\f\r ]+/g;

const alphabetOf = (options: Base64Options | undefined): Alphabet => {
  const alphabet = options?.alphabet ?? 'base64';
  if (!Object.hasOwn(OTHERS, alphabet)) throw new TypeError('the alphabet is base64 or base64url');
  return alphabet;
};

/**
 * Bytes of digits without padding; null where one of them is no digit. `Buffer` reads both alphabets, takes every character for its low
 * byte, and skips what it does not know, which makes the bytes fewer. To ask for that is ten times as fast as a pattern over the text.
 */
const readDigits = (digits: string, alphabet: Alphabet): Buffer | null => {
  const isAscii = Buffer.byteLength(digits, 'utf8') === digits.length;
  if (!isAscii || digits.length % 4 === 1 || OTHERS[alphabet].some((other) => digits.includes(other))) return null;
  const bytes = Buffer.from(digits, alphabet);
  return bytes.length === Math.floor((digits.length * 3) / 4) ? bytes : null;
};

/** Whether no bit is set behind the last byte, so that the digits are the only ones of their bytes. */
const isCanonical = (digits: string, alphabet: Alphabet): boolean => {
  const last = digits.slice(digits.length - (digits.length % 4));
  return Buffer.from(last, alphabet).toString(alphabet).replace(/=+$/, '') === last;
};

/** Whether a text is base64url as RFC 7515 writes it: digits alone, and the only ones of their bytes. */
export const isBase64Url = (text: string): boolean => readDigits(text, 'base64url') !== null && isCanonical(text, 'base64url');

const readPadded = (text: string, alphabet: Alphabet, strict: boolean): Buffer | null => {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = padding === 0 ? text : text.slice(0, -padding);
  const isWhole = padding > 0 ? text.length % 4 === 0 : !strict || digits.length % 4 === 0;
  return isWhole && (!strict || isCanonical(digits, alphabet)) ? readDigits(digits, alphabet) : null;
};

/** Bytes of a text; `SyntaxError` for what is no base64. See `provideBase64`. */
export const fromBase64 = (text: string, options?: Base64Options): Uint8Array<ArrayBuffer> => {
  if (typeof text !== 'string') throw new TypeError('base64 is read from a string');
  const alphabet = alphabetOf(options);
  const handling = options?.lastChunkHandling ?? 'loose';
  if (handling !== 'loose' && handling !== 'strict') throw new TypeError('the last chunk is read as loose or strict');
  const bytes =
    readPadded(text, alphabet, handling === 'strict') ?? readPadded(text.replace(WHITE_SPACE, ''), alphabet, handling === 'strict');
  if (bytes === null) throw new SyntaxError('this is no base64');
  // Small buffers lie in a pool with what others keep, and a caller may hand `.buffer` on.
  return bytes.byteLength === bytes.buffer.byteLength ? new Uint8Array(bytes.buffer as ArrayBuffer) : Uint8Array.from(bytes);
};

/** Text of bytes. See `provideBase64`. */
export const toBase64 = (bytes: Uint8Array, options?: Base64Options): string => {
  const alphabet = alphabetOf(options);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(alphabet);
  if (alphabet === 'base64url' && options?.omitPadding !== true) return text + '='.repeat((4 - (text.length % 4)) % 4);
  return alphabet === 'base64' && options?.omitPadding === true ? text.replace(/=+$/, '') : text;
};

/**
 * Gives the runtime `Uint8Array.fromBase64` and `Uint8Array.prototype.toBase64` where it lacks them (Node 24 does), as ECMAScript 2026
 * says but for `lastChunkHandling: 'stop-before-partial'`. `jose` uses them where they are and loops in JavaScript where not: with them
 * 1 MiB is sealed in 2 ms instead of 22 and unsealed in 2 ms instead of 9.
 * Source: https://tc39.es/proposal-arraybuffer-base64/spec/
 */
export const provideBase64 = (): void => {
  const define = (target: object, name: string, value: unknown): void => {
    if (!(name in target)) Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
  };
  define(Uint8Array, 'fromBase64', fromBase64);
  define(Uint8Array.prototype, 'toBase64', function (this: Uint8Array, options?: Base64Options): string {
    return toBase64(this, options);
  });
};
