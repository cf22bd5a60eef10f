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
