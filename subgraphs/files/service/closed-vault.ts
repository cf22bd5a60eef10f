import { StoreUnavailableError } from '#platform/blobs/store.ts';
import type { Vault } from '#platform/vault/vault.ts';

/** A vault of stores that are not there: it answers nothing. */
export const closedVault = (): Vault => {
  const away = async (): Promise<never> => {
    throw new StoreUnavailableError('primary');
  };
  return {
    create: away,
    resume: away,
    // biome-ignore lint/correctness/useYield: it throws before there is anything to give
    read: async function* () {
      throw new StoreUnavailableError('primary');
    },
    check: async () => 'unavailable',
    repair: async () => false,
    rewrap: away,
    destroy: away,
    discard: away,
    findKey: async () => 'unavailable',
    // biome-ignore lint/correctness/useYield: it throws before there is anything to give
    list: async function* () {
      throw new StoreUnavailableError('primary');
    },
    stop: async () => {},
  };
};
