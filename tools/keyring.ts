import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { underLock, writeKeyringFile } from '#platform/keys/keyring-file.ts';
import { addKey, isDemoKeyring, makeKeyring, readKeyringFile } from '#platform/keys/keyring-form.ts';

const HELP = `npm run keyring -- FILE CITY…

Makes a keyring for medical files, readable by its owner alone: one key-encryption key of 32 random bytes per city, such as
MTL. A keyring that is there gets a first key for each city that has none; no key is changed or taken away. Keep a copy
where no backup of the stores is: without it no file opens again.

Settings of the files subgraph: FILES_KEYRING_FILE names the file. More keys of a city: the mutation rotateKeys.
Exit: 0 every city has a key, 1 the file cannot be used, 2 the command line is wrong.
`;

const fail = (code: 1 | 2, reason: string): never => {
  console.error(reason);
  process.exit(code);
};
const readArguments = () => {
  try {
    return parseArgs({ options: { help: { type: 'boolean' } }, allowPositionals: true });
  } catch (error) {
    return fail(2, `${error instanceof Error ? error.message : 'The command line cannot be read.'}\n\n${HELP}`);
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
if (file === undefined || cities.length === 0) fail(2, `Name a file and the cities.\n\n${HELP}`);
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
