import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What is wrong with the server. `drop`: the next connection ends without an answer. */
type Fault = 'none' | 'sealed' | 'silent' | 'drop' | 'broken' | 'old' | 'late-500';

export type TransitServer = {
  readonly url: string;
  fault: Fault;
  readonly requests: { readonly method: string; readonly path: string; readonly namespace: string | undefined }[];
  readonly stop: () => Promise<void>;
};

const readBody = async (request: IncomingMessage): Promise<Record<string, unknown>> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString('utf8');
  return text === '' ? {} : JSON.parse(text);
};
const isBase64 = (text: unknown): text is string => typeof text === 'string' && Buffer.from(text, 'base64').toString('base64') === text;

/**
 * A server that answers as the Transit API of Vault and OpenBao is documented (https://openbao.org/api-docs/secret/transit/), since neither is
 * to be had from packages: keys with versions, AES-256-GCM over 96-bit nonces with `associated_data`, `vault:v1:` ciphertexts, the errors'
 * form and status, tokens, namespaces, 503 while sealed. `old` is a release that ignores `associated_data`; `late-500` one that tells a
 * failed authentication by 500 (hashicorp/vault#10842).
 */
export const startTransitServer = async (token: string, keys: readonly string[]): Promise<TransitServer> => {
  const versions = new Map<string, Buffer[]>(keys.map((name) => [name, [randomBytes(32)]]));
  const state: { fault: Fault } = { fault: 'none' };
  const requests: { method: string; path: string; namespace: string | undefined }[] = [];
  const answer = (body: Record<string, unknown>, name: string | undefined, act: string): readonly [number, unknown] => {
    const list = versions.get(name ?? '');
    const fail = (status: number, ...errors: string[]) => [status, { errors }] as const;
    const give = (data: unknown) =>
      [
        200,
        { request_id: 'r', lease_id: '', renewable: false, lease_duration: 0, data, wrap_info: null, warnings: null, auth: null },
      ] as const;
    if (act === 'GET keys')
      return list ? give({ name, type: 'aes256-gcm96', latest_version: list.length, min_decryption_version: 1 }) : fail(404);
    if (act === 'POST rotate') {
      if (!list) return fail(400, 'key not found');
      list.push(randomBytes(32));
      return [204, null];
    }
    const { associated_data: aad = '' } = body;
    if (!isBase64(aad)) return fail(400, 'failed to base64-decode associated_data');
    const bound = Buffer.from(state.fault === 'old' ? '' : aad, 'base64');
    if (!list) return fail(400, 'encryption key not found');
    if (act === 'POST encrypt') {
      if (!isBase64(body['plaintext'])) return fail(400, 'failed to base64-decode plaintext');
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', list.at(-1) ?? '', nonce).setAAD(bound);
      const sealed = Buffer.concat([nonce, cipher.update(Buffer.from(body['plaintext'], 'base64')), cipher.final(), cipher.getAuthTag()]);
      return give({ ciphertext: `vault:v${list.length}:${sealed.toString('base64')}`, key_version: list.length });
    }
    const [, number, text] = /^vault:v(\d+):(.*)$/.exec(String(body['ciphertext'])) ?? [];
    if (number === undefined) return fail(400, 'invalid ciphertext: no prefix');
    const key = list[Number(number) - 1];
    if (!key) return fail(400, 'invalid ciphertext: version is too new');
    const bytes = Buffer.from(text ?? '', 'base64');
    if (bytes.length < 28) return fail(400, 'invalid ciphertext: could not decode base64');
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(bound);
      decipher.setAuthTag(bytes.subarray(-16));
      return give({ plaintext: Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('base64') });
    } catch {
      return fail(state.fault === 'late-500' ? 500 : 400, 'cipher: message authentication failed');
    }
  };
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '' } = request;
    const body = await readBody(request);
    requests.push({ method, path, namespace: request.headers['x-vault-namespace'] as string | undefined });
    if (state.fault === 'silent') return;
    if (state.fault === 'drop') {
      state.fault = 'none';
      request.socket.destroy();
      return;
    }
    const reply = (status: number, content: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(content === null ? undefined : JSON.stringify(content));
    };
    if (state.fault === 'sealed') return reply(503, { errors: ['Vault is sealed'] });
    if (state.fault === 'broken') return reply(200, { data: 'x' });
    if (request.headers['x-vault-token'] !== token) return reply(403, { errors: ['permission denied'] });
    const [, act, name, rotate] = /^\/v1\/transit\/(encrypt|decrypt|keys)\/([a-z-]+)(\/rotate)?$/.exec(path) ?? [];
    if (act === undefined || (method === 'GET') !== (act === 'keys' && !rotate))
      return reply(404, { errors: [`no handler for route "${path}"`] });
    reply(...answer(body, name, `${method} ${rotate ? 'rotate' : act}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
};
