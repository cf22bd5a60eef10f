import type { Figure } from '../figure.ts';
import { measureCipher } from './cipher.ts';
import { measureTransfers } from './transfers.ts';

/** Each part by itself, one after the other, as they share the cores. */
const PARTS: readonly ((say: (line: string) => void) => Promise<readonly Figure[]>)[] = [measureCipher, measureTransfers];

export const run = async (say: (line: string) => void): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const measure of PARTS) figures.push(...(await measure(say)));
  return figures;
};
