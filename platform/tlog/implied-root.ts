import { equalBytes } from './bytes.ts';
import { type Hash, hashNode } from './merkle.ts';

/**
 * The root that the tree of `newSize` leaves has at `oldSize`, as a consistency proof shows it: whoever knows another root for that size knows
 * that the past was rewritten. Null where the proof does not lead to `newRoot`, and where `oldSize` is a power of two, as the proof then
 * begins with a root that it does not hold. RFC 9162, section 2.1.4.2.
 */
export const impliedRoot = (oldSize: number, newSize: number, newRoot: Hash, path: readonly Hash[]): Hash | null => {
  if (oldSize < 1 || oldSize >= newSize) return null;
  let at = oldSize - 1;
  let last = newSize - 1;
  while (at % 2 === 1) {
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  const [first, ...rest] = path;
  if (at === 0 || !first || rest.length === 0) return null;
  let [older, newer] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      older = hashNode(sibling, older);
      newer = hashNode(sibling, newer);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else {
      newer = hashNode(newer, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalBytes(newer, newRoot) ? older : null;
};
