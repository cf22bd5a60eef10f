import type { Cities } from '#platform/database/cities.ts';
import { describeError, type Log } from '#platform/observability/log.ts';
import type { BlobRef, StoreName, VaultEvents } from '#platform/vault/vault.ts';
import { noteDamage } from '../../store/maintenance-store.ts';

/** What a vault tells of damaged copies, written down for the repairs of the city. */
export type DamageNotes = VaultEvents & {
  /** Notes damage and tells whether it was news. */
  readonly note: (ref: BlobRef, store: StoreName, finding: 'missing' | 'damaged') => Promise<boolean>;
  /** Called with the city when something was noted. */
  readonly listen: (onNoted: (city: string) => void) => void;
  /** Waits for notes that are being written. */
  readonly settle: () => Promise<void>;
};

/** Many reads may find the same damage at the same moment: it is written once. A city that is down notes nothing; the next read or scrub will. */
export const makeDamageNotes = ({ cities, log }: { readonly cities: Cities; readonly log: Log }): DamageNotes => {
  const listeners: ((city: string) => void)[] = [];
  const writing = new Map<string, Promise<boolean>>();
  const write = async ({ city, id }: BlobRef, store: StoreName, finding: 'missing' | 'damaged'): Promise<boolean> => {
    const db = cities.find(city);
    if (!db || !(await noteDamage(db, id, store))) return false;
    log.warn('a copy is not what it should be', { city, blobId: id, store, finding });
    for (const onNoted of listeners) onNoted(city);
    return true;
  };
  const note: DamageNotes['note'] = (ref, store, finding) => {
    const name = `${ref.city}/${ref.id}/${store}`;
    const under = writing.get(name) ?? write(ref, store, finding).finally(() => writing.delete(name));
    writing.set(name, under);
    return under;
  };
  return {
    note,
    onDamage: (ref, store, finding) => {
      note(ref, store, finding).catch((error: unknown) =>
        log.warn('damage of a copy could not be noted', { city: ref.city, blobId: ref.id, store, finding, ...describeError(error) }),
      );
    },
    listen: (onNoted) => {
      listeners.push(onNoted);
    },
    settle: async () => {
      await Promise.allSettled([...writing.values()]);
    },
  };
};
