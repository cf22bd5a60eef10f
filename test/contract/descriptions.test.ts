import { readFileSync } from 'node:fs';
import { composeServices } from '@apollo/composition';
import { describe, expect, it } from '@jest/globals';
import { type DefinitionNode, parse } from 'graphql';
import { SUBGRAPHS } from '#tools/supergraph.ts';

const ROOTS = new Set(['Query', 'Mutation', 'Subscription']);
const read = (name: string) => parse(readFileSync(`schema/${name}.graphql`, 'utf8'));

const undescribed = (definition: DefinitionNode): string[] => {
  if (!('name' in definition) || !definition.name || definition.kind.endsWith('Extension')) return [];
  const name = definition.name.value;
  const own = 'description' in definition && definition.description === undefined && !ROOTS.has(name) ? [name] : [];
  const fields = 'fields' in definition ? (definition.fields ?? []) : 'values' in definition ? (definition.values ?? []) : [];
  return [...own, ...fields.filter((field) => !field.description?.value.trim()).map((field) => `${name}.${field.name.value}`)];
};

describe('the four SDL files', () => {
  it.each(SUBGRAPHS)('%s describes every type, field, value and input', (name) => {
    const { definitions } = read(name);
    expect(definitions.length).toBeGreaterThan(1);
    expect(definitions.flatMap(undescribed)).toEqual([]);
  });

  it('say the same of what they share, so that callers read the text that was meant', () => {
    const result = composeServices(SUBGRAPHS.map((name) => ({ name, url: `http://${name}.invalid`, typeDefs: read(name) })));
    expect(result.errors).toBeUndefined();
    expect(result.hints?.map(({ message }) => message)).toEqual([]);
  });
});
