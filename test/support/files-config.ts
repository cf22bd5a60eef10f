import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { FilesConfig } from '#platform/config/files.ts';
import { makeKeyring } from '#platform/keys/keyring-form.ts';

/** Two folders and a keyring of their own in a folder that the test removes. */
export const testFiles = (folder: string, cities: readonly { readonly code: string }[]): FilesConfig => {
  const file = path.join(folder, 'keyring.json');
  writeFileSync(
    file,
    JSON.stringify(
      makeKeyring(
        cities.map(({ code }) => code),
        { demo: false },
      ),
    ),
    { mode: 0o600 },
  );
  const store = (name: string) => ({ kind: 'directory' as const, folder: path.join(folder, 'files', name), floorShare: 0 });
  return {
    primary: store('primary'),
    backup: store('backup'),
    keys: { kind: 'keyring-file', file, createDemo: false },
    patientQuotaBytes: 50 * 1024 ** 3,
    cityQuotaBytes: 10 * 1024 ** 4,
  };
};
