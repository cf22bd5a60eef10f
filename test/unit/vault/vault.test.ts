import { createHash, randomBytes } from 'node:crypto';
import { StoreFullError, StoreUnavailableError } from '#platform/blobs/store.ts';
import { CHUNK_BYTES, HEADER_BYTES, SEALED_CHUNK_BYTES } from '#platform/cipher/stream.ts';
import { openKeyring } from '#platform/keys/keyring.ts';
import { fullSegmentSize, parseBlobKey, SEGMENT_CHUNKS, toLayout } from '#platform/vault/layout.ts';
import { openVault } from '#platform/vault/open-vault.ts';
import { type BlobRef, IntegrityError, STORE_NAMES, type StoreName, type Vault, type VaultWriter } from '#platform/vault/vault.ts';
import { memoryStore } from './memory-store.ts';

const keyOf = (): string => randomBytes(32).toString('base64url');
const refOf = (id = `MTL-blb-${randomBytes(6).toString('hex')}`): BlobRef => ({
  city: 'MTL',
  id,
  context: { city: 'MTL', patient: 'p1', file: 'f1', version: 'v1' },
});
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const startVault = async () => {
  const primary = memoryStore('primary');
  const backup = memoryStore('backup');
  const keyring = { version: 1, demo: false, cities: { MTL: { current: 'k1', keys: { k1: keyOf(), k2: keyOf() } } } } as const;
  const keys = await openKeyring({ kind: 'keyring', keyring });
  const damage: string[] = [];
  const vault = openVault({
    stores: { primary, backup },
    keys,
    events: { onDamage: (ref, store, finding) => damage.push(`${ref.id} ${store} ${finding}`) },
    chunkDeadlineMs: 60,
  });
  /** The same stores behind a ring whose current key is another. */
  const rotated = async (): Promise<Vault> => {
    const ring = { ...keyring, cities: { MTL: { ...keyring.cities.MTL, current: 'k2' } } };
    return openVault({
      stores: { primary, backup },
      keys: await openKeyring({ kind: 'keyring', keyring: ring }),
      events: { onDamage: () => {} },
      chunkDeadlineMs: 60,
    });
  };
  return { vault, stores: { primary, backup }, damage, rotated };
};

const writeAll = async (writer: VaultWriter, bytes: Uint8Array, piece = 70_000): Promise<void> => {
  for (let at = 0; at < bytes.length; at += piece) await writer.write(bytes.subarray(at, at + piece));
};
const store = async (vault: Vault, ref: BlobRef, bytes: Uint8Array, piece?: number) => {
  const writer = await vault.create(ref);
  await writeAll(writer, bytes, piece);
  return writer.finish();
};
const readAll = async (vault: Vault, ref: BlobRef, size: number, range?: { start: number; end: number }): Promise<Buffer> => {
  const pieces: Uint8Array[] = [];
  for await (const piece of vault.read(ref, size, range)) pieces.push(piece);
  return Buffer.concat(pieces);
};

describe('layout', () => {
  it.each([0, 1, CHUNK_BYTES, SEGMENT_CHUNKS * CHUNK_BYTES, SEGMENT_CHUNKS * CHUNK_BYTES + 1, 5 * 2 ** 30])(
    'gives %d bytes segments that add up',
    (size) => {
      const layout = toLayout(size);
      let total = 0;
      for (let segment = 0; segment < layout.segments; segment++) total += layout.segmentSize(segment);
      let sealed = HEADER_BYTES;
      for (let chunk = 0; chunk < layout.chunks; chunk++) sealed += layout.chunkSize(chunk);
      expect(total).toBe(sealed);
      if (layout.segments > 1) expect(layout.segmentSize(0)).toBe(fullSegmentSize(0));
    },
  );
  it('reads back the names it gives', () => {
    expect(parseBlobKey('MTL/a')).toEqual({ city: 'MTL', id: 'a', part: 0 });
    expect(parseBlobKey('MTL/a.12')).toEqual({ city: 'MTL', id: 'a', part: 12 });
    expect(parseBlobKey('MTL/a.key')).toEqual({ city: 'MTL', id: 'a', part: 'key' });
    for (const other of ['MTL', 'MTL/a.0', 'MTL/a.b', 'MTL/a/b', 'MTL/a.key.1']) expect(parseBlobKey(other)).toBeNull();
  });
});

describe('a content', () => {
  it.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])(
    'of %d bytes comes back byte for byte, the same ciphertext in both stores',
    async (size) => {
      const { vault, stores, damage } = await startVault();
      const [ref, bytes] = [refOf(), randomBytes(size)];
      for (const piece of [1 + Math.floor(size / 3), Math.max(1, size)]) {
        const next = { ...ref, id: `${ref.id}-${piece}` };
        expect(await store(vault, next, bytes, piece)).toEqual({ sizeBytes: size, sha256: sha256(bytes), keyId: 'k1', owed: [] });
        expect((await readAll(vault, next, size)).equals(bytes)).toBe(true);
      }
      expect([...stores.primary.blobs.keys()].toSorted()).toEqual([...stores.backup.blobs.keys()].toSorted());
      for (const [key, blob] of stores.primary.blobs) expect(stores.backup.blobs.get(key)?.equals(blob)).toBe(true);
      expect(stores.primary.partials.size + stores.backup.partials.size).toBe(0);
      expect(damage).toEqual([]);
    },
  );

  it('of more than a segment comes back, and a range touches its own chunks alone', async () => {
    const { vault, stores } = await startVault();
    const size = (SEGMENT_CHUNKS + 2) * CHUNK_BYTES + 7;
    const [ref, bytes] = [refOf(), randomBytes(size)];
    await store(vault, ref, bytes, 10_000_000);
    expect([...stores.primary.blobs.keys()].toSorted()).toEqual([`MTL/${ref.id}`, `MTL/${ref.id}.1`, `MTL/${ref.id}.key`]);
    expect(sha256(await readAll(vault, ref, size))).toBe(sha256(bytes));
    for (const [start, end] of [
      [0, 1],
      [CHUNK_BYTES - 1, CHUNK_BYTES + 1],
      [SEGMENT_CHUNKS * CHUNK_BYTES - 5, SEGMENT_CHUNKS * CHUNK_BYTES + 5],
      [size - 3, size],
      [10, 10],
    ] as const)
      expect((await readAll(vault, ref, size, { start, end })).equals(bytes.subarray(start, end))).toBe(true);
    stores.primary.reads.length = 0;
    stores.backup.reads.length = 0;
    await readAll(vault, ref, size, { start: SEGMENT_CHUNKS * CHUNK_BYTES + 10, end: SEGMENT_CHUNKS * CHUNK_BYTES + 20 });
    expect(stores.primary.reads).toEqual([`MTL/${ref.id}.key@0`, `MTL/${ref.id}@0`, `MTL/${ref.id}.1@0`]);
    expect(stores.backup.reads).toEqual([`MTL/${ref.id}.key@0`]);
    await expect(readAll(vault, ref, size, { start: 0, end: size + 1 })).rejects.toThrow(RangeError);
  });

  it('is bound to its context: under another it does not open', async () => {
    const { vault } = await startVault();
    const [ref, bytes] = [refOf(), randomBytes(1000)];
    await store(vault, ref, bytes);
    for (const part of ['city', 'patient', 'file', 'version'])
      await expect(readAll(vault, { ...ref, context: { ...ref.context, [part]: 'other' } }, 1000)).rejects.toThrow(IntegrityError);
  });
});

type Blob = Buffer<ArrayBufferLike>;
const size = 4 * CHUNK_BYTES + 100;
const at = (chunk: number): number => HEADER_BYTES + chunk * SEALED_CHUNK_BYTES;
const chunkIn = (blob: Blob, chunk: number): Blob => blob.subarray(at(chunk), at(chunk + 1));
const flip = (blob: Blob, where: number): Blob => {
  const other = Buffer.from(blob);
  other[where] = (other[where] ?? 0) ^ 1;
  return other;
};
const DAMAGES: Record<string, (blob: Blob) => Blob> = {
  'a bit of a chunk flipped': (blob) => flip(blob, at(2) + 99),
  'a bit of a tag flipped': (blob) => flip(blob, at(1) - 1),
  'a bit of the header flipped': (blob) => flip(blob, 20),
  'a chunk dropped': (blob) => Buffer.concat([blob.subarray(0, at(1)), blob.subarray(at(2))]),
  'a chunk repeated': (blob) => Buffer.concat([blob.subarray(0, at(2)), chunkIn(blob, 1), blob.subarray(at(2))]),
  'two chunks moved': (blob) => Buffer.concat([blob.subarray(0, at(1)), chunkIn(blob, 2), chunkIn(blob, 1), blob.subarray(at(3))]),
  'the tail cut': (blob) => blob.subarray(0, blob.length - 5),
  'cut at a chunk': (blob) => blob.subarray(0, at(4)),
  'everything cut': (blob) => blob.subarray(0, 0),
};

describe.each(STORE_NAMES)('a copy damaged in the %s', (name) => {
  const other: StoreName = name === 'primary' ? 'backup' : 'primary';
  it.each(Object.entries(DAMAGES))('with %s is found, is never served, and is repaired', async (_title, damageIt) => {
    const { vault, stores, damage } = await startVault();
    const [ref, bytes] = [refOf(), randomBytes(size)];
    await store(vault, ref, bytes);
    const key = `MTL/${ref.id}`;
    const good = stores[name].blobs.get(key) ?? Buffer.alloc(0);
    stores[name].blobs.set(key, damageIt(good));
    expect(await vault.check(ref, size, name)).toBe('damaged');
    expect(await vault.check(ref, size, other)).toBe('intact');
    expect((await readAll(vault, ref, size)).equals(bytes)).toBe(true);
    expect(damage).toEqual(name === 'primary' ? [`${ref.id} primary damaged`] : []);
    // With the other store away nobody can tell; with both wrong it is lost, and nothing is written over it.
    stores[other].mode = 'down';
    await expect(readAll(vault, ref, size)).rejects.toThrow(StoreUnavailableError);
    stores[other].mode = 'well';
    const bad = damageIt(good);
    stores[other].blobs.set(key, bad);
    await expect(readAll(vault, ref, size)).rejects.toThrow(IntegrityError);
    expect(await vault.repair(ref, size, name)).toBe(false);
    expect(stores[name].blobs.get(key)?.equals(bad)).toBe(true);
    expect(stores[other].blobs.get(key)?.equals(bad)).toBe(true);
    stores[other].blobs.set(key, good);
    expect(await vault.repair(ref, size, name)).toBe(true);
    expect(stores[name].blobs.get(key)?.equals(good)).toBe(true);
    expect(await vault.check(ref, size, name)).toBe('intact');
  });

  it('by a longer tail is found by a check', async () => {
    const { vault, stores } = await startVault();
    const [ref, bytes] = [refOf(), randomBytes(size)];
    await store(vault, ref, bytes);
    const good = stores[name].blobs.get(`MTL/${ref.id}`) ?? Buffer.alloc(0);
    stores[name].blobs.set(`MTL/${ref.id}`, Buffer.concat([good, Buffer.from('x')]));
    expect(await vault.check(ref, size, name)).toBe('damaged');
    expect(await vault.repair(ref, size, name)).toBe(true);
    expect(stores[name].blobs.get(`MTL/${ref.id}`)?.equals(good)).toBe(true);
  });

  it('by exchange, replay, another wrapped key, or loss is refused and repaired', async () => {
    const { vault, stores, damage } = await startVault();
    const bytes = randomBytes(size);
    const [mine, theirs] = [refOf(), { ...refOf(), context: { city: 'MTL', patient: 'p2', file: 'f2', version: 'v2' } }];
    await store(vault, mine, bytes);
    await store(vault, theirs, randomBytes(size));
    const blobs = stores[name].blobs;
    const take = (key: string): Buffer => blobs.get(key) ?? Buffer.alloc(0);
    const [key, keyKey, theirKey, theirKeyKey] = [`MTL/${mine.id}`, `MTL/${mine.id}.key`, `MTL/${theirs.id}`, `MTL/${theirs.id}.key`];
    const [good, goodKey] = [take(key), take(keyKey)];
    const cases: [string, () => void, 'damaged' | 'missing'][] = [
      ['blob exchanged', () => blobs.set(key, take(theirKey)), 'damaged'],
      ['key exchanged', () => blobs.set(keyKey, take(theirKeyKey)), 'damaged'],
      ['both exchanged', () => [blobs.set(key, take(theirKey)), blobs.set(keyKey, take(theirKeyKey))], 'damaged'],
      ['key broken', () => blobs.set(keyKey, flip(goodKey, 40)), 'damaged'],
      ['key no JSON', () => blobs.set(keyKey, Buffer.from('{')), 'damaged'],
      ['blob gone', () => blobs.delete(key), 'missing'],
      ['key gone', () => blobs.delete(keyKey), 'missing'],
    ];
    for (const [title, hurt, finding] of cases) {
      damage.length = 0;
      hurt();
      expect([title, await vault.check(mine, size, name)]).toEqual([title, finding]);
      expect([title, (await readAll(vault, mine, size)).equals(bytes)]).toEqual([title, true]);
      const isSeen = name === 'primary' || title.includes('key') || title.startsWith('both');
      expect([title, damage.map((line) => line.split(' ')[1])]).toEqual([title, isSeen ? [name] : []]);
      expect([title, await vault.repair(mine, size, name)]).toEqual([title, true]);
      expect([title, take(key).equals(good), take(keyKey).equals(goodKey)]).toEqual([title, true, true]);
      expect(await vault.check(mine, size, name)).toBe('intact');
    }
  });

  it('chunk by chunk: each store lacks another one, and the whole is read and repaired', async () => {
    const { vault, stores } = await startVault();
    const [ref, bytes] = [refOf(), randomBytes(size)];
    await store(vault, ref, bytes);
    const key = `MTL/${ref.id}`;
    const good = stores[name].blobs.get(key) ?? Buffer.alloc(0);
    stores[name].blobs.set(key, flip(good, at(1) + 5));
    stores[other].blobs.set(key, flip(good, at(3) + 5));
    expect((await readAll(vault, ref, size)).equals(bytes)).toBe(true);
    expect(await vault.repair(ref, size, name)).toBe(true);
    expect(await vault.repair(ref, size, other)).toBe(true);
    for (const each of STORE_NAMES) expect(stores[each].blobs.get(key)?.equals(good)).toBe(true);
  });
});

describe.each(['down', 'slow', 'full'] as const)('a store that is %s', (mode) => {
  it.each(STORE_NAMES)('(%s) is owed what is written, and gets it by a repair', async (name) => {
    const { vault, stores } = await startVault();
    const [ref, bytes] = [refOf(), randomBytes(size)];
    stores[name].mode = mode;
    expect((await store(vault, ref, bytes)).owed).toEqual([name]);
    expect((await readAll(vault, ref, size)).equals(bytes)).toBe(true);
    await expect(vault.repair(ref, size, name)).rejects.toThrow(mode === 'full' ? StoreFullError : StoreUnavailableError);
    stores[name].mode = 'well';
    expect(await vault.repair(ref, size, name)).toBe(true);
    expect(await vault.check(ref, size, name)).toBe('intact');
  });
  it.each(STORE_NAMES)('(%s) in the middle of a content is let go', async (name) => {
    const { vault, stores } = await startVault();
    const [ref, bytes] = [refOf(), randomBytes(size)];
    const writer = await vault.create(ref);
    await writeAll(writer, bytes.subarray(0, 2 * CHUNK_BYTES + 9));
    stores[name].mode = mode;
    await writeAll(writer, bytes.subarray(2 * CHUNK_BYTES + 9));
    expect(await writer.finish()).toEqual({ sizeBytes: size, sha256: sha256(bytes), keyId: 'k1', owed: [name] });
    stores[name].mode = 'well';
    expect((await readAll(vault, ref, size)).equals(bytes)).toBe(true);
    expect(await vault.repair(ref, size, name)).toBe(true);
    const [a, b] = STORE_NAMES.map((each) => stores[each].blobs.get(`MTL/${ref.id}`));
    expect(a && b?.equals(a)).toBe(true);
  });
  it('twice ends the content', async () => {
    const { vault, stores } = await startVault();
    const writer = await vault.create(refOf());
    for (const name of STORE_NAMES) stores[name].mode = mode;
    await expect(writeAll(writer, randomBytes(size))).rejects.toThrow(mode === 'full' ? StoreFullError : StoreUnavailableError);
    await writer.abandon();
    await expect(vault.create(refOf())).rejects.toThrow(mode === 'full' ? StoreFullError : StoreUnavailableError);
  });
});

describe('an upload that broke off', () => {
  it.each([true, false])('goes on where the stores stand (partials can be read: %s)', async (readsPartials) => {
    const { vault, stores } = await startVault();
    for (const name of STORE_NAMES) stores[name].readsPartials = readsPartials;
    const size = (SEGMENT_CHUNKS + 3) * CHUNK_BYTES + 11;
    const [ref, bytes] = [refOf(), randomBytes(size)];
    const writer = await vault.create(ref);
    await writeAll(writer, bytes.subarray(0, (SEGMENT_CHUNKS + 1) * CHUNK_BYTES + 5), 1_000_000);
    expect(await writer.suspend()).toBe((SEGMENT_CHUNKS + 1) * CHUNK_BYTES);
    const next = await vault.resume(ref);
    expect(next?.offset).toBe((readsPartials ? SEGMENT_CHUNKS + 1 : SEGMENT_CHUNKS) * CHUNK_BYTES);
    await writeAll(next as VaultWriter, bytes.subarray(next?.offset), 1_000_000);
    expect(await next?.finish()).toEqual({ sizeBytes: size, sha256: sha256(bytes), keyId: 'k1', owed: [] });
    for (const name of STORE_NAMES) expect(await vault.check(ref, size, name)).toBe('intact');
    expect(stores.primary.partials.size + stores.backup.partials.size).toBe(0);
  });

  it.each([true, false])('goes on at the end of a segment, exactly where it said (partials can be read: %s)', async (readsPartials) => {
    const { vault, stores } = await startVault();
    for (const name of STORE_NAMES) stores[name].readsPartials = readsPartials;
    const size = SEGMENT_CHUNKS * CHUNK_BYTES + 11;
    const [ref, bytes] = [refOf(), randomBytes(size)];
    const writer = await vault.create(ref);
    // A byte behind it says that the segment's last chunk is not the content's.
    await writeAll(writer, bytes.subarray(0, SEGMENT_CHUNKS * CHUNK_BYTES + 1), 1_000_000);
    expect(await writer.suspend()).toBe(SEGMENT_CHUNKS * CHUNK_BYTES);
    const next = await vault.resume(ref);
    expect(next?.offset).toBe(SEGMENT_CHUNKS * CHUNK_BYTES);
    await writeAll(next as VaultWriter, bytes.subarray(SEGMENT_CHUNKS * CHUNK_BYTES));
    expect(await next?.finish()).toEqual({ sizeBytes: size, sha256: sha256(bytes), keyId: 'k1', owed: [] });
    for (const name of STORE_NAMES) expect(await vault.check(ref, size, name)).toBe('intact');
  });

  it.each([
    ['one store is behind', 1, (blob: Buffer) => blob.subarray(0, at(1) + 50), []],
    ['one store has nothing', 1, () => null, []],
    ['one store is damaged', 1, (blob: Buffer) => flip(blob, at(1) + 50), ['backup']],
    ['the primary is damaged', 0, (blob: Buffer) => flip(blob, at(0) + 50), ['primary']],
  ] as const)('goes on from the further store where %s', async (_title, which, change, owed) => {
    const { vault, stores } = await startVault();
    const [ref, bytes] = [refOf(), randomBytes(size)];
    const writer = await vault.create(ref);
    await writeAll(writer, bytes.subarray(0, 3 * CHUNK_BYTES + 5));
    await writer.suspend();
    const { partials } = stores[which === 0 ? 'primary' : 'backup'];
    const changed = change(partials.get(`MTL/${ref.id}`) ?? Buffer.alloc(0));
    if (changed) partials.set(`MTL/${ref.id}`, changed);
    else partials.clear();
    const next = await vault.resume(ref);
    expect(next?.offset).toBe(3 * CHUNK_BYTES);
    await writeAll(next as VaultWriter, bytes.subarray(3 * CHUNK_BYTES));
    expect(await next?.finish()).toEqual({ sizeBytes: size, sha256: sha256(bytes), keyId: 'k1', owed });
    for (const name of STORE_NAMES)
      if (!(owed as readonly string[]).includes(name)) expect(await vault.check(ref, size, name)).toBe('intact');
    expect((await readAll(vault, ref, size)).equals(bytes)).toBe(true);
  });

  it.each([size, 3 * CHUNK_BYTES, SEGMENT_CHUNKS * CHUNK_BYTES])(
    'takes its last chunk back when all %d bytes stood already, and takes the same bytes alone',
    async (size) => {
      const { vault } = await startVault();
      const [ref, bytes] = [refOf(), randomBytes(size)];
      await store(vault, ref, bytes, 1_000_000);
      const offset = Math.floor((size - 1) / CHUNK_BYTES) * CHUNK_BYTES;
      const other = await vault.resume(ref);
      expect(other?.offset).toBe(offset);
      await other?.write(randomBytes(size - offset));
      await expect(other?.finish()).rejects.toThrow(IntegrityError);
      await other?.abandon();
      const same = await vault.resume(ref);
      await same?.write(bytes.subarray(offset));
      expect(await same?.finish()).toEqual({ sizeBytes: size, sha256: sha256(bytes), keyId: 'k1', owed: [] });
      for (const name of STORE_NAMES) expect(await vault.check(ref, size, name)).toBe('intact');
    },
  );

  it('begins anew where nothing stands, with nothing left of the first beginning', async () => {
    const { vault, stores } = await startVault();
    const [ref, bytes] = [refOf(), randomBytes(size)];
    expect(await vault.resume(ref)).toBeNull();
    const first = await vault.create(ref);
    await writeAll(first, bytes.subarray(0, 1000));
    expect(await first.suspend()).toBe(0);
    expect(await vault.resume(ref)).toBeNull();
    await store(vault, ref, bytes);
    expect((await readAll(vault, ref, size)).equals(bytes)).toBe(true);
    for (const name of STORE_NAMES) {
      expect(await vault.check(ref, size, name)).toBe('intact');
      expect(stores[name].partials.size).toBe(0);
    }
  });

  it('leaves nothing when it is discarded', async () => {
    const { vault, stores } = await startVault();
    const ref = refOf();
    const writer = await vault.create(ref);
    await writeAll(writer, randomBytes(size));
    await writer.suspend();
    for (const name of STORE_NAMES) await vault.discard(ref, name);
    for (const name of STORE_NAMES) expect([stores[name].blobs.size, stores[name].partials.size]).toEqual([0, 0]);
    expect(await vault.resume(ref)).toBeNull();
  });
});

describe('keys', () => {
  it('are wrapped anew in both stores, the contents untouched; again: nothing is written', async () => {
    const { vault, stores, rotated } = await startVault();
    const [ref, bytes] = [refOf(), randomBytes(size)];
    await store(vault, ref, bytes);
    const content = stores.primary.blobs.get(`MTL/${ref.id}`);
    const next = await rotated();
    expect(await next.rewrap(ref)).toBe('k2');
    expect(stores.primary.blobs.get(`MTL/${ref.id}`)).toBe(content);
    const after = stores.primary.blobs.get(`MTL/${ref.id}.key`);
    expect(JSON.parse(String(after))).toMatchObject({ v: 1, keyId: 'k2' });
    expect(stores.backup.blobs.get(`MTL/${ref.id}.key`)?.equals(after ?? Buffer.alloc(0))).toBe(true);
    expect(await next.rewrap(ref)).toBe('k2');
    expect(stores.primary.blobs.get(`MTL/${ref.id}.key`)).toBe(after);
    expect((await readAll(next, ref, size)).equals(bytes)).toBe(true);
  });

  it('stay readable when the rotation ends between the stores', async () => {
    const { vault, stores, rotated } = await startVault();
    const [ref, bytes] = [refOf(), randomBytes(size)];
    await store(vault, ref, bytes);
    const next = await rotated();
    stores.backup.mode = 'full';
    await expect(next.rewrap(ref)).rejects.toThrow(StoreFullError);
    stores.backup.mode = 'well';
    for (const name of STORE_NAMES) expect(await next.check(ref, size, name)).toBe('intact');
    expect((await readAll(next, ref, size)).equals(bytes)).toBe(true);
    stores.backup.mode = 'down';
    await expect(next.rewrap(ref)).rejects.toThrow(StoreUnavailableError);
    stores.backup.mode = 'well';
    expect(await next.rewrap(ref)).toBe('k2');
  });

  it.each(STORE_NAMES)('destroyed in the %s alone are destroyed, and nothing brings the content back', async (name) => {
    const { vault, stores } = await startVault();
    const [ref, bytes] = [refOf(), randomBytes(size)];
    await store(vault, ref, bytes);
    const other: StoreName = name === 'primary' ? 'backup' : 'primary';
    await vault.destroy(ref, name);
    expect([...stores[name].blobs.keys()]).toEqual([`MTL/${ref.id}.key`]);
    expect(JSON.parse(String(stores[name].blobs.get(`MTL/${ref.id}.key`)))).toEqual({ v: 1, destroyed: expect.any(String) });
    await expect(readAll(vault, ref, size)).rejects.toThrow(IntegrityError);
    expect(await vault.repair(ref, size, name)).toBe(false);
    expect(await vault.resume(ref)).toBeNull();
    await expect(vault.rewrap(ref)).rejects.toThrow(IntegrityError);
    await expect(vault.create(ref)).rejects.toThrow(IntegrityError);
    expect([...stores[name].blobs.keys()]).toEqual([`MTL/${ref.id}.key`]);
    expect(await vault.check(ref, size, name)).toBe('destroyed');
    expect([await vault.findKey(ref, name), await vault.findKey(ref, other)]).toEqual(['destroyed', 'kept']);
    await vault.destroy(ref, other);
    await vault.destroy(ref, other);
    await vault.discard(ref, other);
    expect([...stores[other].blobs.keys()]).toEqual([`MTL/${ref.id}.key`]);
  });

  it('end a writer that is under way', async () => {
    const { vault, stores } = await startVault();
    const ref = refOf();
    const writer = await vault.create(ref);
    await writeAll(writer, randomBytes(size));
    await Promise.all(STORE_NAMES.map((name) => vault.destroy(ref, name)));
    await expect(writer.write(randomBytes(size))).rejects.toThrow(IntegrityError);
    await expect(writer.finish()).rejects.toThrow(IntegrityError);
    for (const name of STORE_NAMES) {
      expect([...stores[name].blobs.keys()]).toEqual([`MTL/${ref.id}.key`]);
      expect(stores[name].partials.size).toBe(0);
    }
  });
});

describe('reading', () => {
  it.each(['down', 'slow'] as const)('goes on from the backup when the primary is %s, and finds its way back', async (mode) => {
    const { vault, stores, damage } = await startVault();
    const [ref, bytes] = [refOf(), randomBytes(size)];
    await store(vault, ref, bytes);
    const pieces: Uint8Array[] = [];
    for await (const piece of vault.read(ref, size)) {
      pieces.push(piece);
      stores.primary.mode = mode;
    }
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
    expect((await readAll(vault, ref, size)).equals(bytes)).toBe(true);
    expect(damage).toEqual([]);
    stores.primary.mode = 'well';
    stores.backup.mode = 'down';
    expect((await readAll(vault, ref, size)).equals(bytes)).toBe(true);
  });

  it('ends when its reader is gone', async () => {
    const { vault } = await startVault();
    const [ref, bytes] = [refOf(), randomBytes(size)];
    await store(vault, ref, bytes);
    const gone = new AbortController();
    const reading = async (): Promise<void> => {
      for await (const piece of vault.read(ref, size, undefined, gone.signal)) if (piece.length > 0) gone.abort();
    };
    await expect(reading()).rejects.toThrow(/abort/i);
  });

  it('lists what a store has', async () => {
    const { vault } = await startVault();
    const ref = refOf();
    await store(vault, ref, randomBytes(10));
    const found: unknown[] = [];
    for await (const { id, isKey } of vault.list('MTL', 'primary')) found.push([id, isKey]);
    expect(found.toSorted()).toEqual([
      [ref.id, false],
      [ref.id, true],
    ]);
  });
});
