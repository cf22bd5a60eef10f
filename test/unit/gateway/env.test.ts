import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ConfigurationError, readGatewayConfig, readStartConfig, readSubgraphConfig } from '#platform/config/env.ts';
import { addKey, makeKeyring } from '#platform/keys/keyring-form.ts';

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
  SUBJECT_INDEX_KEY: Buffer.alloc(32, 8).toString('base64url'),
  SUBJECTS_PRIMARY_STORE: 'file:///srv/subjects/a',
  SUBJECTS_BACKUP_STORE: 'file:///mnt/subjects',
  SUBJECTS_KEYRING: JSON.stringify(makeKeyring(['MTL'], { demo: false })),
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
      'SUBJECT_INDEX_KEY',
      'SUBJECTS_PRIMARY_STORE',
      'SUBJECTS_KEYRING_FILE',
      'AUDIT_DB_PASSWORD',
      'FILES_PRIMARY_STORE',
      'FILES_BACKUP_STORE',
      'FILES_KEYRING_FILE',
      'FILES_SEALING_KEYS',
      'PATIENTS_URL',
    ])
      expect(faults.filter((fault) => fault.startsWith(`${name} `))).toHaveLength(1);
    expect(faults.join()).not.toContain('canary');
  });
});

describe('keys of the audit logs', () => {
  const key = (kid: string) => JSON.parse(jwk(kid).secret);
  const [montreal] = JSON.parse(production.CITIES) as object[];
  const audit = {
    ...production,
    AUDIT_DB_PASSWORD: 'canary-password-2',
    SEQUENCER_DB_PASSWORD: 'canary-password-3',
    AUDIT_LOG_KEYS: JSON.stringify({ MTL: key('caregraph.example/audit/MTL') }),
    AUDIT_WITNESS_KEYS: JSON.stringify({ MTL: key('caregraph.example/witness/MTL') }),
  };
  it('reach the audit subgraph alone, with the role that writes the log', () => {
    const { secrets } = readSubgraphConfig('audit', audit);
    expect(secrets.logKeys).toMatchObject({ MTL: [{ kid: 'caregraph.example/audit/MTL', publicJwk: { crv: 'Ed25519' } }] });
    expect(secrets.databasePasswords).toMatchObject({ audit: 'canary-password-2', sequencer: 'canary-password-3', patients: '' });
    expect(readSubgraphConfig('patients', audit).secrets).toMatchObject({ logKeys: {}, databasePasswords: { sequencer: '' } });
  });
  const same = key('a/MTL');
  it.each<[string, string, RegExp]>([
    ['no key', '', /^AUDIT_LOG_KEYS is missing$/],
    ['no JSON', 'canary', /^AUDIT_LOG_KEYS is no JSON$/],
    ['an origin with a space', JSON.stringify({ MTL: key('canary MTL') }), /^AUDIT_LOG_KEYS holds, by the code of each city/],
    ['an origin with a plus', JSON.stringify({ MTL: key('canary+MTL') }), /^AUDIT_LOG_KEYS holds, by the code of each city/],
    ['a key of another city', JSON.stringify({ QUE: key('canary/QUE') }), /^AUDIT_LOG_KEYS holds no key of MTL$/],
    ['one key for two', JSON.stringify({ MTL: same, QUE: { ...same, kid: 'a/QUE' } }), /^AUDIT_LOG_KEYS is unsafe/],
    ['one key twice', JSON.stringify({ MTL: [same, same] }), /^AUDIT_LOG_KEYS is unsafe/],
    ['keys of two origins', JSON.stringify({ MTL: [same, key('canary/QUE')] }), /^AUDIT_LOG_KEYS holds, by the code of each city/],
    ['an empty list', JSON.stringify({ MTL: [] }), /^AUDIT_LOG_KEYS holds, by the code of each city/],
    ['an origin that is a shard of another', JSON.stringify({ MTL: key('a/LOG'), QUE: key('a/LOG/2') }), /^AUDIT_LOG_KEYS is unsafe/],
    ['a file that is not there', 'file:///canary/none.json', /^AUDIT_LOG_KEYS names a file that cannot be read$/],
    ['one origin for two', JSON.stringify({ MTL: key('a'), QUE: key('a') }), /^AUDIT_LOG_KEYS is unsafe/],
  ])('are refused: %s', (_title, AUDIT_LOG_KEYS, fault) => {
    const faults = faultsOf(() => readSubgraphConfig('audit', { ...audit, CITIES: JSON.stringify([montreal]), AUDIT_LOG_KEYS }));
    expect(faults).toEqual([expect.stringMatching(fault)]);
    expect(faults.join()).not.toContain('canary');
  });

  it('and of the witnesses are theirs alone', () => {
    const { secrets, auditPolicy } = readSubgraphConfig('audit', audit);
    expect(secrets.witnessKeys).toMatchObject({ MTL: { kid: 'caregraph.example/witness/MTL', publicJwk: { crv: 'Ed25519' } } });
    expect(auditPolicy).toBeNull();
    const { secrets: others } = readSubgraphConfig('patients', audit);
    expect(others.witnessKeys).toEqual({});
  });
  it.each<[string, string, RegExp]>([
    ['no key', '', /^AUDIT_WITNESS_KEYS is missing$/],
    ['no JSON', 'canary', /^AUDIT_WITNESS_KEYS is no JSON$/],
    ['a name with a space', JSON.stringify({ MTL: key('canary MTL') }), /^AUDIT_WITNESS_KEYS holds, by the code of each city/],
    ['a key of another city', JSON.stringify({ QUE: key('canary/QUE') }), /^AUDIT_WITNESS_KEYS holds no key of MTL$/],
    ['one key for two', JSON.stringify({ MTL: same, QUE: { ...same, kid: 'a/QUE' } }), /^AUDIT_WITNESS_KEYS is unsafe/],
    [
      'a key that signs a log',
      JSON.stringify({ MTL: { ...JSON.parse(audit.AUDIT_LOG_KEYS).MTL, kid: 'canary' } }),
      /^AUDIT_WITNESS_KEYS is unsafe: holds a key that signs a log$/,
    ],
  ])('of witnesses are refused: %s', (_title, AUDIT_WITNESS_KEYS, fault) => {
    const faults = faultsOf(() => readSubgraphConfig('audit', { ...audit, CITIES: JSON.stringify([montreal]), AUDIT_WITNESS_KEYS }));
    expect(faults).toEqual([expect.stringMatching(fault)]);
    expect(faults.join()).not.toContain('canary');
  });
  it('of witnesses may be elsewhere where a policy says who they are', () => {
    const read = (AUDIT_POLICY: string) =>
      readSubgraphConfig('audit', { ...audit, AUDIT_WITNESS_KEYS: JSON.stringify({ QUE: key('w/QUE') }), AUDIT_POLICY });
    expect(read('quorum none').auditPolicy).toBe('quorum none\n');
    for (const [policy, fault] of [
      ['canary', /^AUDIT_POLICY cannot be read: line 1 of the policy/],
      ['log canary\nquorum none', /^AUDIT_POLICY cannot be read: line 1 of the policy/],
      ['file:///nowhere/canary', /^AUDIT_POLICY names a file that cannot be read$/],
      ['file://host/canary', /^AUDIT_POLICY is a policy, or a file/],
    ] as const) {
      const faults = faultsOf(() => read(policy));
      expect(faults).toContainEqual(expect.stringMatching(fault));
      expect(faults.join()).not.toContain('canary');
    }
  });
});

describe('subject keys', () => {
  it('reach every subgraph, and have no floor, as keys have to go from a full disk, too', () => {
    for (const name of ['patients', 'scheduling'] as const) {
      const config = readSubgraphConfig(name, {
        ...production,
        SCHEDULING_DB_PASSWORD: 'canary-password-4',
        RELAY_DB_PASSWORD: 'canary-password-5',
      });
      expect(config.secrets.subjectIndexKey).toBe(production.SUBJECT_INDEX_KEY);
      expect(config.subjects).toMatchObject({
        primary: { kind: 'directory', folder: '/srv/subjects/a', floorShare: 0 },
        backup: { kind: 'directory', folder: '/mnt/subjects', floorShare: 0 },
        keys: { kind: 'keyring' },
      });
    }
  });
  it.each<[string, Record<string, string>, RegExp]>([
    ['a short index key', { SUBJECT_INDEX_KEY: 'canary' }, /^SUBJECT_INDEX_KEY is unsafe/],
    [
      'both copies in one place',
      { SUBJECTS_BACKUP_STORE: 'file:///srv/subjects/a/canary' },
      /^SUBJECTS_BACKUP_STORE is unsafe: the same place/,
    ],
    [
      'a keyring of the embedded network',
      { SUBJECTS_KEYRING: JSON.stringify(makeKeyring(['MTL'], { demo: true })) },
      /^SUBJECTS_KEYRING is unsafe/,
    ],
    [
      'a keyring without the city',
      { SUBJECTS_KEYRING: JSON.stringify(makeKeyring(['QUE'], { demo: false })) },
      /^SUBJECTS_KEYRING holds no key of MTL/,
    ],
    ['no keyring', { SUBJECTS_KEYRING: '' }, /^SUBJECTS_KEYRING_FILE is missing: one of SUBJECTS_KEYRING,/],
  ])('refuse %s', (_title, change, fault) => {
    const faults = faultsOf(() => readSubgraphConfig('patients', { ...production, ...change }));
    expect(faults).toEqual([expect.stringMatching(fault)]);
    expect(faults.join()).not.toContain('canary');
  });
});

describe('settings of shards of audit logs', () => {
  const shardsOf = (more: Record<string, string>) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-env-'));
    try {
      return readStartConfig({ DATA_DIR: folder, ...more }).auditShards;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  it('turn a shard after a year and delete none unless said so', () => {
    expect(shardsOf({})).toMatchObject({ shardDays: 366, retentionDays: null, checkpointMinutes: 60 });
    expect(shardsOf({ AUDIT_SHARD_DAYS: 'none', AUDIT_RETENTION_DAYS: '3653', AUDIT_ARCHIVE_DIR: '/srv/a' })).toMatchObject({
      shardDays: null,
      retentionDays: 3653,
      archive: '/srv/a',
    });
  });
  it.each(['0', '-1', '1.5', 'canary'])('are refused: %s', (days) => {
    for (const name of ['AUDIT_SHARD_DAYS', 'AUDIT_RETENTION_DAYS'])
      expect(faultsOf(() => shardsOf({ [name]: days }))).toEqual([`${name} is a number of days from 1 on, or none`]);
  });
});

describe('settings of files', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-env-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const sealing = (type: 'x25519' | 'P-256', kid: string) => {
    const { privateKey } = type === 'x25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('ec', { namedCurve: type });
    return { ...privateKey.export({ format: 'jwk' }), kid };
  };
  const keyring = makeKeyring(['MTL'], { demo: false });
  const demo = makeKeyring(['MTL'], { demo: true });
  const demoBytes = demo.cities['MTL']?.keys['demo:MTL:1'] ?? '';
  const s3 = { kind: 's3', region: 'ca-central-1', bucket: 'caregraph-files', accessKeyId: 'canary-id', secretAccessKey: 'canary-secret' };
  const kms = { kind: 'aws-kms', region: 'ca-central-1', keys: { MTL: 'alias/caregraph-mtl' } };
  const transit = { kind: 'transit', url: 'https://keys.example.org:8200', token: 'canary-token' };
  const [montreal] = JSON.parse(production.CITIES) as object[];
  const files = {
    ...production,
    FILES_DB_PASSWORD: 'canary-password-1',
    FILES_PRIMARY_STORE: 'file:///srv/files/a',
    FILES_BACKUP_STORE: JSON.stringify(s3),
    FILES_KEYRING: JSON.stringify(keyring),
    FILES_SEALING_KEYS: JSON.stringify({ keys: [sealing('x25519', 's1'), sealing('P-256', 's2')] }),
  };
  const without = (...names: string[]): Record<string, string> =>
    Object.fromEntries(Object.entries(files).filter(([name]) => !names.includes(name)));
  const write = (name: string, content: unknown, mode = 0o600): string => {
    const file = path.join(folder, name);
    writeFileSync(file, JSON.stringify(content));
    chmodSync(file, mode);
    return file;
  };

  it('give the files subgraph its stores, keys and quotas, and nobody else', () => {
    const config = readSubgraphConfig('files', files);
    expect(config.files).toEqual({
      primary: { kind: 'directory', folder: '/srv/files/a', floorShare: 0.1 },
      backup: { ...s3, endpoint: 'https://s3.ca-central-1.amazonaws.com', pathStyle: false },
      keys: { kind: 'keyring', keyring },
      patientQuotaBytes: 53_687_091_200,
      cityQuotaBytes: 10_995_116_277_760,
    });
    expect(config.secrets.sealingKeys.map(({ kid, publicJwk }) => [kid, publicJwk['crv'], publicJwk['d']])).toEqual([
      ['s1', 'X25519', undefined],
      ['s2', 'P-256', undefined],
    ]);
    const patients = readSubgraphConfig('patients', { ...files, FILES_KEYRING: 'canary' });
    expect([patients.files, patients.secrets.sealingKeys]).toEqual([null, []]);
  });
  it('name what holds the keys in one of three ways', () => {
    const file = write('keyring.json', keyring);
    const rest = without('FILES_KEYRING');
    expect(readSubgraphConfig('files', { ...rest, FILES_KEYRING_FILE: file }).files.keys).toEqual({
      kind: 'keyring-file',
      file,
      createDemo: false,
    });
    expect(readSubgraphConfig('files', { ...rest, FILES_KEYS: JSON.stringify(transit) }).files.keys).toEqual({
      ...transit,
      mount: 'transit',
      keyPrefix: 'caregraph-',
      namespace: null,
    });
    expect(readSubgraphConfig('files', { ...rest, FILES_KEYS: JSON.stringify(kms) }).files.keys).toEqual({
      ...kms,
      endpoint: null,
      keys: { MTL: ['alias/caregraph-mtl'] },
    });
    expect(faultsOf(() => readSubgraphConfig('files', rest))).toEqual([
      'FILES_KEYRING_FILE is missing: one of FILES_KEYRING, FILES_KEYRING_FILE, FILES_KEYS says who holds the keys',
    ]);
    expect(faultsOf(() => readSubgraphConfig('files', { ...files, FILES_KEYRING_FILE: file }))).toEqual([
      expect.stringMatching(/^FILES_KEYRING and FILES_KEYRING_FILE are given: one of/),
    ]);
  });
  it.each<[string, Record<string, string>, RegExp]>([
    ['two stores in one folder', { FILES_BACKUP_STORE: 'file:///srv/files/a/' }, /^FILES_BACKUP_STORE is unsafe: the same place/],
    ['a store inside the other', { FILES_BACKUP_STORE: 'file:///srv/files/a/b/../c' }, /^FILES_BACKUP_STORE is unsafe/],
    [
      'two stores in one bucket',
      { FILES_PRIMARY_STORE: JSON.stringify({ ...s3, accessKeyId: 'canary2' }) },
      /^FILES_BACKUP_STORE is unsafe/,
    ],
    ['the root folder', { FILES_PRIMARY_STORE: 'file:///' }, /^FILES_PRIMARY_STORE is a folder/],
    ['a folder of another host', { FILES_PRIMARY_STORE: 'file://canary/srv' }, /^FILES_PRIMARY_STORE is a folder/],
    [
      'a store without TLS',
      { FILES_BACKUP_STORE: JSON.stringify({ ...s3, endpoint: 'http://canary.example.org' }) },
      /^FILES_BACKUP_STORE is unsafe: endpoint/,
    ],
    [
      'a store with a member nobody knows',
      { FILES_BACKUP_STORE: JSON.stringify({ ...s3, canary: 1 }) },
      /^FILES_BACKUP_STORE has no members but/,
    ],
    ['a store of no kind', { FILES_BACKUP_STORE: '/srv/canary' }, /^FILES_BACKUP_STORE is a folder such as/],
    ['a floor of everything', { FILES_DISK_FLOOR: '0.9' }, /^FILES_DISK_FLOOR is a share/],
    ['a quota that is no number', { FILES_PATIENT_QUOTA_BYTES: '50 GiB' }, /^FILES_PATIENT_QUOTA_BYTES is a whole number of bytes/],
    ['a quota of nothing', { FILES_CITY_QUOTA_BYTES: '0' }, /^FILES_CITY_QUOTA_BYTES/],
    ['sealing keys without their private half', { FILES_SEALING_KEYS: assertion.open }, /^FILES_SEALING_KEYS holds private/],
    ['a signing key in place of a sealing key', { FILES_SEALING_KEYS: assertion.secret }, /^FILES_SEALING_KEYS holds private/],
    [
      'a sealing key with halves of two pairs',
      { FILES_SEALING_KEYS: JSON.stringify({ keys: [{ ...sealing('x25519', 'a'), x: sealing('x25519', 'b')['x'] }] }) },
      /^FILES_SEALING_KEYS holds private/,
    ],
    [
      'two sealing keys of one name',
      { FILES_SEALING_KEYS: JSON.stringify({ keys: [sealing('x25519', 'a'), sealing('P-256', 'a')] }) },
      /^FILES_SEALING_KEYS names two keys alike/,
    ],
    ['a demo keyring', { FILES_KEYRING: JSON.stringify(demo) }, /^FILES_KEYRING is unsafe: holds keys of the embedded network/],
    ['a demo keyring that hides it', { FILES_KEYRING: JSON.stringify({ ...demo, demo: false }) }, /^FILES_KEYRING is unsafe/],
    [
      'a demo key under another name',
      {
        FILES_KEYRING: JSON.stringify({
          version: 1,
          demo: false,
          cities: { MTL: { current: 'local:MTL:1', keys: { 'local:MTL:1': demoBytes } } },
        }),
      },
      /^FILES_KEYRING is unsafe/,
    ],
    [
      'a keyring without a key of a city',
      { FILES_KEYRING: JSON.stringify(makeKeyring(['QUE'], { demo: false })) },
      /^FILES_KEYRING holds no key of MTL$/,
    ],
    ['a damaged keyring', { FILES_KEYRING: '{"canary":' }, /^FILES_KEYRING is damaged/],
  ])('refuse %s', (_title, change, fault) => {
    const faults = faultsOf(() => readSubgraphConfig('files', { ...files, ...change }));
    expect(faults).toEqual([expect.stringMatching(fault)]);
    expect(faults.join()).not.toMatch(/canary/);
    expect(faults.join()).not.toContain(demoBytes);
  });
  it.each<[string, () => string, RegExp]>([
    ['others may read', () => write('open.json', keyring, 0o640), /^FILES_KEYRING_FILE is unsafe: others may read it/],
    ['is not there', () => path.join(folder, 'canary.json'), /^FILES_KEYRING_FILE names a file that is not there$/],
    ['is a folder', () => folder, /^FILES_KEYRING_FILE (?:is unsafe|cannot be read)/],
    ['is the embedded one', () => write('demo.json', demo), /^FILES_KEYRING_FILE is unsafe: holds keys of the embedded network/],
    ['lacks a city', () => write('que.json', makeKeyring(['QUE'], { demo: false })), /^FILES_KEYRING_FILE holds no key of MTL$/],
  ])('refuse a keyring file that %s', (_title, file, fault) => {
    const faults = faultsOf(() => readSubgraphConfig('files', { ...without('FILES_KEYRING'), FILES_KEYRING_FILE: file() }));
    expect(faults).toEqual([expect.stringMatching(fault)]);
    expect(faults.join()).not.toMatch(/canary|caregraph-env/);
  });
  it.each<[string, object, RegExp]>([
    ['Transit without TLS', { ...transit, url: 'http://keys.example.org' }, /^FILES_KEYS is unsafe: url is an https address/],
    ['Transit with a login in its address', { ...transit, url: 'https://u:canary@keys.example.org' }, /^FILES_KEYS url is an https/],
    ['Transit without a token', { kind: 'transit', url: transit.url }, /^FILES_KEYS token is a text/],
    ['KMS without a key of a city', { ...kms, keys: { QUE: 'canary' } }, /^FILES_KEYS holds no key of MTL$/],
    ['one KMS key for two cities', { ...kms, keys: { MTL: 'canary', QUE: ['canary'] } }, /^FILES_KEYS is unsafe: names one key twice/],
    ['another kind', { kind: 'canary' }, /^FILES_KEYS is JSON of kind/],
  ])('refuse %s', (_title, keys, fault) => {
    const faults = faultsOf(() => readSubgraphConfig('files', { ...without('FILES_KEYRING'), FILES_KEYS: JSON.stringify(keys) }));
    expect(faults).toEqual([expect.stringMatching(fault)]);
    expect(faults.join()).not.toMatch(/canary/);
  });
  it('take Transit on loopback without TLS', () => {
    const keys = JSON.stringify({ ...transit, url: 'http://127.0.0.1:8200' });
    expect(readSubgraphConfig('files', { ...without('FILES_KEYRING'), FILES_KEYS: keys }).files.keys).toMatchObject({
      url: 'http://127.0.0.1:8200',
    });
  });
  it('take a demo keyring anywhere but in production', () => {
    const development = { ...without('FILES_KEYRING', 'NODE_ENV'), FILES_KEYRING_FILE: write('demo2.json', demo) };
    expect(readSubgraphConfig('files', development).files.keys).toMatchObject({ createDemo: true });
    expect(readSubgraphConfig('files', { ...development, FILES_KEYRING_FILE: write('own.json', keyring) }).files.keys).toMatchObject({
      createDemo: false,
    });
    expect(readSubgraphConfig('files', { ...development, FILES_KEYRING_FILE: path.join(folder, 'later.json') }).files.keys).toMatchObject({
      createDemo: true,
    });
  });
  it('tell all faults together', () => {
    const faults = faultsOf(() =>
      readSubgraphConfig('files', {
        ...files,
        FILES_PRIMARY_STORE: 'canary',
        FILES_BACKUP_STORE: '',
        FILES_KEYRING: 'canary',
        FILES_SEALING_KEYS: '',
      }),
    );
    expect(faults.map((fault) => fault.split(' ')[0]).sort()).toEqual([
      'FILES_BACKUP_STORE',
      'FILES_KEYRING',
      'FILES_PRIMARY_STORE',
      'FILES_SEALING_KEYS',
    ]);
    expect(faults.join()).not.toMatch(/canary/);
  });
  it('need every city of the network to have a key', () => {
    const CITIES = JSON.stringify([montreal, { ...montreal, code: 'QUE' }, { ...montreal, code: 'SHE' }]);
    expect(
      faultsOf(() => readSubgraphConfig('files', { ...files, CITIES, FILES_KEYRING: JSON.stringify(addKey(keyring, 'SHE')) })),
    ).toEqual(['FILES_KEYRING holds no key of QUE', 'SUBJECTS_KEYRING holds no key of QUE, SHE']);
  });
  it('lie in the data folder of the embedded network', () => {
    expect(readStartConfig({ DATA_DIR: '/srv/care', FILES_DISK_FLOOR: '0' }).files).toMatchObject({
      primary: { kind: 'directory', folder: '/srv/care/files/primary', floorShare: 0 },
      backup: { kind: 'directory', folder: '/srv/care/files/backup', floorShare: 0 },
      keys: { kind: 'keyring-file', file: '/srv/care/keyring.json', createDemo: true },
    });
    expect(readStartConfig({}).files.primary).toMatchObject({ floorShare: 0.02 });
  });
  it.each([
    ['https://graph.example.org', 'https://graph.example.org'],
    ['http://127.0.0.1:4000', 'http://127.0.0.1:4000'],
    ['', null],
  ])('tell the gateway its public address %j', (text, url) => {
    expect(readGatewayConfig({ ...production, PUBLIC_URL: text }).publicUrl).toBe(url);
  });
  it.each(['http://graph.example.org', 'https://graph.example.org/canary', 'https://u:canary@graph.example.org', 'canary'])(
    'refuse the public address %s',
    (text) => {
      const faults = faultsOf(() => readGatewayConfig({ ...production, PUBLIC_URL: text }));
      expect(faults).toEqual([expect.stringMatching(/^PUBLIC_URL is /)]);
      expect(faults.join()).not.toMatch(/canary/);
    },
  );
});
