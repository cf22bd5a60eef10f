import { randomUUID } from 'node:crypto';
import { sessionTagOf } from '#platform/http/transfer.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import type { Source } from './data-sources/source.ts';

/** How often the list of ended sessions is read, in milliseconds; a revocation counts within 60 s. */
const EVERY_MS = 10_000;

/** Sessions that were ended before their tokens. */
export type Sessions = {
  readonly isRevoked: (sessionId: string) => boolean;
  /** The same, by the tag that stands in addresses of transfers. */
  readonly hasTag: (tag: string) => boolean;
  /** Calls back with each newly ended session until the returned function is called. */
  readonly onRevoked: (listener: (sessionId: string) => void) => () => void;
  readonly stop: () => void;
};

/** Follows the patients subgraph's list of ended sessions. While it does not answer, the last list stands. */
export const watchSessions = (source: Source | undefined, log: Log, everyMs: number = EVERY_MS): Sessions => {
  let revoked: ReadonlySet<string> = new Set();
  let tags: ReadonlySet<string> = new Set();
  const listeners = new Set<(sessionId: string) => void>();
  let asking = false;

  const look = async (): Promise<void> => {
    if (!source || asking) return;
    asking = true;
    try {
      const caller = { viewer: null, requestId: randomUUID(), address: '', language: 'en', origin: '' } as const;
      const { data } = await source.ask({ query: '{revokedSessions}' }, caller);
      const list = data?.['revokedSessions'];
      if (!Array.isArray(list)) return;
      const before = revoked;
      revoked = new Set(list.filter((each): each is string => typeof each === 'string'));
      tags = new Set([...revoked].map(sessionTagOf));
      for (const sessionId of revoked) if (!before.has(sessionId)) for (const listener of listeners) listener(sessionId);
    } catch (error) {
      log.warn('ended sessions could not be read', describeError(error));
    } finally {
      asking = false;
    }
  };
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  void look();
  return {
    isRevoked: (sessionId) => revoked.has(sessionId),
    hasTag: (tag) => tags.has(tag),
    onRevoked: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stop: () => clearInterval(timer),
  };
};
