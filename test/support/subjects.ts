import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Disclosed, openSealed } from '#platform/audit/sealed.ts';
import type { SubjectsConfig } from '#platform/config/subjects.ts';
import { makeKeyring } from '#platform/keys/keyring-form.ts';
import { makeLog } from '#platform/observability/log.ts';
import { initSubjects, openSubjects, type Subjects } from '#platform/subjects/open-subjects.ts';

/** Subject keys of a test's own: `config` tells processes where they lie. */
export type TestSubjects = { readonly subjects: Subjects; readonly config: SubjectsConfig; readonly stop: () => Promise<void> };

/** Makes subject keys in a folder of their own, which `stop` removes. */
export const testSubjects = async (cities: readonly string[], indexKey: string): Promise<TestSubjects> => {
  const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-subjects-'));
  const store = (name: string) => ({ kind: 'directory' as const, folder: path.join(folder, name), floorShare: 0 });
  const config: SubjectsConfig = {
    primary: store('primary'),
    backup: store('backup'),
    keys: { kind: 'keyring', keyring: makeKeyring(cities, { demo: false }) },
  };
  await initSubjects(config, cities, async () => false);
  const subjects = await openSubjects(config, { cities, indexKey, log: makeLog('subjects', 'error', 2) });
  return {
    subjects,
    config,
    stop: async () => {
      await subjects.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** What stands beside the leaf of an entry, opened: ids of who acted and on whom, and each value with its salt (base64url), by name. */
export type OpenEntry = {
  readonly actor_id: string | null;
  readonly patient_id: string | null;
  readonly disclosure: Readonly<Record<string, { readonly salt: string; readonly value: string }>>;
};

/** Opens the values of an entry, of which `city`, `event_id` and `sealed` were read. What was shredded is null or missing. */
export const openEntry = <R extends { readonly city: string; readonly event_id: string; readonly sealed: Uint8Array | null }>(
  subjects: Pick<Subjects, 'of'>,
  { sealed, ...row }: R,
): Omit<R, 'sealed'> & OpenEntry => {
  const values: ReadonlyMap<string, Disclosed> = sealed === null ? new Map() : openSealed(sealed, row.event_id, subjects.of(row.city));
  return {
    ...row,
    actor_id: values.get('actor')?.value ?? null,
    patient_id: values.get('patient')?.value ?? null,
    disclosure: Object.fromEntries(
      [...values].map(([name, { salt, value }]) => [name, { salt: Buffer.from(salt).toString('base64url'), value }]),
    ),
  };
};
