import { Pool } from 'undici';
import { z } from 'zod';
import type { KeysConfig } from '#platform/config/files.ts';
import { bindContext, DATA_KEY_BYTES, requireDataKey } from './bind-context.ts';
import { type KeyContext, KeyRefusedError, type KeyRing, KeysUnavailableError } from './key-ring.ts';

type TransitConfig = Extract<KeysConfig, { readonly kind: 'transit' }>;

const DEADLINE_MS = 2_000;
const MAX_ANSWER_BYTES = 64 * 1024;
/** The connection ended before an answer came; asking again does no harm. */
const LOST: readonly unknown[] = ['ECONNRESET', 'EPIPE', 'ECONNREFUSED', 'UND_ERR_SOCKET', 'UND_ERR_CLOSED'];

const version = z.number().int().min(1);
const keyAnswer = z.object({ data: z.object({ latest_version: version }) });
const encryptAnswer = z.object({ data: z.object({ ciphertext: z.string().regex(/^vault:v[1-9]\d{0,8}:[A-Za-z0-9+/]+={0,2}$/) }) });
const decryptAnswer = z.object({ data: z.object({ plaintext: z.string() }) });
const errorAnswer = z.object({ errors: z.array(z.string()) });

/**
 * Transit of HashiCorp Vault or OpenBao: wrapping keys never leave it. https://openbao.org/api-docs/secret/transit/ The key of a city is
 * `{keyPrefix}{city in lower case}`, of type `aes256-gcm96`; its names in rows are `transit:{key}:v{version}`, and `wrapped` holds the bytes
 * of Transit's ciphertext without its prefix. Key and context are bound as `associated_data`. The token needs `update` on
 * `encrypt/…`, `decrypt/…` and (for `makeKey`) `keys/…/rotate`, and `read` on `keys/…`. Every request has a deadline of 2 s.
 */
export const openTransit = async (config: TransitConfig): Promise<KeyRing> => {
  const pool = new Pool(config.url, { connections: 8, maxResponseSize: MAX_ANSWER_BYTES, connect: { timeout: DEADLINE_MS } });
  const headers = {
    'content-type': 'application/json',
    'x-vault-token': config.token,
    'x-vault-request': 'true',
    ...(config.namespace === null ? {} : { 'x-vault-namespace': config.namespace }),
  };
  const nameOf = (city: string): string => `${config.keyPrefix}${city.toLowerCase()}`;

  const send = async (method: 'GET' | 'POST', path: string, body: unknown, again: boolean) => {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    for (;;) {
      try {
        const answer = await pool.request({
          method,
          path: `/v1/${config.mount}/${path}`,
          headers,
          signal,
          body: body === undefined ? null : JSON.stringify(body),
        });
        const text = await answer.body.text();
        return { status: answer.statusCode, text };
      } catch (error) {
        if (!again || !LOST.includes((error as { code?: unknown }).code)) throw new KeysUnavailableError('Transit does not answer');
        again = false;
      }
    }
  };
  const parse = <T>(schema: z.ZodType<T>, text: string): T => {
    try {
      return schema.parse(JSON.parse(text));
    } catch {
      throw new KeysUnavailableError('Transit answers what is not understood');
    }
  };
  /** `again`: whether a lost connection is asked anew, once. */
  const ask = async <T>(schema: z.ZodType<T>, method: 'GET' | 'POST', path: string, body?: unknown, again = true): Promise<T> => {
    const { status, text } = await send(method, path, body, again);
    if (status === 200) return parse(schema, text);
    if (path.startsWith('decrypt/') && (status === 400 || status === 500)) {
      const errors = parse(errorAnswer, text).errors.join();
      // A key that is not there says nothing about the bytes: the mount or the prefix is another one. Some releases tell a failed check with
      // 500: https://github.com/hashicorp/vault/issues/10842
      const isRefusal = status === 400 ? !errors.includes('key not found') : errors.includes('message authentication failed');
      if (isRefusal) throw new KeyRefusedError('Transit does not open the wrapped key');
    }
    throw new KeysUnavailableError(`Transit answers ${status}${status === 503 ? ': it is sealed or in maintenance' : ''}`);
  };
  const latest = async (city: string): Promise<string> => {
    const name = nameOf(city);
    return `transit:${name}:v${(await ask(keyAnswer, 'GET', `keys/${name}`)).data.latest_version}`;
  };
  const boundTo = (name: string, context: KeyContext): string => bindContext(`transit:${name}`, context).toString('base64');
  const encrypt = async (name: string, plaintext: Uint8Array, context: KeyContext): Promise<string> => {
    const body = { plaintext: Buffer.from(plaintext).toString('base64'), associated_data: boundTo(name, context) };
    return (await ask(encryptAnswer, 'POST', `encrypt/${name}`, body)).data.ciphertext;
  };
  const decrypt = async (name: string, ciphertext: string, context: KeyContext): Promise<Uint8Array> => {
    const { data } = await ask(decryptAnswer, 'POST', `decrypt/${name}`, { ciphertext, associated_data: boundTo(name, context) });
    return new Uint8Array(Buffer.from(data.plaintext, 'base64'));
  };
  /** A release from before `associated_data` (Vault 1.9) ignores it without a word, and would bind nothing: it is put to the test once. */
  let probing: Promise<void> | null = null;
  const requireBinding = async (name: string): Promise<void> => {
    const ciphertext = await encrypt(name, new Uint8Array(DATA_KEY_BYTES), { probe: 'one' });
    const isBound = await decrypt(name, ciphertext, { probe: 'other' }).then(
      () => false,
      (error: unknown) => (error instanceof KeyRefusedError ? true : Promise.reject(error)),
    );
    if (!isBound) throw new KeysUnavailableError('this Transit does not know associated_data; a newer release does');
  };
  return {
    currentKeyId: latest,
    wrap: async (city, dataKey, context) => {
      const name = nameOf(city);
      requireDataKey(dataKey);
      probing ??= requireBinding(name).catch((error: unknown) => {
        probing = null;
        throw error;
      });
      await probing;
      const ciphertext = await encrypt(name, dataKey, context);
      const [, number = '', bytes = ''] = ciphertext.split(':');
      return { keyId: `transit:${name}:${number}`, wrapped: Buffer.from(bytes, 'base64').toString('base64url') };
    },
    unwrap: async (city, { keyId, wrapped }, context) => {
      const name = nameOf(city);
      const number = keyId.startsWith(`transit:${name}:`) ? /:(v[1-9]\d{0,8})$/.exec(keyId)?.[1] : undefined;
      const bytes = Buffer.from(wrapped, 'base64url');
      if (number === undefined || keyId !== `transit:${name}:${number}`) throw new KeyRefusedError('this is no key of the city');
      if (bytes.length === 0 || bytes.toString('base64url') !== wrapped) throw new KeyRefusedError('this is no wrapped key');
      const opened = await decrypt(name, `vault:${number}:${bytes.toString('base64')}`, context);
      if (opened.length !== DATA_KEY_BYTES) throw new KeyRefusedError('what Transit opened is no data key');
      return opened;
    },
    makeKey: async (city) => {
      // Rotating twice after a lost answer would leave a version that nothing uses: so it is not asked again.
      const { status } = await send('POST', `keys/${nameOf(city)}/rotate`, {}, false);
      if (status !== 200 && status !== 204) throw new KeysUnavailableError(`Transit answers ${status}`);
      return latest(city);
    },
    stop: () => pool.destroy(),
  };
};
