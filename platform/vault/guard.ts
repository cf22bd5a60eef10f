import { makeQueues } from '#platform/pure/turns.ts';
import { IntegrityError, type Named } from './vault.ts';

type Condemnable = { readonly condemn: () => void };

const nameOf = ({ city, id }: Named): string => `${city}/${id}`;

/** Keeps what one process does to the same content from getting in each other's way; between processes the leases of the rows decide. */
export type Guard = ReturnType<typeof makeGuard>;

export const makeGuard = () => {
  /** Writers of this process that are under way, and contents that are being destroyed by it. */
  const writers = new Map<string, Set<Condemnable>>();
  const condemned = new Map<string, number>();
  const queues = makeQueues();
  /** One act after the other on what stands of a content. */
  const inTurn = <T>(ref: Named, act: () => Promise<T>): Promise<T> => queues.run(nameOf(ref), act);
  const isCondemned = (ref: Named): boolean => condemned.has(nameOf(ref));
  return {
    inTurn,
    isCondemned,
    /** Ends the content's writers, and destroys it in its turn; meanwhile nobody writes. */
    condemning: async (ref: Named, act: () => Promise<void>): Promise<void> => {
      const name = nameOf(ref);
      condemned.set(name, (condemned.get(name) ?? 0) + 1);
      for (const writer of writers.get(name) ?? []) writer.condemn();
      try {
        await inTurn(ref, act);
      } finally {
        const left = (condemned.get(name) ?? 1) - 1;
        if (left === 0) condemned.delete(name);
        else condemned.set(name, left);
      }
    },
    requireNotCondemned: (ref: Named, signal?: AbortSignal): void => {
      signal?.throwIfAborted();
      if (isCondemned(ref)) throw new IntegrityError('the content is being destroyed');
    },
    addWriter: (ref: Named, writer: Condemnable): void => {
      const name = nameOf(ref);
      const mine = writers.get(name) ?? new Set();
      writers.set(name, mine.add(writer));
    },
    removeWriter: (ref: Named, writer: Condemnable): void => {
      const name = nameOf(ref);
      const mine = writers.get(name);
      mine?.delete(writer);
      if (mine?.size === 0) writers.delete(name);
    },
    /** Ends all writers, and waits for the acts that were asked for. */
    stop: async (): Promise<void> => {
      for (const each of writers.values()) for (const writer of each) writer.condemn();
      await queues.idle();
    },
  };
};
