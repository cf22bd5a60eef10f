import { randomBytes } from 'node:crypto';
import { CHUNK_BYTES } from '#platform/cipher/stream.ts';
import { openKeyring } from '#platform/keys/keyring.ts';
import { SEGMENT_CHUNKS } from '#platform/vault/layout.ts';
import { openVault } from '#platform/vault/open-vault.ts';
import { type BlobRef, IntegrityError, STORE_NAMES, type StoreName, type Vault } from '#platform/vault/vault.ts';
import { memoryStore } from './memory-store.ts';

const keyOf = (): string => randomBytes(32).toString('base64url');
const refOf = (): BlobRef => ({
  city: 'MTL',
  id: `MTL-blb-${randomBytes(6).toString('hex')}`,
  context: { city: 'MTL', patient: 'p1', file: 'f1', version: 'v1' },
});
const SMALL = 2 * CHUNK_BYTES + 100;
const LARGE = (SEGMENT_CHUNKS + 2) * CHUNK_BYTES + 7;
const otherThan = (name: StoreName): StoreName => (name === 'primary' ? 'backup' : 'primary');

const start = async () => {
  const stores = { primary: memoryStore('primary'), backup: memoryStore('backup') };
  const ring = { k1: keyOf(), k2: keyOf() };
  const damage: string[] = [];
  const open = async (current: string): Promise<Vault> =>
    openVault({
      stores,
      keys: await openKeyring({ kind: 'keyring', keyring: { version: 1, demo: false, cities: { MTL: { current, keys: ring } } } }),
      events: { onDamage: (_ref, store, finding) => damage.push(`${store} ${finding}`) },
      chunkDeadlineMs: 200,
    });
  return { stores, damage, vault: await open('k1'), rotated: await open('k2') };
};
const write = async (vault: Vault, ref: BlobRef, bytes: Uint8Array) => {
  const writer = await vault.create(ref);
  for (let at = 0; at < bytes.length; at += 5_000_000) await writer.write(bytes.subarray(at, at + 5_000_000));
  return writer;
};
const readAll = async (vault: Vault, ref: BlobRef, sizeBytes: number): Promise<Buffer> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of vault.read(ref, sizeBytes)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
};

/** Begins a content in both stores, then anew with another data key while one of them is away: that one keeps the first beginning. */
const beginTwice = async (size: number, firstBytes: number, away: StoreName) => {
  const house = await start();
  const [ref, bytes] = [refOf(), randomBytes(size)];
  await (await write(house.vault, ref, bytes.subarray(0, firstBytes))).suspend();
  house.stores[away].mode = 'down';
  const stored = await (await write(house.vault, ref, bytes)).finish();
  expect(stored.owed).toEqual([away]);
  house.stores[away].mode = 'well';
  return { ...house, ref, bytes, size };
};

describe('a content that was begun twice, once while a store was away', () => {
  it.each(STORE_NAMES)('keeps its key through a rotation that comes before the debt of the %s is paid', async (away) => {
    const { vault, rotated, ref, bytes, size } = await beginTwice(SMALL, 1_000, away);
    expect(await rotated.rewrap(ref)).toBe('k2');
    expect((await readAll(vault, ref, size)).equals(bytes)).toBe(true);
    expect(await vault.repair(ref, size, away)).toBe(true);
    for (const name of STORE_NAMES) expect(await vault.check(ref, size, name)).toBe('intact');
    expect(await rotated.rewrap(ref)).toBe('k2');
    expect((await readAll(rotated, ref, size)).equals(bytes)).toBe(true);
  });

  it.each(STORE_NAMES)('is read whole where the %s shows a segment of the first beginning, and neither repair harms it', async (away) => {
    const { vault, ref, bytes, size } = await beginTwice(LARGE, (SEGMENT_CHUNKS + 1) * CHUNK_BYTES + 5, away);
    expect((await readAll(vault, ref, size)).equals(bytes)).toBe(true);
    expect(await vault.repair(ref, size, otherThan(away))).toBe(true);
    expect(await vault.check(ref, size, otherThan(away))).toBe('intact');
    expect(await vault.repair(ref, size, away)).toBe(true);
    for (const name of STORE_NAMES) expect(await vault.check(ref, size, name)).toBe('intact');
  });

  it('is not written over by what is left of the first beginning when its own key is lost', async () => {
    const { vault, stores, ref, size } = await beginTwice(LARGE, (SEGMENT_CHUNKS + 1) * CHUNK_BYTES + 5, 'primary');
    const [key, kept] = [stores.backup.blobs.get(`MTL/${ref.id}.key`), stores.backup.blobs.get(`MTL/${ref.id}`)];
    stores.backup.blobs.delete(`MTL/${ref.id}.key`);
    expect(await vault.repair(ref, size, 'backup')).toBe(false);
    expect(stores.backup.blobs.get(`MTL/${ref.id}`)?.equals(kept ?? Buffer.alloc(0))).toBe(true);
    // An operator finds the key again.
    stores.backup.blobs.set(`MTL/${ref.id}.key`, key ?? Buffer.alloc(0));
    expect(await vault.repair(ref, size, 'primary')).toBe(true);
    expect(await vault.check(ref, size, 'primary')).toBe('intact');
  });
});

describe('a process that was held up just before it put a key', () => {
  it.each([
    ['rewrap', (vault: Vault, ref: BlobRef) => vault.rewrap(ref)],
    ['repair', (vault: Vault, ref: BlobRef) => vault.repair(ref, SMALL, 'primary')],
  ] as const)('puts the tombstone back where the content was destroyed meanwhile (%s)', async (title, act) => {
    const { vault, rotated, stores } = await start();
    const ref = refOf();
    await (await write(vault, ref, randomBytes(SMALL))).finish();
    const key = `MTL/${ref.id}.key`;
    if (title === 'repair') stores.primary.blobs.delete(key);
    const { put } = stores.primary;
    let isHeldUp = false;
    Object.assign(stores.primary, {
      put: async (...args: Parameters<typeof put>) => {
        if (!isHeldUp && args[0] === key) {
          isHeldUp = true;
          for (const name of STORE_NAMES) await vault.destroy(ref, name);
        }
        return put(...args);
      },
    });
    await act(rotated, ref).catch((error: unknown) => expect(error).toBeInstanceOf(IntegrityError));
    expect(isHeldUp).toBe(true);
    for (const name of STORE_NAMES) {
      expect(await vault.findKey(ref, name)).toBe('destroyed');
      expect([...stores[name].blobs.keys()]).toEqual([key]);
    }
  });
});
