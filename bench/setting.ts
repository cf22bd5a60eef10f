import { ConfigurationError } from '#platform/config/configuration-error.ts';

/** A count that the environment may set, 1 or more. Throws ConfigurationError. */
export const readCount = (name: string, fallback: number): number => {
  const text = process.env[name] || String(fallback);
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new ConfigurationError([`${name} is a whole number, 1 or more`]);
  return Number(text);
};
