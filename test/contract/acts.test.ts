import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { ACTS } from '#schema/events/acts.ts';
import { makeCases } from '#test/e2e/audited/acts.contract.ts';
import { OWN_ACTS, WAYS } from '#test/e2e/audited/fields.contract.ts';
import type { World } from '#test/e2e/audited/world.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Where acts are written: everything but the drills, which write made-up ones into logs of their own. */
const sources = ['subgraphs', 'platform', 'policy', 'embedded', 'gateway', 'tools', 'migrations']
  .flatMap((folder) => readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => path.join(folder, file)))
  .filter((file) => /\.(?:ts|sql)$/.test(file) && !/generated|drills\//.test(file))
  .map((file) => ({ file, text: readFileSync(path.join(ROOT, file), 'utf8') }));
const NAME = "'([A-Za-z][A-Za-z0-9_]*(?:\\.[A-Za-z][A-Za-z0-9_]*)?)'";
const find = (pattern: string): string[] =>
  sources.flatMap(({ text }) => [...text.matchAll(new RegExp(pattern, 'g'))].map(([, name = '']) => name));

/** As a property, as a constant of that name, and as the first word of the functions that make entries. */
const written = new Set([
  ...find(`\\bact: ${NAME}`),
  ...find(`\\b(?:act|ACT|OPERATION|COVERAGE) = ${NAME}`),
  ...find(`\\bact = \\w+ \\? ${NAME}`),
  ...find(`\\bact = \\w+ \\? '\\w+' : ${NAME}`),
  ...find(`\\beventOf\\(${NAME}`),
  ...find(`\\btoShardEntry\\(\\w+, \\w+, ${NAME}`),
  ...find(`\\bopen\\(caller, ${NAME}`),
  ...find(`\\bin_act (?:=|IN \\() ?${NAME}`),
]);
/** What tests find in the logs for each field of the graph. */
const found = new Set([
  ...makeCases({ ids: {} } as World).flatMap(({ leaves }) => leaves.map((line) => line.split(' ')[1] ?? '')),
  ...Object.values(OWN_ACTS),
  ...Object.values(WAYS).flatMap((ways) => (ways === 'act' ? [] : ways.flatMap(({ acts, forId = [] }) => [...acts, ...forId]))),
]);

describe('the list of acts', () => {
  it('is in order and has none twice', () => {
    expect(ACTS).toEqual([...new Set(ACTS)].sort());
  });
  it('has every act that the sources write', () => {
    expect(written.size).toBeGreaterThan(50);
    expect([...written].filter((act) => !ACTS.includes(act))).toEqual([]);
  });
  it('has every act that the tests of all fields find in the logs', () => {
    expect(found.size).toBeGreaterThan(40);
    expect([...found].filter((act) => !ACTS.includes(act))).toEqual([]);
  });
  it('has none that nobody writes', () => {
    expect(ACTS.filter((act) => !written.has(act) && !found.has(act))).toEqual([]);
  });
  it('reads every place that gives an act a name', () => {
    // A constant of another name, or a call, would be a name that is not looked for here.
    const others = sources
      .filter(({ file }) => file.startsWith('subgraphs/'))
      .flatMap(({ file, text }) =>
        [...text.matchAll(/\bact: (?!'|string\b|text\b)([A-Za-z_.[\]']+)/g)].map(([, word]) => `${file}: ${word}`),
      )
      .filter((place) => !/: (?:ACT|OPERATION|COVERAGE|Act|Omit|leaf\.act|ShardEntry\['act'\])$/.test(place));
    expect(others).toEqual([]);
  });
  it('is told to auditors whole', () => {
    const [, section = ''] = /\n## Acts\n([\s\S]*?)\n## /.exec(readFileSync(path.join(ROOT, 'docs/audit-log.md'), 'utf8')) ?? [];
    const told = [...section.matchAll(/`([A-Za-z.]+)`/g)].map(([, act = '']) => act);
    expect(told.toSorted()).toEqual(ACTS);
  });
});
