import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { openDirectoryStore } from '#platform/blobs/directory.ts';
import { type BlobStore, StoreFullError } from '#platform/blobs/store.ts';
import type { Keyring } from '#platform/config/files.ts';
import { openKeyring } from '#platform/keys/keyring.ts';
import { addKey, makeKeyring } from '#platform/keys/keyring-form.ts';
import { fromRoot, KEY_BYTES } from '#platform/subjects/puncturable-key.ts';
import { openStateStore, type StateStore } from '#platform/subjects/state-store.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-states-'));
const opened: { readonly stop: () => Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let serial = 0;

const ring = makeKeyring(['MTL'], { demo: false });
const withOnly = (keyring: Keyring, id: string): Keyring => {
  const key = keyring.cities['MTL']?.keys[id] ?? '';
  return { ...keyring, cities: { MTL: { current: id, keys: { [id]: key } } } };
};
type House = {
  readonly states: (keyring?: Keyring) => Promise<StateStore>;
  /** Ends of keys that no store takes from now on. */
  readonly refuse: (end: string | null, stores?: readonly string[]) => void;
  readonly namesIn: (store: 'primary' | 'backup') => Promise<string[]>;
};
const openHouse = async (): Promise<House> => {
  let refused: { readonly end: string; readonly stores: readonly string[] } | null = null;
  const root = path.join(folder, String(serial++));
  const open = async (name: 'primary' | 'backup'): Promise<BlobStore> => {
    const store = await openDirectoryStore({ name, folder: path.join(root, name), floorShare: 0, timeoutMs: 10_000 });
    opened.push(store);
    return {
      ...store,
      put: (key, bytes) =>
        refused?.stores.includes(name) && key.endsWith(refused.end) ? Promise.reject(new StoreFullError(name)) : store.put(key, bytes),
    };
  };
  const stores = { primary: await open('primary'), backup: await open('backup') };
  return {
    states: async (keyring = ring) => {
      const keys = await openKeyring({ kind: 'keyring', keyring });
      opened.push(keys);
      return openStateStore('MTL', stores, keys);
    },
    refuse: (end, names = ['primary', 'backup']) => {
      refused = end === null ? null : { end, stores: names };
    },
    namesIn: async (store) => {
      const names: string[] = [];
      for await (const { key } of stores[store].list('MTL/subjects.')) names.push(key);
      return names.sort();
    },
  };
};
const erased = Buffer.alloc(16, 1);
const living = Buffer.alloc(16, 2);
const root = (): ReturnType<typeof fromRoot> => fromRoot(new Uint8Array(KEY_BYTES).fill(9));

describe('the state of a city’s subject keys', () => {
  it.each([
    ['the wrapped key', '.key'],
    ['the state', '.state'],
  ])('is never lost where neither store takes %s of a newer one, and goes on once they do', async (_what, end) => {
    const house = await openHouse();
    const states = await house.states();
    await states.replace(root(), 0);
    const first = await states.read();
    house.refuse(end);
    const narrowed = root();
    narrowed.puncture(erased);
    await expect(states.replace(narrowed, 1)).rejects.toThrow(StoreFullError);
    const kept = await states.read();
    expect(kept?.version).toBe(1);
    expect(kept?.key.derive(living)).toEqual(first?.key.derive(living));

    house.refuse(null);
    await states.replace(narrowed, 1).catch(() => undefined);
    await states.heal();
    const after = await states.read();
    expect(after?.version).toBe(2);
    expect(after?.key.derive(erased)).toBeNull();
    expect(after?.key.derive(living)).toEqual(first?.key.derive(living));
    for (const store of ['primary', 'backup'] as const)
      expect((await house.namesIn(store)).filter((name) => name.includes('0001.'))).toEqual([]);
  });

  it('leaves the old one in a store that took half of the new one until it is healed', async () => {
    const house = await openHouse();
    const states = await house.states();
    await states.replace(root(), 0);
    house.refuse('.key', ['backup']);
    const narrowed = root();
    narrowed.puncture(erased);
    await expect(states.replace(narrowed, 1)).rejects.toThrow(StoreFullError);
    expect((await states.read())?.key.derive(erased)).toBeNull();
    house.refuse(null);
    expect(await states.heal()).toBe(true);
    expect(await house.namesIn('backup')).toEqual(await house.namesIn('primary'));
    expect(await house.namesIn('backup')).toHaveLength(2);
    expect(await states.heal()).toBe(false);
  });

  it('is wrapped anew once the keyring has a newer key, so that the old one can go', async () => {
    const house = await openHouse();
    await (await house.states()).replace(root(), 0);
    const two = addKey(ring, 'MTL');
    const newest = two.cities['MTL']?.current ?? '';
    expect(newest).not.toBe(ring.cities['MTL']?.current);
    await expect((await house.states(withOnly(two, newest))).read()).rejects.toThrow(/do not open/);
    const states = await house.states(two);
    expect(await states.heal()).toBe(true);
    expect(await states.heal()).toBe(false);
    const alone = await (await house.states(withOnly(two, newest))).read();
    expect(alone?.key.derive(living)).toEqual(root().derive(living));
  });
});
