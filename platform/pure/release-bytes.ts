/** Bytes below which the garbage collector is left alone. */
const WORTHWHILE = 16_384;

/**
 * Gives the memory of a piece of a stream back at once, by whoever owns it and has nobody else using it: it is empty afterwards. The garbage
 * collector comes late for memory that lies outside its heap, so that a gigabyte that passes by leaves a process dozens of megabytes larger
 * (`npm run bench -- files`). Pieces that are only a part of their buffer are left as they are.
 */
export const releaseBytes = ({ buffer, byteLength }: Uint8Array): void => {
  if (byteLength >= WORTHWHILE && byteLength === buffer.byteLength && 'transfer' in buffer) buffer.transfer(0);
};
