/**
 * A city's database did not answer. `outcome` tells what is known of the statement: `not-sent` it was never carried out,
 * `unknown` it may have been.
 */
export class CityUnavailableError extends Error {
  readonly city: string;
  readonly outcome: 'not-sent' | 'unknown';
  readonly retryAfterSeconds = 2;
  constructor(city: string, outcome: 'not-sent' | 'unknown', cause?: unknown) {
    super(`city ${city} is unavailable`, { cause });
    this.name = 'CityUnavailableError';
    this.city = city;
    this.outcome = outcome;
  }
}

/** More work waits for a city's database than it is allowed to; nothing was done. */
export class OverloadedError extends Error {
  readonly city: string;
  constructor(city: string) {
    super(`too many statements wait for city ${city}`);
    this.name = 'OverloadedError';
    this.city = city;
  }
}

const sqlState = (error: unknown): string | null => {
  const code = (error as { code?: unknown } | null)?.code ?? (error as { driverError?: { code?: unknown } } | null)?.driverError?.code;
  return typeof code === 'string' ? code : null;
};

/** SQLSTATE of an error of the driver or of TypeORM; null when it has none. */
export const sqlStateOf = (error: unknown): string | null => {
  const code = sqlState(error);
  return code !== null && /^[0-9A-Z]{5}$/.test(code) ? code : null;
};

/** Name of the constraint that an error broke; null when it broke none. */
export const constraintOf = (error: unknown): string | null => {
  const constraint =
    (error as { constraint?: unknown } | null)?.constraint ??
    (error as { driverError?: { constraint?: unknown } } | null)?.driverError?.constraint;
  return typeof constraint === 'string' ? constraint : null;
};

/** Whether a fresh try of the same transaction may succeed: serialization failure or deadlock. */
export const isRetryable = (error: unknown): boolean => ['40001', '40P01'].includes(sqlStateOf(error) ?? '');

const GONE = new Set(['57P01', '57P02', '57P03', '57P05', '08000', '08001', '08003', '08004', '08006', '53300']);
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOENT',
]);

/** Whether an error says that the server is gone, going, or not yet there, rather than that the statement was wrong. */
export const isConnectionFailure = (error: unknown): boolean => {
  const code = sqlState(error) ?? '';
  if (GONE.has(code) || NETWORK.has(code)) return true;
  const message = error instanceof Error ? error.message : '';
  return /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|Query read timeout/i.test(
    message,
  );
};

/** Whether the statement was cut off by its deadline (57014) or hit a server that only reads (25006). */
export const isDeadline = (error: unknown): boolean => sqlStateOf(error) === '57014';
export const isReadOnlyServer = (error: unknown): boolean => sqlStateOf(error) === '25006';
