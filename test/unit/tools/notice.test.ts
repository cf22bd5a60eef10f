import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

type Manifest = { readonly license?: string };
const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const { dependencies, devDependencies, optionalDependencies } = read('package.json') as Record<string, Record<string, string>>;
const direct = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies });
const notice = readFileSync('NOTICE', 'utf8');
/** What stands under a heading of NOTICE: from its line to the next empty one. */
const sectionOf = (name: string): string => {
  const at = notice.search(new RegExp(`[ ,]${name}(,| \\(|$)`, 'm'));
  if (at < 0) return '';
  return notice.slice(notice.lastIndexOf('\n\n', at) + 2).split('\n')[0] ?? '';
};
const HEADINGS: Readonly<Record<string, RegExp>> = {
  'Elastic-2.0': /^Elastic License 2\.0/,
  'Apache-2.0': /^Apache License 2\.0/,
  'BlueOak-1.0.0': /^Blue Oak/,
  'BSD-3-Clause': /^BSD 3-Clause/,
  ISC: /^ISC/,
  MIT: /^(MIT|Node\.js: MIT)/,
  'MIT OR Apache-2.0': /^MIT/,
};

describe('NOTICE', () => {
  it.each(direct)('names %s under the licence that the package states', (name) => {
    const manifest = `node_modules/${name}/package.json`;
    // Packages of other platforms are not installed here; all of them are Node.js.
    const license = existsSync(manifest) ? (read(manifest) as Manifest).license : 'MIT';
    expect(sectionOf(name)).toMatch(HEADINGS[license ?? ''] ?? /^no heading for this licence$/);
  });
});
