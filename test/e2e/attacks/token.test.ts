import { createHmac, createPublicKey, generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { startTestApp, type TestApp } from '#test/support/app.ts';
import { rawSocket } from '#test/support/graph.ts';

let app: TestApp;
let good: string;
beforeAll(async () => {
  app = await startTestApp();
  good = await app.tokenOf('MTLP0001');
}, 60_000);
afterAll(() => app?.stop());

const b64 = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const parts = () => {
  const [header = '', payload = '', signature = ''] = good.split('.');
  return {
    header: JSON.parse(Buffer.from(header, 'base64url').toString()),
    payload: JSON.parse(Buffer.from(payload, 'base64url').toString()),
    signature,
  };
};
/** Signed with the real key: only the claims are wrong. */
const signed = (header: Record<string, unknown>, payload: Record<string, unknown> | string): string => {
  const text = `${b64({ ...parts().header, ...header })}.${typeof payload === 'string' ? b64(payload) : b64({ ...parts().payload, ...payload })}`;
  const { d, x, crv, kty } = app.network.secrets.tokenKey.privateJwk;
  return `${text}.${signBytes(null, Buffer.from(text), { key: { d, x, crv, kty } as never, format: 'jwk' }).toString('base64url')}`;
};
const unsigned = (header: Record<string, unknown>, signature = ''): string =>
  `${b64({ ...parts().header, ...header })}.${b64(parts().payload)}.${signature}`;
const byStranger = (header: Record<string, unknown>): string => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const text = `${b64({ ...parts().header, ...header, jwk: publicKey.export({ format: 'jwk' }) })}.${b64(parts().payload)}`;
  return `${text}.${signBytes(null, Buffer.from(text), privateKey).toString('base64url')}`;
};
const asHmac = (): string => {
  const { x, crv, kty } = app.network.secrets.tokenKey.publicJwk;
  const pem = createPublicKey({ key: { x, crv, kty } as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const text = `${b64({ ...parts().header, alg: 'HS256' })}.${b64(parts().payload)}`;
  return `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`;
};
const now = Math.floor(Date.now() / 1000);

const BAD: readonly (readonly [string, () => string])[] = [
  ['alg none', () => unsigned({ alg: 'none' })],
  ['alg None', () => unsigned({ alg: 'None' })],
  ['alg nOnE', () => unsigned({ alg: 'nOnE' }, parts().signature)],
  ['HS256 with the public key', asHmac],
  ['an empty signature', () => unsigned({})],
  ['a signature of another token', () => unsigned({ extra: 1 }, parts().signature)],
  ['kid ../../dev/null', () => signed({ kid: '../../dev/null' }, {})],
  ['kid with SQL', () => signed({ kid: "x' OR '1'='1" }, {})],
  ['kid as an address', () => signed({ kid: 'http://127.0.0.1:1/key' }, {})],
  ['no kid', () => signed({ kid: undefined }, {})],
  ['a key of its own in jwk', () => byStranger({})],
  ['jku', () => byStranger({ jku: 'http://127.0.0.1:1/jwks' })],
  ['x5u', () => byStranger({ x5u: 'http://127.0.0.1:1/cert' })],
  ['crit unknown', () => signed({ crit: ['x'], x: 1 }, {})],
  ['b64 false', () => signed({ b64: false, crit: ['b64'] }, {})],
  ['1 MB', () => `${good}${'A'.repeat(12_000)}`],
  ['another issuer', () => signed({}, { iss: 'somebody' })],
  ['another audience', () => signed({}, { aud: 'patients' })],
  ['another type', () => signed({ typ: 'JWT' }, {})],
  ['an end as a text', () => signed({}, { exp: `${now + 300}` })],
  ['an end in the far future', () => signed({}, { exp: now + 86_400 * 365 })],
  ['no end', () => signed({}, { exp: undefined })],
  ['an end that has passed', () => signed({}, { iat: now - 700, exp: now - 100 })],
  ['a beginning in the future', () => signed({}, { nbf: now + 300 })],
  ['a role that there is not', () => signed({}, { rol: 'X' })],
  ['claims twice', () => signed({}, JSON.stringify({ ...parts().payload }).replace('}', ',"rol":"A","rol":{}}'))],
  ['three dots', () => '...'],
  ['garbage', () => 'Élodie'.normalize('NFD').replaceAll(/[^\x21-\x7e]/g, 'x')],
];

it('accepts a good one', async () => {
  const answer = await app.graph.ask('{ me { username } }', {}, { token: good });
  expect(answer.data).toEqual({ me: { username: 'MTLP0001' } });
});
it.each(BAD)('refuses a token with %s, on HTTP, SSE and WebSocket, with one message', async (_title, make) => {
  const token = make();
  const answer = await app.graph.ask('{ me { username } }', {}, { token });
  expect([answer.status, answer.data, answer.errors.map(({ message, extensions }) => [message, extensions['code']])]).toEqual([
    401,
    null,
    [[expect.any(String), 'UNAUTHENTICATED']],
  ]);
  messages.add(answer.errors[0]?.message);
  expect(messages.size).toBe(1);
  const stream = await fetch(`${app.graph.url}/graphql/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query: 'subscription { slotChanged(filter: {}) { cursor } }' }),
  });
  expect(stream.status).toBe(401);
  await stream.body?.cancel();
  const socket = await rawSocket(app.graph.url);
  socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
  expect([4401, 4403]).toContain((await socket.closed).code);
});
const messages = new Set<unknown>();

it('publishes the keys that tokens are checked with, and no private half', async () => {
  const body = (await (await fetch(`${app.graph.url}/.well-known/jwks.json`)).json()) as { keys: Record<string, unknown>[] };
  expect(body.keys).toHaveLength(1);
  expect(body.keys[0]).toMatchObject({ kty: 'OKP', crv: 'Ed25519', kid: app.network.secrets.tokenKey.kid });
  expect(body.keys[0]).not.toHaveProperty('d');
});
