import { refuseTransfer, type Transfer, type TransferAnswer } from '#platform/http/transfer.ts';
import type { Witness } from './witness.ts';

/** Longest body: an old size, 63 hashes, and a note of at most 10,000 bytes. */
const MAX_BODY = 16 * 1024;
/** Requests that are decided at once, of all witnesses together; what is beyond is refused, so that strangers cannot keep the logs away. */
const MAX_OPEN = 32;
const TEXT = 'text/plain; charset=utf-8';
/** What a witness says now is not what it says later. */
const ANEW = { 'cache-control': 'no-store', 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };
const LATEST = /^latest\/([0-9a-f]{64})$/;

/** The whole body; null where it is longer than any request can be. */
const readBody = async (body: AsyncIterable<Uint8Array>): Promise<Uint8Array | null> => {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > MAX_BODY) return null;
    parts.push(Uint8Array.from(part));
  }
  return Buffer.concat(parts);
};

/**
 * The cities as witnesses, for anybody: `POST {city}/witness/add-checkpoint` as https://c2sp.org/tlog-witness has it, `{city}/witness/key` (the
 * public key) and `{city}/witness/latest/{SHA-256 of the origin, hexadecimal}`, the note that it cosigned last of a log, as a witness has
 * to be able to show what it says. Null for a path that is none of these.
 */
export const makeServeWitness = (witnesses: ReadonlyMap<string, Witness>) => {
  let open = 0;
  const answer = (status: number, contentType: string, body: string): TransferAnswer => ({
    status,
    headers: { 'content-type': contentType, ...ANEW },
    body,
  });
  return async ({ method, path, headers, body, caller }: Parameters<Transfer>[0]): Promise<TransferAnswer | null> => {
    const [, code = '', rest = ''] = /^([A-Z]{3})\/witness\/(.+)$/.exec(path) ?? [];
    const witness = witnesses.get(code);
    if (!witness) return null;
    const { requestId } = caller;
    const wrongMethod = (allow: string): TransferAnswer =>
      refuseTransfer(405, 'BAD_USER_INPUT', `This address is for ${allow}.`, requestId, { allow, ...ANEW });
    if (rest === 'add-checkpoint') {
      if (method !== 'POST') return wrongMethod('POST');
      const tooLong = (): TransferAnswer =>
        refuseTransfer(413, 'LIMIT_EXCEEDED', `A request has at most ${MAX_BODY} bytes.`, requestId, ANEW);
      if (Number(headers['content-length'] ?? 0) > MAX_BODY) return tooLong();
      // A body that comes slowly takes no place from those that are decided.
      const read = await readBody(body);
      if (!read) return tooLong();
      if (open >= MAX_OPEN)
        return refuseTransfer(503, 'OVERLOADED', 'The witness is busy. Try again in a moment.', requestId, { 'retry-after': '2', ...ANEW });
      open++;
      try {
        const said = await witness.addCheckpoint(read);
        return answer(said.status, said.contentType, said.body);
      } finally {
        open--;
      }
    }
    const hash = LATEST.exec(rest)?.[1];
    if (rest !== 'key' && hash === undefined) return null;
    if (method !== 'GET' && method !== 'HEAD') return wrongMethod('GET, HEAD');
    const text = hash === undefined ? `${witness.vkey}\n` : await witness.latestOf(hash);
    if (text === null) return null;
    const given = answer(200, TEXT, text);
    return method === 'HEAD'
      ? { ...given, headers: { ...given.headers, 'content-length': String(Buffer.byteLength(text)) }, body: null }
      : given;
  };
};
export type ServeWitness = ReturnType<typeof makeServeWitness>;
