import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const FOLDER = path.resolve('../shared/data/vectors');

/** Test vectors of others, kept beside the repository; null, with a printed reason, where they are not there. */
export const readShared = <T>(name: string): T | null => {
  const file = path.join(FOLDER, name);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as T;
  console.warn(`skipped: ../shared/data/vectors/${name} is not here; 0 of its vectors were tried`);
  return null;
};

export type WycheproofFile<Group, Vector> = {
  readonly numberOfTests: number;
  readonly testGroups: readonly (Group & { tests: Vector[] })[];
};
export type Outcome = {
  readonly tcId: number;
  readonly comment: string;
  readonly result: 'valid' | 'invalid' | 'acceptable';
  readonly flags: string[];
};

/** Every vector of a file with its group. */
export const readWycheproof = <Group, Vector>(name: string): readonly (Group & Vector & Outcome)[] | null =>
  readShared<WycheproofFile<Group, Vector & Outcome>>(`wycheproof/${name}.json`)?.testGroups.flatMap(({ tests, ...group }) =>
    tests.map((test) => ({ ...(group as unknown as Group), ...test })),
  ) ?? null;
