import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { checkArrows } from '#tools/check-arrows.ts';

const SUBGRAPHS = ['patients', 'scheduling', 'files', 'audit'];
const trees: string[] = [];
afterEach(() => {
  for (const tree of trees.splice(0)) rmSync(tree, { recursive: true, force: true });
});

/** A tiny house: every imported file exists, so that only the arrow itself can be wrong. */
const aHouse = (files: Readonly<Record<string, string>>): string => {
  const root = mkdtempSync(join(tmpdir(), 'caregraph-house-'));
  trees.push(root);
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  cpSync('package.json', join(root, 'package.json'));
  for (const name of ['typeorm', 'pg', 'graphql', 'temporal-polyfill']) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', exports: { '.': './index.js' } }));
    write(`node_modules/${name}/index.js`, 'module.exports = {};');
  }
  for (const [path, text] of Object.entries(files)) {
    for (const [, target = ''] of text.matchAll(/from '\.\/([^']+)'/g)) write(join(dirname(path), target), 'export const thing = 1;\n');
    for (const [, room = '', target = ''] of text.matchAll(/from '#([a-z]+)\/([^']+)'/g))
      write(join(SUBGRAPHS.includes(room) ? 'subgraphs' : '', room, target), 'export const thing = 1;\n');
  }
  for (const [path, text] of Object.entries(files)) write(path, text);
  return root;
};
const code = (address: string): string => `import { thing } from '${address}';\nexport const other = thing;\n`;
const types = (address: string): string => `import type { thing } from '${address}';\nexport type Other = typeof thing;\n`;

const FORBIDDEN: readonly (readonly [rule: string, from: string, text: string])[] = [
  ['subgraphs-are-strangers', 'subgraphs/patients/service/a.ts', types('#scheduling/domain/b.ts')],
  ['subgraphs-do-not-know-the-gateway', 'subgraphs/patients/server.ts', code('#gateway/b.ts')],
  ['domain-is-pure', 'subgraphs/patients/domain/a.ts', code('node:crypto')],
  ['domain-is-pure', 'subgraphs/patients/domain/a.ts', types('typeorm')],
  ['domain-is-pure', 'subgraphs/patients/domain/a.ts', types('graphql')],
  ['domain-is-pure', 'subgraphs/patients/domain/a.ts', code('temporal-polyfill')],
  ['domain-is-pure', 'subgraphs/patients/domain/a.ts', code('#platform/database/b.ts')],
  ['domain-is-pure', 'subgraphs/patients/domain/a.ts', types('#patients/store/b.ts')],
  ['store-knows-no-story', 'subgraphs/patients/store/a.ts', types('#patients/service/b.ts')],
  ['store-knows-no-story', 'subgraphs/patients/store/a.ts', types('#patients/generated/b.ts')],
  ['store-knows-no-story', 'subgraphs/patients/store/a.ts', code('#policy/b.ts')],
  ['store-takes-types-of-the-domain-alone', 'subgraphs/patients/store/a.ts', code('#patients/domain/b.ts')],
  ['service-knows-no-resolver', 'subgraphs/patients/service/a.ts', types('#patients/resolvers/b.ts')],
  ['service-knows-no-resolver', 'subgraphs/patients/service/a.ts', types('#patients/generated/b.ts')],
  ['service-knows-no-resolver', 'subgraphs/patients/service/a.ts', code('#migrations/b.ts')],
  ['service-knows-no-graph', 'subgraphs/patients/service/a.ts', types('graphql')],
  ['service-knows-no-graph', 'subgraphs/patients/service/a.ts', code('#platform/graphql/b.ts')],
  ['resolvers-are-thin', 'subgraphs/patients/resolvers/a.ts', types('#patients/store/b.ts')],
  ['resolvers-are-thin', 'subgraphs/patients/resolvers/Query/a.ts', types('typeorm')],
  ['resolvers-are-thin', 'subgraphs/patients/resolvers/a.ts', types('pg')],
  ['resolvers-are-thin', 'subgraphs/patients/resolvers/a.ts', types('#platform/database/b.ts')],
  ['resolvers-take-types-alone', 'subgraphs/patients/resolvers/a.ts', code('#patients/domain/b.ts')],
  ['resolvers-take-types-alone', 'subgraphs/patients/resolvers/a.ts', code('#patients/service/b.ts')],
  ['resolvers-take-types-alone', 'subgraphs/patients/resolvers/a.ts', code('#platform/access/token.ts')],
  ['gateway-meets-subgraphs-in-the-graph', 'gateway/a.ts', types('#patients/server.ts')],
  ['gateway-meets-subgraphs-in-the-graph', 'gateway/a.ts', types('#embedded/b.ts')],
  ['platform-knows-no-hospital', 'platform/http/a.ts', types('#policy/b.ts')],
  ['platform-knows-no-hospital', 'platform/http/a.ts', types('#schema/b.ts')],
  ['pure-is-pure', 'platform/pure/a.ts', code('node:fs')],
  ['pure-is-pure', 'platform/pure/a.ts', code('#platform/database/b.ts')],
  ['policy-is-pure', 'policy/a.ts', types('#platform/access/b.ts')],
  ['policy-is-pure', 'policy/a.ts', code('typeorm')],
  ['schema-holds-contracts-alone', 'schema/events/a.ts', code('#platform/database/b.ts')],
  ['migrations-are-letters-from-their-day', 'migrations/a.ts', types('#patients/store/b.ts')],
  ['migrations-are-letters-from-their-day', 'migrations/a.ts', code('#platform/database/b.ts')],
  ['web-is-a-caller', 'web/a.ts', types('#platform/http/b.ts')],
  ['production-knows-no-tests', 'gateway/a.ts', types('#test/b.ts')],
  ['production-knows-no-tests', 'platform/http/a.ts', types('#tools/b.ts')],
  ['production-runs-without-the-embedded-network', 'subgraphs/audit/server.ts', code('#embedded/b.ts')],
  ['the-embedded-network-holds-no-server', 'embedded/a.ts', code('#gateway/b.ts')],
  ['the-embedded-network-holds-no-server', 'embedded/a.ts', types('#patients/server.ts')],
  ['no-unresolved', 'platform/http/a.ts', `import '../nowhere.ts';\n`],
  ['no-circular', 'platform/http/a.ts', code('./a.ts')],
];
const ALLOWED: readonly (readonly [from: string, text: string])[] = [
  ['subgraphs/patients/domain/a.ts', code('./b.ts') + code('#platform/pure/b.ts').replaceAll('thing', 'more').replace('other', 'another')],
  ['subgraphs/patients/store/a.ts', types('#patients/domain/b.ts')],
  ['subgraphs/patients/store/b.ts', code('typeorm')],
  ['subgraphs/patients/store/c.ts', code('#platform/database/b.ts')],
  ['subgraphs/patients/service/a.ts', code('#patients/store/b.ts')],
  ['subgraphs/patients/service/b.ts', code('#policy/b.ts')],
  ['subgraphs/patients/service/c.ts', code('#schema/events/b.ts')],
  ['subgraphs/patients/resolvers/a.ts', types('#patients/domain/b.ts')],
  ['subgraphs/patients/resolvers/b.ts', types('#patients/generated/b.ts')],
  ['subgraphs/patients/resolvers/c.ts', code('#platform/graphql/b.ts')],
  ['subgraphs/patients/resolvers/d.ts', code('graphql')],
  ['subgraphs/patients/resolvers/e.ts', code('#platform/access/viewer.ts')],
  ['platform/pure/c.ts', code('temporal-polyfill')],
  ['embedded/a.ts', code('#patients/service/b.ts')],
  ['gateway/a.ts', code('#policy/b.ts')],
  ['policy/a.ts', code('#platform/pure/b.ts')],
  ['tools/start.ts', code('#patients/server.ts')],
];

describe('checkArrows', () => {
  it.each(FORBIDDEN)('%s: %s', async (rule, from, text) => {
    const { broken, unseen } = await checkArrows(aHouse({ [from]: text }));
    expect(unseen).toEqual([]);
    expect(broken).toContainEqual(expect.objectContaining({ rule, from }));
  });

  it('lets every import through that the table of rooms allows', async () => {
    const { broken, unseen } = await checkArrows(aHouse(Object.fromEntries(ALLOWED)));
    expect({ broken, unseen }).toEqual({ broken: [], unseen: [] });
  });

  it('takes an import of types alone for no cycle', async () => {
    const house = aHouse({ 'platform/http/a.ts': code('./b.ts'), 'platform/http/b.ts': types('./a.ts') });
    expect((await checkArrows(house)).broken).toEqual([]);
  });

  it('names the files whose imports the cruise did not see', async () => {
    const house = aHouse({ 'platform/http/a.ts': "/* import { thing } from 'nowhere';\nimport { thing } from 'nowhere';\n*/\n" });
    expect((await checkArrows(house)).unseen).toEqual(['platform/http/a.ts']);
  });

  it('has a case for every rule', () => {
    const { forbidden } = createRequire(join(process.cwd(), 'package.json'))('./.dependency-cruiser.cjs') as {
      forbidden: { name: string }[];
    };
    expect([...new Set(FORBIDDEN.map(([rule]) => rule))].sort()).toEqual(forbidden.map(({ name }) => name).sort());
  });
});
