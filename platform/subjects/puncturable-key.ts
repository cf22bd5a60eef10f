import { hash } from 'node:crypto';

/** Bits of a path: no two of 10,000,000 subjects share one but with a probability of 4 in 10^11. */
export const PATH_BITS = 80;
export const KEY_BYTES = 32;
export const PATH_BYTES = PATH_BITS / 8;

const LABEL = Buffer.from('caregraph subjects 1', 'latin1');
const AT_STEP = LABEL.length;
const AT_KEY = AT_STEP + 1;
const LEFT = 0;
const RIGHT = 1;
/** What is handed out is derived once more from the node, so that it is no node itself. */
const OUT = 2;

/** A subtree: its key, or its two halves; null: nothing in it can be derived any more. */
type Node = { readonly key: Buffer } | { left: Node | null; right: Node | null };

const PUNCTURED = 0;
const INNER = 1;
const LEAF = 2;

const isKey = (node: Node): node is { readonly key: Buffer } => 'key' in node;
const isRight = (path: Uint8Array, depth: number): boolean => (((path[depth >> 3] ?? 0) >> (7 - (depth & 7))) & 1) === RIGHT;
const requirePath = (path: Uint8Array): Uint8Array => {
  if (path.length < PATH_BYTES) throw new RangeError(`a path has ${PATH_BYTES} bytes`);
  return path;
};

// One block of SHA-256 a step, in a place of its own; nothing here waits, so nothing comes in between.
const block = Buffer.allocUnsafeSlow(AT_KEY + KEY_BYTES);
LABEL.copy(block);
/** Replaces the key in `block` by one of its children. A text of one letter a byte is six times as fast as a buffer here. */
const step = (which: number): void => {
  block[AT_STEP] = which;
  block.write(hash('sha256', block, 'binary'), AT_KEY, KEY_BYTES, 'latin1');
};
const takeKey = (): Buffer => {
  const key = Buffer.allocUnsafeSlow(KEY_BYTES);
  block.copy(key, 0, AT_KEY);
  block.fill(0, AT_KEY);
  return key;
};
const childOf = (key: Buffer, which: number): Buffer => {
  key.copy(block, AT_KEY);
  step(which);
  return takeKey();
};
const wipeNode = (node: Node | null): void => {
  if (node === null) return;
  if (isKey(node)) {
    node.key.fill(0);
    return;
  }
  wipeNode(node.left);
  wipeNode(node.right);
};
const halve = (node: { readonly key: Buffer }): { left: Node; right: Node } => {
  const halves = { left: { key: childOf(node.key, LEFT) }, right: { key: childOf(node.key, RIGHT) } };
  node.key.fill(0);
  return halves;
};
const join = (left: Node | null, right: Node | null): Node | null => (left === null && right === null ? null : { left, right });

/**
 * A key from which one key of 32 bytes a path is derived, and from which single paths can be taken away for good: the tree of Goldreich,
 * Goldwasser and Micali (1986), punctured as by Boneh and Waters (2013) and Green and Miers (2015). A child of a node is
 * SHA-256(label ‖ 0x00 or 0x01 ‖ node), what is handed out SHA-256(label ‖ 0x02 ‖ node at depth 80). To puncture a path is to replace the
 * node above it by the siblings along the path, up to 80 of them; nothing that is left leads back to it.
 */
export type PuncturableKey = {
  /** The key of a path (its first 80 bits count); null where it was punctured. */
  readonly derive: (path: Uint8Array) => Buffer | null;
  /** Takes a path away, here; false where it was gone. What it was derived from is overwritten. */
  readonly puncture: (path: Uint8Array) => boolean;
  /** Takes away what the other lacks. Both have to come from one root, else `PuncturableKeyError`. */
  readonly narrow: (other: PuncturableKey) => void;
  /** Bytes of the whole; 33 a node, about 2.6 KB a punctured path. */
  readonly serialize: () => Buffer;
  /** Overwrites every key; nothing can be derived afterwards. */
  readonly wipe: () => void;
};

/** Bytes that are no puncturable key, or two keys of different roots. */
export class PuncturableKeyError extends Error {
  override readonly name = 'PuncturableKeyError';
}

const trees = new WeakMap<PuncturableKey, () => Node | null>();

const parseNode = (bytes: Uint8Array): Node | null => {
  let at = 0;
  const read = (depth: number): Node | null => {
    const kind = bytes[at++];
    if (kind === PUNCTURED) return null;
    if (kind === LEAF && at + KEY_BYTES <= bytes.length) {
      const key = Buffer.allocUnsafeSlow(KEY_BYTES);
      key.set(bytes.subarray(at, at + KEY_BYTES));
      at += KEY_BYTES;
      return { key };
    }
    if (kind !== INNER || depth === PATH_BITS) throw new PuncturableKeyError('this is no puncturable key');
    const [left, right] = [read(depth + 1), read(depth + 1)];
    if (left === null && right === null) throw new PuncturableKeyError('this is no puncturable key');
    return { left, right };
  };
  const root = read(0);
  if (at !== bytes.length) throw new PuncturableKeyError('this is no puncturable key');
  return root;
};

const punctureNode = (node: Node, path: Uint8Array, depth: number): Node | null => {
  if (depth === PATH_BITS) {
    wipeNode(node);
    return null;
  }
  const halves = isKey(node) ? halve(node) : node;
  const side = isRight(path, depth) ? 'right' : 'left';
  const half = halves[side];
  if (half !== null) halves[side] = punctureNode(half, path, depth + 1);
  return join(halves.left, halves.right);
};

/** What both trees have; uses up `mine`. */
const narrowNode = (mine: Node | null, other: Node | null): Node | null => {
  if (mine === null || other === null) {
    wipeNode(mine);
    return null;
  }
  if (isKey(other)) {
    const root = isKey(mine) ? mine : null;
    if (root !== null) {
      if (!root.key.equals(other.key)) throw new PuncturableKeyError('these keys have different roots');
      return mine;
    }
    const halves = halve({ key: Buffer.from(other.key) });
    try {
      return joinNarrowed(mine as Exclude<Node, { readonly key: Buffer }>, halves);
    } finally {
      wipeNode(halves); // Derived here for the comparison alone; some of it leads to what mine lacks.
    }
  }
  return joinNarrowed(isKey(mine) ? halve(mine) : mine, other);
};
type Halves = { left: Node | null; right: Node | null };
const joinNarrowed = (mine: Halves, other: Halves): Node | null =>
  join(narrowNode(mine.left, other.left), narrowNode(mine.right, other.right));

const make = (given: Node | null): PuncturableKey => {
  let root = given;
  const self: PuncturableKey = {
    derive: (path) => {
      requirePath(path);
      let node = root;
      let depth = 0;
      while (node !== null && !isKey(node)) {
        node = isRight(path, depth) ? node.right : node.left;
        depth++;
      }
      if (node === null) return null;
      node.key.copy(block, AT_KEY);
      for (; depth < PATH_BITS; depth++) step(isRight(path, depth) ? RIGHT : LEFT);
      step(OUT);
      return takeKey();
    },
    puncture: (path) => {
      const gone = self.derive(requirePath(path));
      if (gone === null || root === null) return false;
      gone.fill(0);
      root = punctureNode(root, path, 0);
      return true;
    },
    narrow: (other) => {
      const tree = trees.get(other);
      if (tree === undefined) throw new PuncturableKeyError('this is no puncturable key');
      root = narrowNode(root, tree());
    },
    serialize: () => {
      const pieces: Uint8Array[] = [];
      const write = (node: Node | null): void => {
        if (node === null) pieces.push(Uint8Array.of(PUNCTURED));
        else if (isKey(node)) pieces.push(Uint8Array.of(LEAF), node.key);
        else {
          pieces.push(Uint8Array.of(INNER));
          write(node.left);
          write(node.right);
        }
      };
      write(root);
      return Buffer.concat(pieces);
    },
    wipe: () => {
      wipeNode(root);
      root = null;
    },
  };
  trees.set(self, () => root);
  return self;
};

/** A key with nothing punctured, from 32 random bytes, which it copies. */
export const fromRoot = (root: Uint8Array): PuncturableKey => {
  if (root.length !== KEY_BYTES) throw new RangeError(`a root has ${KEY_BYTES} bytes`);
  return make({ key: Buffer.from(root) });
};

/** Reads what `serialize` wrote. Throws `PuncturableKeyError`. */
export const parsePuncturableKey = (bytes: Uint8Array): PuncturableKey => make(parseNode(bytes));
