import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { initSubjectKeys } from '#audit/service/init-subject-keys.ts';
import { EmbeddedFailure } from '#embedded/failure.ts';
import { readNetwork } from '#embedded/read-network.ts';
import { ConfigurationError, readStartConfig, readSubgraphConfig } from '#platform/config/env.ts';
import { underLock, writeKeyringFile } from '#platform/keys/keyring-file.ts';
import { addKey, isDemoKeyring, makeKeyring, readKeyringFile } from '#platform/keys/keyring-form.ts';
import { sayMisuse } from './usage.ts';

const HELP = `npm run keyring -- FILE CITY…
npm run keyring -- subjects init

Makes a keyring for medical files, readable by its owner alone: one key-encryption key of 32 random bytes per city, such as
MTL. A keyring that is there gets a first key for each city that has none; no key is changed or taken away. Keep a copy
where no backup of the stores is: without it no file opens again.

Settings: FILES_KEYRING_FILE and SUBJECTS_KEYRING_FILE name the file, which may be the same. More keys of a city: the mutation
rotateKeys.

subjects init makes the keys of the audit log's subjects, once, in both stores (SUBJECTS_PRIMARY_STORE, SUBJECTS_BACKUP_STORE):
one for each city that has none. Cities that have one are left alone. Where a city's log holds values already none is made: put
the stores back from a copy. Settings: those of the audit subgraph under NODE_ENV=production, else DATA_DIR (.data) of a network
that runs.

Exit: 0 every city has a key, 1 the file or the stores cannot be used, 2 the command line or the settings are wrong.
`;

const fail = (code: 1 | 2, reason: string): never => {
  console.error(reason);
  process.exit(code);
};
const readArguments = () => {
  try {
    return parseArgs({ options: { help: { type: 'boolean' } }, allowPositionals: true });
  } catch (error) {
    return fail(2, `${sayMisuse(error)}\n\n${HELP}`);
  }
};
const readSettings = async () => {
  try {
    if (process.env['NODE_ENV'] === 'production') return readSubgraphConfig('audit');
    const { dataDir, subjects } = readStartConfig();
    return { ...(await readNetwork(dataDir)), subjects };
  } catch (error) {
    return error instanceof ConfigurationError || error instanceof EmbeddedFailure ? fail(2, error.message) : Promise.reject(error);
  }
};
/** Makes the subject keys that are not there, in both stores. */
const initStores = async (): Promise<void> => {
  const settings = await readSettings();
  try {
    const made = await initSubjectKeys(settings);
    console.log(made.length === 0 ? 'Every city had subject keys.' : `Subject keys for ${made.join(', ')}.`);
  } catch (error) {
    fail(1, error instanceof ConfigurationError ? error.message : `The subject keys cannot be made (${(error as Error).name}).`);
  }
};
const {
  values,
  positionals: [file, ...cities],
} = readArguments();
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
if (file === 'subjects' && cities.length === 1 && cities[0] === 'init') await initStores();
else if (file === undefined || cities.length === 0) fail(2, `Name a file and the cities.\n\n${HELP}`);
else if (!cities.every((city) => /^[A-Z]{3}$/.test(city))) fail(2, 'A city is a code of three capitals, such as MTL.');
else {
  try {
    // The lock is given back before the process ends: so nothing inside ends it.
    const fault = await underLock(file, async () => {
      const read = existsSync(file) ? readKeyringFile(file) : null;
      if (typeof read === 'string') return `The keyring ${read}.`;
      if (read && isDemoKeyring(read.keyring)) return 'This is the keyring of an embedded network. Name another file.';
      const before = read?.keyring ?? makeKeyring([], { demo: false });
      const lacking = [...new Set(cities)].filter((city) => !before.cities[city]);
      if (lacking.length > 0) await writeKeyringFile(file, lacking.reduce(addKey, before));
      console.log(lacking.length === 0 ? 'Every city had a key.' : `A first key for ${lacking.join(', ')}.`);
      return null;
    });
    if (fault !== null) fail(1, fault);
  } catch (error) {
    fail(1, `The keyring cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown'}). Does its folder exist?`);
  }
}
