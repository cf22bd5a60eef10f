import { createHash } from 'node:crypto';
import { requireKey } from './store.ts';

/** Separates a key from what marks a file that is no blob yet, or none any more. No key gives it: a part of a key is never empty. */
const MARK = '~~';

/** The key as a file name: `~`, which no key has, stands for `/`. */
export const toFileName = (key: string): string => requireKey(key).replaceAll('/', '~');

/** Key of a file's name, null where the file is no blob. */
export const toKey = (fileName: string): string | null => {
  if (fileName.includes(MARK)) return null;
  try {
    return requireKey(fileName.replaceAll('~', '/'));
  } catch {
    return null;
  }
};

/** Name of a file that goes along with a key: `put` while it is written, `old` when its bytes are to be destroyed. */
export const toMarkedName = (key: string, mark: 'put' | 'old', id: string): string => `${toFileName(key)}${MARK}${mark}.${id}`;

/** `put` or `old` with the key where a name is a marked one. */
export const readMark = (fileName: string): { readonly key: string; readonly mark: 'put' | 'old' } | null => {
  const at = fileName.indexOf(MARK);
  if (at < 0) return null;
  const mark = fileName.slice(at + MARK.length, at + MARK.length + 3);
  const key = toKey(fileName.slice(0, at));
  return key !== null && (mark === 'put' || mark === 'old') ? { key, mark } : null;
};

/**
 * Two folders of the fan-out, each of two hex digits: SHA-256 of the key up to its first dot, so that what belongs together lies together.
 */
export const fanOut = (key: string): readonly [string, string] => {
  const [stem = key] = key.split('.', 1);
  const digest = createHash('sha256').update(stem).digest('hex');
  return [digest.slice(0, 2), digest.slice(2, 4)];
};
