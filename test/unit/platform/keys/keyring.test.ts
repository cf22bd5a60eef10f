import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { ConfigurationError } from '#platform/config/env.ts';
import { KeyRefusedError, KeysUnavailableError } from '#platform/keys/key-ring.ts';
import { openKeyring } from '#platform/keys/keyring.ts';
import { isDemoKeyring, makeKeyring, parseKeyring } from '#platform/keys/keyring-form.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-keyring-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let serial = 0;
const write = (content: unknown, mode = 0o600): string => {
  const file = path.join(folder, `${++serial}.json`);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content), { mode });
  chmodSync(file, mode);
  return file;
};
const openFile = (file: string, createDemo = false) => openKeyring({ kind: 'keyring-file', file, createDemo });
const dataKey = new Uint8Array(32).fill(7);
const context = { city: 'MTL', file: 'f1' };

describe('a keyring file', () => {
  it.each([0o640, 0o604, 0o644, 0o660])('that others may read (%o) is refused', async (mode) => {
    await expect(openFile(write(makeKeyring(['MTL'], { demo: false }), mode))).rejects.toThrow(/unsafe: others may read it; chmod 600/);
  });
  const ring = makeKeyring(['MTL', 'QUE'], { demo: false });
  const [mtl, que] = [ring.cities['MTL'], ring.cities['QUE']];
  const secret = mtl?.keys['local:MTL:1'] ?? '';
  it.each<[string, unknown]>([
    ['no JSON', '{'],
    ['an empty file', ''],
    ['another version', { ...ring, version: 2 }],
    ['no demo flag', { version: 1, cities: {} }],
    ['current that names no key', { ...ring, cities: { MTL: { ...mtl, current: 'local:MTL:2' } } }],
    ['current of Object.prototype', { ...ring, cities: { MTL: { ...mtl, current: 'toString' } } }],
    ['a key of another city', { ...ring, cities: { MTL: que } }],
    ['a short key', { ...ring, cities: { MTL: { current: 'local:MTL:1', keys: { 'local:MTL:1': secret.slice(0, 40) } } } }],
    ['a key of zeros', { ...ring, cities: { MTL: { current: 'local:MTL:1', keys: { 'local:MTL:1': 'A'.repeat(43) } } } }],
    ['one key twice', { ...ring, cities: { MTL: { ...mtl, keys: { ...mtl?.keys, 'local:MTL:2': secret } } } }],
    ['a member nobody knows', { ...ring, note: 'x' }],
  ])('with %s is refused, and no value of it is told', async (_what, content) => {
    const error = await openFile(write(content)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as Error).message).toMatch(/damaged|unsafe/);
    expect((error as Error).message).not.toContain(secret.slice(0, 12));
  });
  it('that is not there is refused, unless a demo may be made', async () => {
    const file = path.join(folder, 'absent', 'keyring.json');
    await expect(openFile(file)).rejects.toThrow(/is not there/);
    const keys = await openFile(file, true);
    expect(await keys.currentKeyId('MTL')).toBe('demo:MTL:1');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const made = parseKeyring(readFileSync(file, 'utf8'));
    expect(typeof made !== 'string' && isDemoKeyring(made)).toBe(true);
    // What was wrapped by one process opens in the next.
    const wrapped = await keys.wrap('MTL', dataKey, context);
    await keys.stop();
    expect(await (await openFile(file, true)).unwrap('MTL', wrapped, context)).toEqual(dataKey);
  });
  it('without a key of a city says so and makes none', async () => {
    const file = write(makeKeyring(['MTL'], { demo: false }));
    const before = readFileSync(file, 'utf8');
    const keys = await openFile(file);
    await expect(keys.wrap('QUE', dataKey, context)).rejects.toThrow(new KeysUnavailableError('the keyring holds no key of QUE'));
    expect(readFileSync(file, 'utf8')).toBe(before);
  });
  it('shows a new key to every process that has it open', async () => {
    const file = write(makeKeyring(['MTL'], { demo: false }));
    const [one, other] = [await openFile(file), await openFile(file)];
    const old = await one.wrap('MTL', dataKey, context);
    expect(await one.makeKey('MTL')).toBe('local:MTL:2');
    expect(await other.currentKeyId('MTL')).toBe('local:MTL:2');
    const fresh = await one.wrap('MTL', dataKey, context);
    const third = await openFile(file);
    expect(await one.makeKey('MTL')).toBe('local:MTL:3');
    const newest = await one.wrap('MTL', dataKey, context);
    for (const keys of [one, other, third]) {
      for (const each of [old, fresh, newest]) expect(await keys.unwrap('MTL', each, context)).toEqual(dataKey);
    }
  });
  it('gets every key once when many ask at the same time, and nothing else stays in its folder', async () => {
    const own = path.join(folder, 'many');
    mkdirSync(own);
    const file = path.join(own, 'keyring.json');
    writeFileSync(file, JSON.stringify(makeKeyring(['MTL'], { demo: false })), { mode: 0o600 });
    const rings = await Promise.all(Array.from({ length: 4 }, () => openFile(file)));
    await Promise.all(rings.flatMap((keys) => [keys.makeKey('MTL'), keys.makeKey('MTL'), keys.makeKey('MTL')]));
    const ring = JSON.parse(readFileSync(file, 'utf8'));
    expect(Object.keys(ring.cities.MTL.keys)).toHaveLength(13);
    expect(ring.cities.MTL.current).toBe('local:MTL:13');
    expect(readdirSync(own)).toEqual(['keyring.json']);
  });
  it('gets the first key of a city once when many demo processes need it', async () => {
    const file = path.join(folder, 'first', 'keyring.json');
    const rings = await Promise.all(Array.from({ length: 4 }, () => openFile(file, true)));
    const wrapped = await Promise.all(rings.map((keys) => keys.wrap('SHE', dataKey, context)));
    expect(new Set(wrapped.map(({ keyId }) => keyId))).toEqual(new Set(['demo:SHE:1']));
    for (const each of wrapped) expect(await rings[0]?.unwrap('SHE', each, context)).toEqual(dataKey);
  });
  it('is taken over from a process that died while it wrote', async () => {
    const file = write(makeKeyring(['MTL'], { demo: false }));
    writeFileSync(`${file}.lock`, '1 dead\n');
    utimesSync(`${file}.lock`, new Date(Date.now() - 60_000), new Date(Date.now() - 60_000));
    expect(await (await openFile(file)).makeKey('MTL')).toBe('local:MTL:2');
    expect(readdirSync(folder).filter((name) => name.includes('.lock'))).toEqual([]);
  });
  it('behind a link is replaced where it lies', async () => {
    const file = write(makeKeyring(['MTL'], { demo: false }));
    const link = path.join(folder, 'link.json');
    symlinkSync(file, link);
    await (await openFile(link)).makeKey('MTL');
    expect(JSON.parse(readFileSync(file, 'utf8')).cities.MTL.current).toBe('local:MTL:2');
  });
  it('that is damaged or gone later opens what it opened, and wraps nothing', async () => {
    const file = write(makeKeyring(['MTL'], { demo: false }));
    const keys = await openFile(file);
    const wrapped = await keys.wrap('MTL', dataKey, context);
    for (const spoil of [() => writeFileSync(file, '{'), () => rmSync(file)]) {
      spoil();
      expect(await keys.unwrap('MTL', wrapped, context)).toEqual(dataKey);
      await expect(keys.wrap('MTL', dataKey, context)).rejects.toBeInstanceOf(KeysUnavailableError);
      await expect(keys.makeKey('MTL')).rejects.toBeInstanceOf(KeysUnavailableError);
      await expect(keys.unwrap('MTL', { ...wrapped, keyId: 'local:MTL:9' }, context)).rejects.toBeInstanceOf(KeysUnavailableError);
    }
  });
  it('opens nothing after it was closed', async () => {
    const keys = await openFile(write(makeKeyring(['MTL'], { demo: false })));
    const wrapped = await keys.wrap('MTL', dataKey, context);
    await keys.stop();
    await expect(keys.unwrap('MTL', wrapped, context)).rejects.toBeInstanceOf(KeysUnavailableError);
  });
});

describe('a demo key', () => {
  it('is known again without its flag, and under another name', () => {
    const demo = makeKeyring(['MTL'], { demo: true });
    const key = demo.cities['MTL']?.keys['demo:MTL:1'] ?? '';
    expect(isDemoKeyring({ ...demo, demo: false })).toBe(true);
    expect(isDemoKeyring({ version: 1, demo: false, cities: { MTL: { current: 'local:MTL:1', keys: { 'local:MTL:1': key } } } })).toBe(
      true,
    );
    expect(isDemoKeyring(makeKeyring(['MTL', 'QUE', 'SHE'], { demo: false }))).toBe(false);
  });
});

describe('a wrapped key', () => {
  const ring = makeKeyring(['MTL', 'QUE'], { demo: false });
  const contexts = fc.dictionary(fc.string({ minLength: 1, maxLength: 12 }), fc.string({ maxLength: 40 }), { maxKeys: 6 });
  it('opens to what was wrapped, in any context and in any order of it', async () => {
    const keys = await openKeyring({ kind: 'keyring', keyring: ring });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), contexts, async (key, given) => {
        const wrapped = await keys.wrap('MTL', key, given);
        const turned = Object.fromEntries(Object.entries(given).toReversed());
        expect(Buffer.from(await keys.unwrap('MTL', wrapped, turned))).toEqual(Buffer.from(key));
        expect(Buffer.from(wrapped.wrapped, 'base64url')).toHaveLength(61);
      }),
    );
  });
  it('opens for no other context', async () => {
    const keys = await openKeyring({ kind: 'keyring', keyring: ring });
    await fc.assert(
      fc.asyncProperty(contexts, contexts, async (one, other) => {
        const sorted = (given: Record<string, string>) => JSON.stringify(Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1)));
        fc.pre(sorted(one) !== sorted(other));
        const wrapped = await keys.wrap('MTL', dataKey, one);
        await expect(keys.unwrap('MTL', wrapped, other)).rejects.toBeInstanceOf(KeyRefusedError);
      }),
    );
  });
  it('opens with no bit changed, anywhere', async () => {
    const keys = await openKeyring({ kind: 'keyring', keyring: ring });
    const { keyId, wrapped } = await keys.wrap('MTL', dataKey, context);
    const bytes = Buffer.from(wrapped, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      await expect(keys.unwrap('MTL', { keyId, wrapped: flipped.toString('base64url') }, context)).rejects.toBeInstanceOf(KeyRefusedError);
    }
  });
  it('opens in no other spelling', async () => {
    const keys = await openKeyring({ kind: 'keyring', keyring: ring });
    const { keyId, wrapped } = await keys.wrap('MTL', dataKey, context);
    const last = wrapped.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const twin = `${wrapped.slice(0, -1)}${alphabet[alphabet.indexOf(last) + 1]}`;
    expect(Buffer.from(twin, 'base64url')).toEqual(Buffer.from(wrapped, 'base64url'));
    for (const each of [twin, `${wrapped}=`, ` ${wrapped}`, `${wrapped}\n`]) {
      await expect(keys.unwrap('MTL', { keyId, wrapped: each }, context)).rejects.toBeInstanceOf(KeyRefusedError);
    }
  });
  it('is another text each time', async () => {
    const keys = await openKeyring({ kind: 'keyring', keyring: ring });
    const texts = await Promise.all(Array.from({ length: 50 }, async () => (await keys.wrap('MTL', dataKey, context)).wrapped));
    expect(new Set(texts.map((text) => Buffer.from(text, 'base64url').toString('hex', 1, 13))).size).toBe(50);
  });
  it('is made of 32 bytes alone', async () => {
    const keys = await openKeyring({ kind: 'keyring', keyring: ring });
    await expect(keys.wrap('MTL', dataKey.subarray(1), context)).rejects.toThrow('a data key has 32 bytes');
  });
});
