import { pino } from 'pino';

/** One event, one line of JSON. Fields hold ids, counts and codes, never personal data. */
export type Log = {
  readonly debug: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly info: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly warn: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly error: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** A log that writes lines of JSON to `destination` (a file descriptor or a path; standard output by default). */
export const makeLog = (name: string, level: LogLevel = 'info', destination: number | string = 1): Log => {
  const log = pino(
    { name, level, base: { name }, messageKey: 'message', formatters: { level: (label) => ({ level: label }) } },
    pino.destination({ dest: destination, sync: true }),
  );
  return {
    debug: (message, fields = {}) => log.debug(fields, message),
    info: (message, fields = {}) => log.info(fields, message),
    warn: (message, fields = {}) => log.warn(fields, message),
    error: (message, fields = {}) => log.error(fields, message),
  };
};

/**
 * What may be told of an error in a log: its class, its code (SQLSTATE, errno) and the places in our code it came through.
 * The message is left out: drivers put values of rows into it.
 */
export const describeError = (error: unknown): Record<string, unknown> => {
  if (!(error instanceof Error)) return { error: typeof error };
  const { code } = error as { code?: unknown };
  const stack = (error.stack ?? '')
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .slice(0, 8)
    .map((line) => line.trim());
  return { error: error.name, ...(typeof code === 'string' ? { code } : {}), stack };
};
