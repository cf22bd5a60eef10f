import canonicalize from 'canonicalize';
import type { KeyContext } from './key-ring.ts';

/** Length of a data key, in bytes. */
export const DATA_KEY_BYTES = 32;

/** Associated data of a wrapped key: the name of the key that wraps it and the context, as RFC 8785 JSON in UTF-8. */
export const bindContext = (key: string, context: KeyContext): Buffer => Buffer.from(canonicalize({ context, key }) ?? '', 'utf8');

/** Throws for what is no data key: that is a fault of the code that made it. */
export const requireDataKey = (dataKey: Uint8Array): Uint8Array => {
  if (dataKey.length !== DATA_KEY_BYTES) throw new Error(`a data key has ${DATA_KEY_BYTES} bytes`);
  return dataKey;
};
