import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ConfigurationError } from '#platform/config/env.ts';
import type { KeysConfig } from '#platform/config/files.ts';
import { KeyRefusedError, type KeyRing, KeysUnavailableError } from '#platform/keys/key-ring.ts';
import { makeKeyring } from '#platform/keys/keyring-form.ts';
import { openKeys } from '#platform/keys/open-keys.ts';
import { type KmsServer, startKmsServer } from '#test/support/keys/kms-server.ts';
import { startTransitServer, type TransitServer } from '#test/support/keys/transit-server.ts';

// Transit and KMS answer here through servers of our own, which follow the documented APIs (see their heads): no Vault or OpenBao is to be
// had from packages, and a cloud KMS is none that a test could run.

const CITIES = ['MTL', 'QUE'];
const TOKEN = 'token-of-the-test';
const ARN = (name: string): string => `arn:aws:kms:ca-central-1:111122223333:key/${name}`;
const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-keys-'));
let transit: TransitServer;
let kms: KmsServer;
const configs: Record<string, () => KeysConfig> = {
  'keyring-file': () => ({ kind: 'keyring-file', file: path.join(folder, 'keyring.json'), createDemo: false }),
  keyring: () => ({ kind: 'keyring', keyring: makeKeyring(CITIES, { demo: false }) }),
  transit: () => ({ kind: 'transit', url: transit.url, token: TOKEN, mount: 'transit', keyPrefix: 'caregraph-', namespace: 'care/graph' }),
  'aws-kms': () => ({
    kind: 'aws-kms',
    region: 'ca-central-1',
    endpoint: kms.url,
    keys: { MTL: ['alias/mtl', ARN('mtl-1')], QUE: [ARN('que-1')] },
  }),
};
const configOf = (kind: string): KeysConfig => {
  const config = configs[kind]?.();
  if (!config) throw new Error('no such kind');
  return config;
};
const given = { ...process.env };
beforeAll(async () => {
  writeFileSync(path.join(folder, 'keyring.json'), JSON.stringify(makeKeyring(CITIES, { demo: false })), { mode: 0o600 });
  transit = await startTransitServer(TOKEN, ['caregraph-mtl', 'caregraph-que']);
  kms = await startKmsServer({
    secret: 'secret-of-the-test',
    region: 'ca-central-1',
    keys: ['mtl-1', 'mtl-2', 'que-1', 'stranger'].map(ARN),
  });
  kms.aliases.set('alias/mtl', ARN('mtl-1'));
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: 'AKIDTEST',
    AWS_SECRET_ACCESS_KEY: 'secret-of-the-test',
    AWS_EC2_METADATA_DISABLED: 'true',
  });
});
afterAll(async () => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_EC2_METADATA_DISABLED']) {
    if (given[name] === undefined) delete process.env[name];
    else process.env[name] = given[name];
  }
  await transit?.stop();
  await kms?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const dataKey = Uint8Array.from({ length: 32 }, (_value, index) => index * 7);
const context = { city: 'MTL', patient: 'MTL_pat_1', file: 'MTL_fil_1', version: 'MTL_ver_1', blob: 'b1' };
const refused = async (act: Promise<unknown>): Promise<void> => {
  await expect(act).rejects.toBeInstanceOf(KeyRefusedError);
};
const unavailable = async (act: Promise<unknown>): Promise<void> => {
  await expect(act).rejects.toBeInstanceOf(KeysUnavailableError);
};

describe.each(Object.keys(configs))('keys of the kind %s', (kind) => {
  let keys: KeyRing;
  beforeAll(async () => {
    keys = await openKeys(configOf(kind), CITIES);
  });
  afterAll(() => keys?.stop());

  it('open what they wrapped', async () => {
    const wrapped = await keys.wrap('MTL', dataKey, context);
    expect(wrapped.keyId).toBe(await keys.currentKeyId('MTL'));
    expect(wrapped.wrapped).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(wrapped.wrapped).not.toContain(Buffer.from(dataKey).toString('base64url').slice(0, 20));
    expect(await keys.unwrap('MTL', wrapped, context)).toEqual(dataKey);
    expect((await keys.wrap('MTL', dataKey, context)).wrapped).not.toBe(wrapped.wrapped);
  });
  it('open for no other context', async () => {
    const wrapped = await keys.wrap('MTL', dataKey, context);
    const { blob: _blob, ...less } = context;
    for (const other of [less, {}, { ...context, extra: 'x' }, { ...context, patient: 'MTL_pat_2' }, { ...context, version: 'MTL_ver_2' }])
      await refused(keys.unwrap('MTL', wrapped, other));
  });
  it('open nothing of another city, by its own name or by ours', async () => {
    const [ours, theirs] = [await keys.wrap('MTL', dataKey, context), await keys.wrap('QUE', dataKey, context)];
    await refused(keys.unwrap('MTL', theirs, context));
    await refused(keys.unwrap('QUE', ours, context));
    await refused(keys.unwrap('MTL', { ...theirs, keyId: ours.keyId }, context));
  });
  it('open under no other name of a key', async () => {
    const { keyId, wrapped } = await keys.wrap('MTL', dataKey, context);
    for (const other of [
      '',
      'local:MTL:99',
      `${keyId}9`,
      keyId.replace(/\d$/, '9'),
      ARN('stranger'),
      `aws-kms:${ARN('stranger')}`,
      'transit:caregraph-mtl:v0',
    ])
      await refused(keys.unwrap('MTL', { keyId: other, wrapped }, context));
  });
  it('open nothing that was changed', async () => {
    const { keyId, wrapped } = await keys.wrap('MTL', dataKey, context);
    const bytes = Buffer.from(wrapped, 'base64url');
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (at % 8)), at);
      await refused(keys.unwrap('MTL', { keyId, wrapped: flipped.toString('base64url') }, context));
    }
    for (const other of ['', 'AA', wrapped.slice(0, -4), wrapped.slice(4), `${wrapped}AAAA`, `${wrapped}=`, `${wrapped} `, '§'])
      await refused(keys.unwrap('MTL', { keyId, wrapped: other }, context));
  });
  it('open what was wrapped before a new key, and wrap with the new one', async () => {
    const old = await keys.wrap('MTL', dataKey, context);
    const made = await keys.makeKey('MTL');
    if (kind === 'aws-kms') kms.aliases.set('alias/mtl', ARN('mtl-2'));
    expect(made === null).toBe(['keyring', 'aws-kms'].includes(kind));
    const fresh = await keys.wrap('MTL', dataKey, context);
    if (kind !== 'keyring') expect(fresh.keyId).not.toBe(old.keyId);
    if (made !== null) expect([fresh.keyId, await keys.currentKeyId('MTL')]).toEqual([made, made]);
    for (const each of [old, fresh]) expect(await keys.unwrap('MTL', each, context)).toEqual(dataKey);
    if (fresh.keyId !== old.keyId) await refused(keys.unwrap('MTL', { ...old, keyId: fresh.keyId }, context));
    expect(await keys.currentKeyId('QUE')).not.toBe(fresh.keyId);
  });
  it('wrap nothing but 32 bytes', async () => {
    await expect(keys.wrap('MTL', dataKey.subarray(0, 31), context)).rejects.toThrow('a data key has 32 bytes');
  });
  it('name a city they have no key of', async () => {
    await unavailable(keys.wrap('SHE', dataKey, context));
    if (kind.startsWith('keyring')) {
      const opening = openKeys(configOf(kind), [...CITIES, 'SHE']);
      await expect(opening).rejects.toThrow(ConfigurationError);
      await expect(opening).rejects.toThrow(/no key of SHE$/);
    }
  });
});

describe('Transit', () => {
  const open = (change: object = {}) => openKeys({ ...configOf('transit'), ...change } as KeysConfig, CITIES);
  it('is asked with token, namespace and context, and never sees a context in an address', async () => {
    const keys = await open();
    transit.requests.length = 0;
    await keys.unwrap('MTL', await keys.wrap('MTL', dataKey, context), context);
    expect(new Set(transit.requests.map(({ namespace }) => namespace))).toEqual(new Set(['care/graph']));
    expect(new Set(transit.requests.map(({ path: at }) => at))).toEqual(
      new Set(['/v1/transit/encrypt/caregraph-mtl', '/v1/transit/decrypt/caregraph-mtl']),
    );
    await keys.stop();
  });
  it('that is sealed, refuses the token, breaks its form or is another mount is unavailable, and loses no wrapped key', async () => {
    const keys = await open();
    const wrapped = await keys.wrap('MTL', dataKey, context);
    for (const fault of ['sealed', 'broken'] as const) {
      transit.fault = fault;
      for (const act of [keys.wrap('MTL', dataKey, context), keys.unwrap('MTL', wrapped, context), keys.currentKeyId('MTL')])
        await unavailable(act);
      await (fault === 'sealed' ? unavailable(keys.makeKey('MTL')) : Promise.resolve());
    }
    transit.fault = 'none';
    for (const change of [{ token: 'another' }, { mount: 'elsewhere' }]) {
      const other = await open(change);
      for (const act of [other.wrap('MTL', dataKey, context), other.unwrap('MTL', wrapped, context), other.makeKey('MTL')])
        await unavailable(act);
      await other.stop();
    }
    // A prefix that names no key says nothing about the wrapped key.
    const elsewhere = await open({ keyPrefix: 'other-' });
    await unavailable(elsewhere.unwrap('MTL', { ...wrapped, keyId: wrapped.keyId.replace('caregraph-', 'other-') }, context));
    await elsewhere.stop();
    expect(await keys.unwrap('MTL', wrapped, context)).toEqual(dataKey);
    await keys.stop();
  });
  it('that loses a connection is asked once more', async () => {
    const keys = await open();
    const wrapped = await keys.wrap('MTL', dataKey, context);
    transit.fault = 'drop';
    expect(await keys.unwrap('MTL', wrapped, context)).toEqual(dataKey);
    const before = await keys.currentKeyId('MTL');
    transit.fault = 'drop';
    await unavailable(keys.makeKey('MTL'));
    expect(await keys.currentKeyId('MTL')).toBe(before);
    await keys.stop();
  });
  it('that says nothing is given up after two seconds', async () => {
    const keys = await open();
    transit.fault = 'silent';
    const from = performance.now();
    await unavailable(keys.currentKeyId('MTL'));
    expect(performance.now() - from).toBeGreaterThan(1_500);
    expect(performance.now() - from).toBeLessThan(4_000);
    transit.fault = 'none';
    await keys.stop();
  });
  it('that tells a failed check by 500 refuses all the same', async () => {
    const keys = await open();
    const wrapped = await keys.wrap('MTL', dataKey, context);
    transit.fault = 'late-500';
    await refused(keys.unwrap('MTL', wrapped, {}));
    transit.fault = 'none';
    await keys.stop();
  });
  it('that would bind no context wraps nothing', async () => {
    const keys = await open();
    transit.fault = 'old';
    await expect(keys.wrap('MTL', dataKey, context)).rejects.toThrow(/associated_data/);
    transit.fault = 'none';
    expect((await keys.wrap('MTL', dataKey, context)).keyId).toMatch(/^transit:caregraph-mtl:v\d$/);
    await keys.stop();
  });
  it('that is not there is unavailable', async () => {
    const keys = await open({ url: 'http://127.0.0.1:9' });
    await unavailable(keys.wrap('MTL', dataKey, context));
    await keys.stop();
  });
});

describe('AWS KMS', () => {
  const open = () => openKeys(configOf('aws-kms'), CITIES);
  it('gets the context as its encryption context', async () => {
    const keys = await open();
    kms.contexts.length = 0;
    await keys.wrap('QUE', dataKey, context);
    expect(kms.contexts).toEqual([context]);
    await keys.stop();
  });
  it.each([
    'AccessDeniedException',
    'DisabledException',
    'KMSInvalidStateException',
    'KMSInternalException',
    'ThrottlingException',
    'NotFoundException',
  ])('that answers %s is unavailable', async (fault) => {
    const keys = await open();
    const wrapped = await keys.wrap('QUE', dataKey, context);
    kms.fault = fault;
    await unavailable(keys.wrap('QUE', dataKey, context));
    await unavailable(keys.unwrap('QUE', wrapped, context));
    kms.fault = null;
    expect(await keys.unwrap('QUE', wrapped, context)).toEqual(dataKey);
    await keys.stop();
  });
  it('that says nothing is given up after two seconds', async () => {
    const keys = await open();
    kms.fault = 'silent';
    const from = performance.now();
    await unavailable(keys.wrap('QUE', dataKey, context));
    expect(performance.now() - from).toBeGreaterThan(1_500);
    expect(performance.now() - from).toBeLessThan(4_000);
    kms.fault = null;
    await keys.stop();
  });
  it('refuses a key signed with another secret, as unavailable', async () => {
    process.env['AWS_SECRET_ACCESS_KEY'] = 'another';
    const keys = await open();
    await unavailable(keys.wrap('QUE', dataKey, context));
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret-of-the-test';
    await keys.stop();
  });
});
