import type pg from 'pg';

/** A pool that knows how many of its connections the server took. */
export type WatchedPool = {
  readonly pool: pg.Pool;
  /** Whether it has all connections it may have. Who waits for one then, waits for other statements and not for the server. */
  readonly isFull: () => boolean;
  /** How many wait for others to be done. The pool's own count has those who are about to get an idle or a new connection. */
  readonly waiting: () => number;
};

/** pg-pool's word for: no connection came free in time. What cannot be connected to is told in other words. */
export const isNoneFree = (error: unknown): boolean =>
  error instanceof Error && error.message === 'timeout exceeded when trying to connect';

/** Counts by the pool's events; its own count has connections that are still being made. To be called while none is being made. */
export const watchPool = (pool: pg.Pool): WatchedPool => {
  let live = pool.totalCount;
  const gone = new WeakSet<pg.PoolClient>();
  const leave = (client: pg.PoolClient): void => {
    if (gone.has(client)) return;
    gone.add(client);
    live--;
  };
  pool.on('connect', (client) => {
    live++;
    client.once('end', () => leave(client));
  });
  pool.on('remove', leave);
  // `remove` comes when the connection is closed, which a silent server may put off.
  pool.on('release', (error, client) => {
    if (error) leave(client);
  });
  return {
    pool,
    isFull: () => live >= pool.options.max,
    waiting: () => pool.waitingCount - pool.idleCount - (pool.options.max - pool.totalCount),
  };
};
