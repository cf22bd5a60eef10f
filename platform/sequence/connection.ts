import type pg from 'pg';

/** How long a connection that only waits may take for one small statement. */
const STATEMENT_MS = 3_000;
const END_MS = 500;

/** Runs a small statement on a connection of its own; rejects when the server is silent, as such connections have no deadline themselves. */
export const askWithin = async <R extends pg.QueryResultRow>(
  client: pg.Client,
  text: string,
  values: readonly unknown[] = [],
  name?: string,
): Promise<R[]> => {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error('the server was silent')), STATEMENT_MS);
  const asked = client.query<R>({ text, values: [...values], ...(name === undefined ? {} : { name }) });
  asked.catch(() => {}); // the deadline may win: the late failure has nobody left to hear it
  try {
    return (await Promise.race([asked, late])).rows;
  } finally {
    clearTimeout(timer);
  }
};

/** Ends a connection without waiting for a server that is silent. */
export const endSoon = async (client: pg.Client | null): Promise<void> => {
  if (!client) return;
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, END_MS);
  await Promise.race([client.end().catch(() => {}), late]);
  clearTimeout(timer);
};
