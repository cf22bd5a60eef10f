import { ConfigurationError } from '#platform/config/configuration-error.ts';
import type { KeysConfig } from '#platform/config/files.ts';
import { openAwsKms } from './aws-kms.ts';
import type { KeyRing } from './key-ring.ts';
import { openKeyring } from './keyring.ts';
import { openTransit } from './transit.ts';

/**
 * The keys that configuration speaks of. Where they are ours each city has to have one: else ConfigurationError names the cities that lack
 * one. A holder elsewhere is not asked yet: the process starts without it, and acts that need it wait for it.
 */
export const openKeys = async (config: KeysConfig, cities: readonly string[]): Promise<KeyRing> => {
  if (config.kind === 'transit') return openTransit(config);
  if (config.kind === 'aws-kms') return openAwsKms(config);
  const keys = await openKeyring(config);
  const found = await Promise.allSettled(cities.map((city) => keys.currentKeyId(city)));
  const missing = cities.filter((_city, index) => found[index]?.status === 'rejected');
  if (missing.length === 0) return keys;
  await keys.stop();
  throw new ConfigurationError([`the keyring holds no key of ${missing.join(', ')}`]);
};
