import { generateKeyPairSync } from 'node:crypto';
import { ConfigurationError, readGatewayConfig, readStartConfig, readSubgraphConfig } from '#platform/config/env.ts';

const jwk = (kid: string) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    secret: JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid }),
    open: JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid }] }),
  };
};
const [token, assertion] = [jwk('t1'), jwk('a1')];
const city = (dsn: string) => ({
  code: 'MTL',
  name: { en: 'Montreal', fr: 'Montréal' },
  timeZone: 'America/Toronto',
  home: { towns: ['montreal'], postalPrefixes: ['H'] },
  noticeMinutes: 120,
  dsn,
});
const production = {
  NODE_ENV: 'production',
  CITIES: JSON.stringify([city('postgres://a.example.org:5432,b.example.org:5433/caregraph?sslmode=verify-full')]),
  PATIENTS_DB_PASSWORD: 'canary-password-1',
  CURSOR_KEY: Buffer.alloc(32, 7).toString('base64url'),
  TOKEN_KEY: token.secret,
  TOKEN_PUBLIC_KEYS: token.open,
  ASSERTION_KEY: assertion.secret,
  ASSERTION_PUBLIC_KEYS: assertion.open,
  PATIENTS_URL: 'http://127.0.0.1:4101',
  SCHEDULING_URL: 'http://127.0.0.1:4102',
  FILES_URL: 'http://127.0.0.1:4103',
  AUDIT_URL: 'http://127.0.0.1:4104',
};
const faultsOf = (read: () => unknown): readonly string[] => {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults;
    throw error;
  }
};

describe('configuration', () => {
  it('of the embedded network needs nothing', () => {
    expect(readStartConfig({})).toMatchObject({ host: '127.0.0.1', port: 4_000, dataDir: '.data', demoPassword: 'caregraph-demo' });
  });
  it('of production gives each process what it needs and no more', () => {
    const patients = readSubgraphConfig('patients', production);
    expect(patients.cities).toMatchObject([
      {
        code: 'MTL',
        tls: true,
        database: 'caregraph',
        nodes: [
          { host: 'a.example.org', port: 5_432 },
          { host: 'b.example.org', port: 5_433 },
        ],
      },
    ]);
    expect(patients.secrets.tokenKey.kid).toBe('t1');
    expect(patients.secrets.assertionKey.privateJwk).toEqual({});
    expect(patients.assertionKeys[0]).not.toHaveProperty('publicJwk.d');
    const gateway = readGatewayConfig(production);
    expect(gateway).toMatchObject({ development: false, cities: ['MTL'], assertionKey: { kid: 'a1' } });
    expect(JSON.stringify(gateway)).not.toContain('canary');
  });
  it.each<[string, Record<string, string>, RegExp]>([
    ['a demo password', { DEMO_PASSWORD: 'x' }, /^DEMO_PASSWORD is unsafe/],
    ['a host of *', { HOST: '*' }, /^HOST is unsafe/],
    ['every origin', { ALLOWED_ORIGINS: 'https://a.example.org,*' }, /^ALLOWED_ORIGINS is unsafe/],
    ['a database without TLS', { CITIES: JSON.stringify([city('postgres://a.example.org:5432/caregraph')]) }, /^CITIES MTL: is unsafe/],
    [
      'a password in a dsn',
      { CITIES: JSON.stringify([city('postgres://u:canary-dsn@127.0.0.1:5432/caregraph')]) },
      /^CITIES MTL: .*without a user/,
    ],
    [
      'a city twice',
      { CITIES: JSON.stringify([city('postgres://127.0.0.1:5432/a'), city('postgres://127.0.0.1:5432/b')]) },
      /^CITIES names a city twice/,
    ],
    [
      'a short signing key',
      { ASSERTION_KEY: '{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AA","d":"AA"}' },
      /^ASSERTION_KEY is a private Ed25519/,
    ],
    ['a private key where the public one belongs', { TOKEN_PUBLIC_KEYS: token.secret }, /^TOKEN_PUBLIC_KEYS is unsafe/],
    ['an address with a password', { FILES_URL: 'http://u:canary-url@files' }, /^FILES_URL/],
    ['a missing address', { AUDIT_URL: '' }, /^AUDIT_URL is missing$/],
    ['a port that is none', { PORT: '70000' }, /^PORT is a port/],
  ])('refuses %s', (_title, change, fault) => {
    const faults = faultsOf(() =>
      readGatewayConfig({ ...production, ...change, ...(change['CITIES'] ? { CITIES: change['CITIES'] } : {}) }),
    );
    expect(faults).toEqual([expect.stringMatching(fault)]);
    expect(faults.join()).not.toContain('canary');
  });
  it('refuses short secrets of a subgraph', () => {
    const faults = faultsOf(() => readSubgraphConfig('patients', { ...production, PATIENTS_DB_PASSWORD: 'canary', CURSOR_KEY: 'AAAA' }));
    expect(faults).toEqual([expect.stringMatching(/^PATIENTS_DB_PASSWORD is unsafe/), expect.stringMatching(/^CURSOR_KEY is unsafe/)]);
    expect(faults.join()).not.toContain('canary');
  });
  it('lists everything that production lacks when the embedded network is asked for', () => {
    const faults = faultsOf(() => readStartConfig({ NODE_ENV: 'production', DEMO_PASSWORD: 'canary' }));
    for (const name of [
      'NODE_ENV',
      'DEMO_PASSWORD',
      'CITIES',
      'TOKEN_KEY',
      'ASSERTION_KEY',
      'CURSOR_KEY',
      'AUDIT_DB_PASSWORD',
      'PATIENTS_URL',
    ])
      expect(faults.filter((fault) => fault.startsWith(`${name} `))).toHaveLength(1);
    expect(faults.join()).not.toContain('canary');
  });
});
