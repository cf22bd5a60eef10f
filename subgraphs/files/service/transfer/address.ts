import { createHmac, timingSafeEqual } from 'node:crypto';
import { sessionTagOf } from '#platform/http/transfer.ts';
import { cityOfId } from '#platform/pure/id.ts';

/** What an address is for, and so its method: an upload takes `PUT` (and tells `HEAD` how far it is), a download `GET`. */
export type AddressKind = 'upload' | 'download';
const METHODS = { upload: 'PUT', download: 'GET' } as const;
const IDS = { upload: 'upl', download: 'dow' } as const;

/** How long an address may wait for its first byte, in milliseconds. */
export const ADDRESS_MS = 5 * 60_000;

export type Address = { readonly kind: AddressKind; readonly id: string; readonly city: string; readonly expiresAt: Date };

const FORM = /^(upload|download)\/([A-Z]{3}-[a-z]{3}-[0-9a-z]{26})\.(\d{13})\.([A-Za-z0-9_-]{11})\.([A-Za-z0-9_-]{43})$/;

/**
 * Signed addresses, `{origin}/files/{kind}/{id}.{expires}.{session tag}.{mac}`: the mac is HMAC-SHA-256, whole and in base64url, over
 * method, id, expiry (milliseconds since 1970) and tag. What else an address is bound to stands in the row of its id.
 */
export const makeAddresses = (key: Uint8Array) => {
  const macOf = (kind: AddressKind, id: string, expires: string, tag: string): string =>
    createHmac('sha256', key).update(`${METHODS[kind]}|${id}|${expires}|${tag}`).digest('base64url');
  return {
    give: (kind: AddressKind, id: string, expiresAt: Date, sessionId: string, origin: string): string => {
      const expires = String(expiresAt.getTime());
      const tag = sessionTagOf(sessionId);
      return `${origin}/files/${kind}/${id}.${expires}.${tag}.${macOf(kind, id, expires, tag)}`;
    },
    /** What an address says; null where it was not given here. Whether it has ended is not looked at. */
    read: (path: string): Address | null => {
      const [, kind = '', id = '', expires = '', tag = '', mac = ''] = FORM.exec(path) ?? [];
      if (kind !== 'upload' && kind !== 'download') return null;
      const city = cityOfId(id, IDS[kind]);
      // Texts are compared, not bytes: the last letter has bits to spare, and one content has one address.
      const isOurs = timingSafeEqual(Buffer.from(mac), Buffer.from(macOf(kind, id, expires, tag)));
      return isOurs && city !== null ? { kind, id, city, expiresAt: new Date(Number(expires)) } : null;
    },
    /** City and id that a text names which is no address of ours, for the record; null where it names none. */
    claimOf: (path: string): { readonly city: string; readonly id: string } | null => {
      const [, kind = '', id = ''] = /^(upload|download)\/([A-Z]{3}-[a-z]{3}-[0-9a-z]{26})\./.exec(path) ?? [];
      if (kind !== 'upload' && kind !== 'download') return null;
      const city = cityOfId(id, IDS[kind]);
      return city === null ? null : { city, id };
    },
  };
};
export type Addresses = ReturnType<typeof makeAddresses>;
