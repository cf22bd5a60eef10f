import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { readBrowserModules } from '#gateway/verify.ts';

describe('the modules of the verifier’s page', () => {
  const modules = readBrowserModules();

  it('import one another alone, and nothing that a browser has not', () => {
    expect(modules.size).toBeGreaterThan(20);
    for (const [address, code] of modules)
      for (const [, , specifier = ''] of code.matchAll(/^(?:import|export|\})[^'"\n]*\bfrom\s*(['"])([^'"\n]+)\1/gm))
        expect([address, specifier, modules.has(specifier)]).toEqual([address, specifier, true]);
    for (const [address, code] of modules)
      if (address.startsWith('/verify/lib/platform/'))
        expect([address, /\bBuffer\b|\bprocess\.|node:/.test(code)]).toEqual([address, false]);
  });

  it('have the browser’s SHA-256 and Ed25519 in the place of Node’s, and neither signing nor writing to disks', () => {
    const names = [...modules.keys()];
    expect(names).toContain('/verify/lib/platform/tlog/crypto-browser.js');
    expect(names).toContain('/verify/lib/noble/sha2.js');
    for (const name of ['crypto', 'signing-key']) expect(names).not.toContain(`/verify/lib/platform/tlog/${name}.js`);
  });
});

describe('the texts of the page', () => {
  type Value =
    | string
    | ((...given: readonly unknown[]) => string)
    | readonly (readonly [RegExp, string])[]
    | { readonly [name: string]: Value };
  type Texts = { readonly [name: string]: Value };
  const load = async (): Promise<{ readonly en: Texts; readonly fr: Texts }> => {
    const file = '#gateway/verify/texts.js';
    return (await import(file)).TEXTS;
  };
  const said = (value: Value): string[] => {
    if (typeof value === 'string') return [value];
    // A date, a number and a word, wherever a text takes them.
    if (typeof value === 'function')
      return [[new Date(0), 7], [7, 8, 9], ['MTL', 1, 2], [null]].flatMap((given) => {
        try {
          return [value(...given)];
        } catch {
          return [];
        }
      });
    return (Array.isArray(value) ? value.map(([, text]) => text as Value) : Object.values(value)).flatMap(said);
  };

  it('are the same in both languages, and begin no line with a sign in French', async () => {
    const { en, fr } = await load();
    const namesOf = (texts: Texts): string[] => Object.keys(texts).sort();
    expect(namesOf(fr)).toEqual(namesOf(en));
    for (const part of ['reasons', 'warnings', 'faults']) expect(namesOf(fr[part] as Texts)).toEqual(namesOf(en[part] as Texts));
    const all = said(fr);
    expect(all.length).toBeGreaterThan(100);
    expect(all.filter((text) => /\S\u00a0[:;?!]/.test(text)).length).toBeGreaterThan(15);
    for (const text of all) expect(text).not.toMatch(/ [:;?!»%]|« |[\p{L})][:;?!](?=\s|$)/u);
  });

  it('explain in French all that the verifier says of policies, keys and servers', async () => {
    const whys = (await load()).fr['whys'] as readonly (readonly [RegExp, string])[];
    const sources = ['tlog/policy', 'tlog/log-source', 'audit/verify-city'].map((name) => readFileSync(`platform/${name}.ts`, 'utf8'));
    const keys = readFileSync('platform/tlog/note.ts', 'utf8').match(/malformed\([^\n]*verifier key[^\n]*/g) ?? [];
    const told = [...sources, ...keys]
      .flatMap((source) => [...source.matchAll(/(?:malformed|SourceError|Busy)\((['`])(.*?)\1/g)])
      .map(([, , message = '']) => message.replaceAll(/\$\{kind\}/g, 'log').replaceAll(/\$\{[^}]*\}/g, '7'))
      // What is put together, and what is of states, is told in other ways.
      .filter((message) => !/^line 7 of|^the state /.test(message));
    expect(told.length).toBeGreaterThan(25);
    for (const message of told) expect([message, whys.filter(([each]) => each.test(message)).length]).toEqual([message, 1]);
  });
});
