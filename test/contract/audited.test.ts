import { describe, expect, it } from '@jest/globals';
import { getNamedType, isObjectType } from 'graphql';
import { ENDINGS, makeCases, REASONS } from '#test/e2e/audited/acts.contract.ts';
import { OWN_ACTS, PARTS, PERSONAL, WAYS } from '#test/e2e/audited/fields.contract.ts';
import { coordinates, edges, isPart, isPersonal, isRoot, listed, schema } from '#test/e2e/audited/walk.ts';
import type { World } from '#test/e2e/audited/world.ts';

const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap((type) =>
  type ? Object.keys(type.getFields()).map((field) => `${type.name}.${field}`) : [],
);
const tried = makeCases({ ids: {} } as World);

describe('every field of the graph', () => {
  it('tells of a person and is tried below, is part of what does, or has a reason to leave no entry', () => {
    const known = new Set(listed);
    expect(
      coordinates
        .filter(({ type, name }) => !isPersonal(type.name) && !isPart(type.name) && !isRoot(type.name) && !known.has(name))
        .map(({ name }) => name),
    ).toEqual([]);
  });
  it('has no reason that nothing needs any more, and none twice', () => {
    const there = new Set(coordinates.filter(({ type }) => !isPersonal(type.name) && !isPart(type.name)).map(({ name }) => name));
    expect(listed.filter((name, i) => !there.has(name) || listed.indexOf(name) !== i)).toEqual([]);
    expect([...PERSONAL, ...PARTS].filter((name) => !isObjectType(schema.getType(name)))).toEqual([]);
    const all = new Set(coordinates.map(({ name }) => name));
    expect(Object.keys(OWN_ACTS).filter((name) => !all.has(name))).toEqual([]);
  });
  it('shows a part of a personal object nowhere else', () => {
    // Names of the staff are open; everything else that shows a part has to be personal or such a part.
    const open = new Set(['Practitioner.name']);
    expect(
      coordinates
        .filter(({ type, field }) => isPart(getNamedType(field.type).name) && !isPersonal(type.name) && !isPart(type.name))
        .map(({ name }) => name)
        .filter((name) => !open.has(name)),
    ).toEqual([]);
  });
  it('that leads to a person is gone by a way below, or by the test of its act', () => {
    expect([...edges.keys()].filter((name) => !(name in WAYS))).toEqual([]);
    expect(Object.keys(WAYS).filter((name) => !edges.has(name))).toEqual([]);
    for (const [name, found] of edges) {
      const ways = WAYS[name];
      if (ways === 'act') expect([name, /^(Mutation|Subscription)\./.test(name)]).toEqual([name, true]);
      else expect([name, new Set(ways?.map(({ to }) => to))]).toEqual([name, found]);
    }
  });
});

describe('each root field of the graph', () => {
  it('is tried with every ending that it has, or has a reason why not', () => {
    expect(
      roots.flatMap((root) =>
        ENDINGS.filter((ending) => !tried.some((each) => each.root === root && each.ending === ending) && !REASONS[root]?.[ending]).map(
          (ending) => `${root}, ${ending}`,
        ),
      ),
    ).toEqual([]);
  });
  it('has no reason that nothing needs any more', () => {
    expect([...Object.keys(REASONS), ...tried.map(({ root }) => root)].filter((root) => !roots.includes(root))).toEqual([]);
    expect(
      Object.entries(REASONS).flatMap(([root, reasons]) =>
        Object.keys(reasons)
          .filter((ending) => tried.some((each) => each.root === root && each.ending === ending))
          .map((ending) => `${root}, ${ending}`),
      ),
    ).toEqual([]);
    expect(tried.filter(({ leaves }) => leaves.length === 0)).toEqual([]);
  });
});
