/**
 * Reads a public file of a log by its path below the log's prefix, such as `checkpoint` or `tile/0/000`; null where it is not there. Throws
 * `SourceError` where that could not be found out.
 */
export type LogSource = (path: string) => Promise<Uint8Array | null>;

/** A log could not be asked, which says nothing of it. `message` says why and repeats nothing of what came. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
}

const MAX_ENTRIES_BYTES = 256 * (2 + 65_535);
const MAX_TILE_BYTES = 8_192;
const MAX_OTHER_BYTES = 1_000_000;
/** Bytes that a file of this path has at most. */
export const maxBytesOf = (path: string): number =>
  path.startsWith('tile/entries/') ? MAX_ENTRIES_BYTES : path.startsWith('tile/') ? MAX_TILE_BYTES : MAX_OTHER_BYTES;

export type HttpSourceOptions = {
  /** How long one request may take, in milliseconds. */
  readonly timeoutMs?: number;
  /** How long a server that is busy or away is asked again, in milliseconds. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
};

const TIMEOUT_MS = 20_000;
const PATIENCE_MS = 60_000;
/** A server that has not answered once may not be there at all. */
const FIRST_PATIENCE_MS = 5_000;
const FIRST_WAIT_MS = 200;
const MAX_WAIT_MS = 5_000;

const sleep = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(new SourceError('the run was ended'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
  });

/** The whole of an answer, as it is once unpacked. Throws `SourceError` where it is longer than it may be, however long it is. */
export const readBody = async (response: Response, maxBytes: number): Promise<Uint8Array> => {
  if (Number(response.headers.get('content-length') ?? 0) > maxBytes)
    throw new SourceError(`a file is longer than the ${maxBytes} bytes that it may have`);
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read()) {
    parts.push(piece.value);
    length += piece.value.length;
    if (length > maxBytes) {
      await reader?.cancel();
      throw new SourceError(`a file is longer than the ${maxBytes} bytes that it may have`);
    }
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

/** An answer that may be another one later. */
class Busy extends Error {
  readonly waitMs: number | null;
  constructor(message: string, waitMs: number | null) {
    super(message);
    this.waitMs = waitMs;
  }
}

const fetchOnce = async (url: string, maxBytes: number, signal: AbortSignal): Promise<Uint8Array | null> => {
  let response: Response;
  try {
    response = await fetch(url, { redirect: 'manual', signal, credentials: 'omit', referrerPolicy: 'no-referrer' });
  } catch {
    throw new Busy('the server does not answer', null);
  }
  const { status } = response;
  try {
    if (status === 200) return await readBody(response, maxBytes);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new Busy('an answer broke off', null);
  }
  await response.body?.cancel().catch(() => {});
  if (status === 404 || status === 410) return null;
  if (status === 429 || status >= 500) {
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    throw new Busy(`the server answers ${status}`, Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null);
  }
  if (response.type === 'opaqueredirect' || (status >= 300 && status < 400))
    throw new SourceError('the server sends elsewhere; give the address that the log is at');
  throw new SourceError(`the server answers ${status}`);
};

/** Files below `base`, which ends in a slash, over HTTP: GET alone, no credentials, no redirects; bounded in bytes and time. */
export const openHttpSource = (base: string, options: HttpSourceOptions = {}): LogSource => {
  const { timeoutMs = TIMEOUT_MS, patienceMs = PATIENCE_MS, signal } = options;
  let hasAnswered = false;
  return async (path) => {
    const from = performance.now();
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
      const deadline = AbortSignal.timeout(timeoutMs);
      try {
        const bytes = await fetchOnce(`${base}${path}`, maxBytesOf(path), signal ? AbortSignal.any([signal, deadline]) : deadline);
        hasAnswered = true;
        return bytes;
      } catch (error) {
        if (signal?.aborted) throw new SourceError('the run was ended');
        if (!(error instanceof Busy)) throw error;
        const pause = Math.max(error.waitMs ?? waitMs, FIRST_WAIT_MS);
        const patience = hasAnswered ? patienceMs : Math.min(patienceMs, FIRST_PATIENCE_MS);
        if (performance.now() + pause > from + patience) throw new SourceError(error.message);
        await sleep(pause, signal);
      }
    }
  };
};
