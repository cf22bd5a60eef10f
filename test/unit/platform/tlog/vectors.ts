import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const VECTORS = path.resolve('../shared/data/vectors');

/** JSON files of a folder of standard vectors, by their paths below it; empty, and said so, where the vectors are not there. */
export const readVectors = <T>(folder: string): (readonly [name: string, vector: T])[] => {
  const root = path.join(VECTORS, folder);
  if (!existsSync(root)) {
    console.warn(`1 test left out: the vectors are not at ../shared/data/vectors/${folder}`);
    return [];
  }
  if (root.endsWith('.json')) return [[path.basename(root), JSON.parse(readFileSync(root, 'utf8')) as T]];
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => [file, JSON.parse(readFileSync(path.join(root, file), 'utf8')) as T] as const);
};
