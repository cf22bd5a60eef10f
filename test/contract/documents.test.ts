import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse, validate } from 'graphql';
import { ERROR_CODES } from '#platform/graphql/errors.ts';
import { toApiSchema } from '#tools/graph-changes.ts';

const schema = toApiSchema(readFileSync('schema/supergraph.graphql', 'utf8'));
const files = [
  'README.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
];
const blocks = files.flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/```graphql\n([\s\S]*?)```/g)].map(([, query = ''], i) => ({ file, n: i + 1, query })),
);
const links = files.flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target = '']) => ({ file, target })),
);

describe('the written documents', () => {
  it('hold queries and links', () => {
    expect(blocks.length).toBeGreaterThan(2);
    expect(links.length).toBeGreaterThan(5);
  });

  it.each(blocks)('$file, query $n, is one that the graph takes', ({ query }) => {
    expect(validate(schema, parse(query)).map(({ message }) => message)).toEqual([]);
  });

  it.each(links)('$file links to $target, which is there', ({ file, target }) => {
    expect(existsSync(join(dirname(file), target))).toBe(true);
  });

  it('name only error codes that there are', () => {
    const text = readFileSync('docs/for-frontends.md', 'utf8');
    const table = text.slice(text.indexOf('| code |'), text.indexOf('A rejected document'));
    const named = [...table.matchAll(/`([A-Z]+_[A-Z_]+|UNAUTHENTICATED|FORBIDDEN|OVERLOADED)`/g)].map(([, code]) => code);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((code) => !(ERROR_CODES as readonly string[]).includes(code ?? ''))).toEqual([]);
  });

  it('name only npm scripts that there are', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    const named = files.flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/npm run (?:-s )?([a-z:-]+)/g)].map(([, name = '']) => name),
    );
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });
});
