import path from 'node:path';
import { z } from 'zod';
import { type CityConfig, HOME_CITIES } from '#platform/config/city.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import { EmbeddedFailure } from './failure.ts';
import { readText } from './files.ts';
import { loadSecrets } from './secrets.ts';
import { DATABASE } from './setup.ts';

const portsFile = z.object({ ports: z.record(z.string(), z.record(z.string(), z.number().int())) });

/**
 * The embedded network that keeps its data in `dataDir`, as tools reach it: where its servers listen, and its passwords. Whether it runs
 * shows when one connects. Throws EmbeddedFailure, with a message for people, where there never was one.
 */
export const readNetwork = async (dataDir: string): Promise<{ readonly cities: readonly CityConfig[]; readonly secrets: Secrets }> => {
  const text = await readText(path.join(dataDir, 'network.json'));
  if (text === null) throw new EmbeddedFailure(`There is no network in ${dataDir}. Start it first: npm start`);
  let ports: z.infer<typeof portsFile>['ports'];
  try {
    ({ ports } = portsFile.parse(JSON.parse(text)));
  } catch {
    throw new EmbeddedFailure(
      `${path.join(dataDir, 'network.json')} is damaged. Stop the network and start it again: it writes the file anew.`,
    );
  }
  const { secrets } = await loadSecrets(dataDir, true);
  const cities = HOME_CITIES.filter(({ code }) => ports[code] !== undefined).map((city) => ({
    ...city,
    database: DATABASE,
    tls: false,
    nodes: Object.values(ports[city.code] ?? {}).map((port) => ({ host: '127.0.0.1', port })),
  }));
  return { cities, secrets };
};
