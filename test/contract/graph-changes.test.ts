import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'graphql';
import { findBase, type GraphFacts, judgeGraph, readFacts } from '#tools/check-graph.ts';
import { readAcceptances } from '#tools/graph-changes.ts';
import { SUBGRAPHS } from '#tools/supergraph.ts';

const sdlOf = (name: string): string => readFileSync(`schema/${name}.graphql`, 'utf8');
/** The supergraph with one subgraph's text changed; the text to change must be there. */
const composeWith = (name: string, from: string, to: string): string => {
  expect(sdlOf(name)).toContain(from);
  const result = composeServices(
    SUBGRAPHS.map((each) => ({
      name: each,
      url: `http://${each}.invalid/graphql`,
      typeDefs: parse(each === name ? sdlOf(name).replace(from, to) : sdlOf(each)),
    })),
  );
  if (result.errors) throw new Error(result.errors.join('\n'));
  return result.supergraphSdl;
};

let now: string;
beforeAll(() => {
  now = composeWith('audit', 'type Query', 'type Query');
});
const facts = (given: Partial<GraphFacts>): GraphFacts => ({
  composed: { sdl: now },
  written: now,
  types: [],
  base: { sdl: now, revision: 'HEAD' },
  acceptances: [],
  ...given,
});
const changedTo = (later: string, acceptances: GraphFacts['acceptances'] = []): GraphFacts =>
  facts({ composed: { sdl: later }, written: later, acceptances });

describe('the check of the graph', () => {
  it('passes what has not changed', async () => {
    expect(await judgeGraph(facts({}))).toEqual({ problems: [], notes: ['compared with HEAD'] });
  });

  it('fails a supergraph that was not composed afresh', async () => {
    const { problems } = await judgeGraph(facts({ written: `${now}\n` }));
    expect(problems).toEqual([expect.stringMatching(/^schema\/supergraph\.graphql is stale; run "npm run generate"/)]);
  });

  it('fails types that were not generated afresh, and missing ones', async () => {
    const types = [
      { file: 'a.ts', fresh: 'x', written: 'y' },
      { file: 'b.ts', fresh: 'x', written: null },
      { file: 'c.ts', fresh: 'x', written: 'x' },
    ];
    const { problems } = await judgeGraph(facts({ types }));
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual(['a.ts', 'b.ts']);
  });

  it('fails subgraphs that do not compose, with the reasons', async () => {
    const { problems } = await judgeGraph(facts({ composed: { errors: ['no'] } }));
    expect(problems).toEqual(['the subgraphs do not compose: no']);
  });

  it('fails a removed field as breaking', async () => {
    const later = composeWith('audit', '  "Ties together what one request did."\n  requestId: String!\n', '');
    const { problems } = await judgeGraph(changedTo(later));
    expect(problems[0]).toMatch(/^breaking: FIELD_REMOVED AuditEvent\.requestId/);
  });

  it('passes a removed field that was accepted with a reason', async () => {
    const later = composeWith('audit', '  "Ties together what one request did."\n  requestId: String!\n', '');
    const accepted = [{ type: 'FIELD_REMOVED', path: 'AuditEvent.requestId', reason: 'nobody has it yet' }];
    const { problems, notes } = await judgeGraph(changedTo(later, accepted));
    expect(problems).toEqual([]);
    expect(notes.at(-1)).toMatch(/^breaking, accepted: FIELD_REMOVED AuditEvent\.requestId.*\(nobody has it yet\)$/);
  });

  const newMember = () =>
    composeWith('scheduling', '| NoticeWindowPassed | CityUnavailable', '| NoticeWindowPassed | SlotRemoved | CityUnavailable');

  it('fails a new union member as dangerous', async () => {
    const { problems } = await judgeGraph(changedTo(newMember()));
    expect(problems[0]).toMatch(/^dangerous: UNION_MEMBER_ADDED CancelAppointmentResult\.SlotRemoved/);
  });

  it('passes a new union member that was accepted, and only that one', async () => {
    const entry = (member: string) => [
      { type: 'UNION_MEMBER_ADDED', path: `CancelAppointmentResult.${member}`, reason: 'callers were told' },
    ];
    expect((await judgeGraph(changedTo(newMember(), entry('SlotRemoved')))).problems).toEqual([]);
    expect((await judgeGraph(changedTo(newMember(), entry('SlotFull')))).problems).not.toEqual([]);
  });

  it('fails a new enum value as dangerous', async () => {
    const later = composeWith(
      'scheduling',
      '  "Given back."\n  CANCELLED\n',
      '  "Given back."\n  CANCELLED\n  "Nobody came."\n  NO_SHOW\n',
    );
    expect((await judgeGraph(changedTo(later))).problems[0]).toMatch(/^dangerous: ENUM_VALUE_ADDED AppointmentStatus\.NO_SHOW/);
  });

  it('says so where there is no earlier graph, and passes', async () => {
    expect(await judgeGraph(facts({ base: { none: 'the first' } }))).toEqual({
      problems: [],
      notes: ['changes were not compared: the first'],
    });
  });

  it('takes no acceptance without a reason', () => {
    expect(() => readAcceptances('[{"type":"FIELD_REMOVED","path":"A.b","reason":" "}]')).toThrow('entry 0 lacks its reason');
  });

  it('finds the files of this working tree fresh', async () => {
    const { composed, written, types } = await readFacts();
    expect(written).toBe('sdl' in composed ? composed.sdl : composed.errors.join('\n'));
    expect(types.filter(({ fresh, written: text }) => fresh !== text).map(({ file }) => file)).toEqual([]);
  });
});

describe('the graph that a change is compared with', () => {
  const root = mkdtempSync(join(tmpdir(), 'caregraph-base-'));
  const git = (...args: string[]) => execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t.invalid', ...args], { cwd: root });
  const commit = (text: string) => {
    writeFileSync(join(root, 'schema/supergraph.graphql'), text);
    git('add', '.');
    git('commit', '-qm', 'x');
  };
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('is none without git, none at the first commit, then HEAD or the one before', () => {
    mkdirSync(join(root, 'schema'));
    expect(findBase(root, 'one')).toEqual({ none: 'no graph is committed yet' });
    git('init', '-q');
    commit('one');
    expect(findBase(root, 'one')).toEqual({ none: 'the committed graph is the first one' });
    expect(findBase(root, 'two')).toEqual({ sdl: 'one', revision: 'HEAD' });
    commit('two');
    writeFileSync(join(root, 'other'), '');
    git('add', '.');
    git('commit', '-qm', 'leaves the graph alone');
    expect(findBase(root, 'two')).toMatchObject({ sdl: 'one' });
    expect(findBase(root, 'three')).toEqual({ sdl: 'two', revision: 'HEAD' });
    expect(findBase(root, 'three', 'HEAD~2')).toEqual({ sdl: 'one', revision: 'HEAD~2' });
    expect(() => findBase(root, 'three', 'nowhere')).toThrow('there is no schema/supergraph.graphql at nowhere');
  });
});
