import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { generatedPath, generateTypes } from './codegen.ts';
import { type Acceptance, findChanges, judgeChanges, readAcceptances } from './graph-changes.ts';
import { composeSubgraphs, SUBGRAPHS, SUPERGRAPH_PATH } from './supergraph.ts';
import { readCommandLine } from './usage.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const FILE = 'schema/supergraph.graphql';
const ACCEPTED = new URL('../schema/accepted-changes.json', import.meta.url);

/** An earlier graph to compare with: its text and the revision it stands at, or why there is none. */
export type Base = { readonly sdl: string; readonly revision: string } | { readonly none: string };

/** What the check looks at. `written` texts are null where the file is missing. */
export type GraphFacts = {
  readonly composed: { readonly sdl: string } | { readonly errors: readonly string[] };
  readonly written: string | null;
  readonly types: readonly { readonly file: string; readonly fresh: string; readonly written: string | null }[];
  readonly base: Base;
  readonly acceptances: readonly Acceptance[];
};

/**
 * Finds the graph to compare with: the file at `revision`; else at HEAD, or, where the text is HEAD's already, before the last commit
 * that changed it. Throws where `revision` is given and has no such file.
 */
export const findBase = (root: string, text: string | null, revision?: string): Base => {
  const git = (...args: string[]): string | null => {
    try {
      return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 64 * 2 ** 20 });
    } catch {
      return null;
    }
  };
  const at = (rev: string): string | null => git('show', `${rev}:${FILE}`);
  if (revision !== undefined) {
    const sdl = at(revision);
    if (sdl === null) throw new Error(`there is no ${FILE} at ${revision}`);
    return { sdl, revision };
  }
  const head = at('HEAD');
  if (head === null) return { none: 'no graph is committed yet' };
  if (head !== text) return { sdl: head, revision: 'HEAD' };
  const last = git('log', '-1', '--format=%H', '--', FILE)?.trim();
  const before = last ? at(`${last}~1`) : null;
  return before === null ? { none: 'the committed graph is the first one' } : { sdl: before, revision: `${last?.slice(0, 12)}~1` };
};

/** Judges the facts: `problems` fail the check, `notes` are for people. */
export const judgeGraph = async (facts: GraphFacts): Promise<{ readonly problems: string[]; readonly notes: string[] }> => {
  const problems: string[] = [];
  const notes: string[] = [];
  if ('errors' in facts.composed)
    return { problems: facts.composed.errors.map((error) => `the subgraphs do not compose: ${error}`), notes };
  if (facts.written !== facts.composed.sdl) problems.push(`${FILE} is stale; run "npm run generate" and commit what it writes`);
  for (const { file, fresh, written } of facts.types)
    if (fresh !== written) problems.push(`${file} is stale; run "npm run generate" and commit what it writes`);
  if ('none' in facts.base) {
    notes.push(`changes were not compared: ${facts.base.none}`);
    return { problems, notes };
  }
  const { accepted, refused } = judgeChanges(await findChanges(facts.base.sdl, facts.composed.sdl), facts.acceptances);
  notes.push(`compared with ${facts.base.revision}`);
  for (const { level, type, path, message, reason } of accepted) notes.push(`${level}, accepted: ${type} ${path}: ${message} (${reason})`);
  for (const { level, type, path, message } of refused) problems.push(`${level}: ${type} ${path}: ${message}`);
  if (refused.length > 0)
    problems.push('take such changes back, or accept each in schema/accepted-changes.json: {"type": …, "path": …, "reason": …}');
  return { problems, notes };
};

const readOrNull = (url: URL): string | null => (existsSync(url) ? readFileSync(url, 'utf8') : null);

/** Reads the facts of this working tree, composing and generating afresh. */
export const readFacts = async (revision?: string): Promise<GraphFacts> => {
  const written = readOrNull(SUPERGRAPH_PATH);
  const composed = composeSubgraphs();
  return {
    composed,
    written,
    types: await Promise.all(
      SUBGRAPHS.map(async (name) => ({
        file: `subgraphs/${name}/generated/resolvers.ts`,
        fresh: await generateTypes(name),
        written: readOrNull(generatedPath(name)),
      })),
    ),
    base: findBase(ROOT, 'sdl' in composed ? composed.sdl : written, revision),
    acceptances: readAcceptances(readOrNull(ACCEPTED) ?? '[]'),
  };
};

const HELP = `Usage: npm run check:graph [-- --base REVISION]

Composes the subgraphs and generates their types afresh, and fails where a committed file is stale. Compares what callers see with an
earlier graph: breaking changes and dangerous ones (a new enum value, union member …) fail unless schema/accepted-changes.json names them.

  --base REVISION   compare with schema/supergraph.graphql of that revision (default: the last committed graph)`;

if (import.meta.main) {
  try {
    const { values } = readCommandLine(HELP, { base: { type: 'string' } });
    const { problems, notes } = await judgeGraph(await readFacts(values.base));
    for (const note of notes) console.log(note);
    for (const problem of problems) console.error(problem);
    console.log(problems.length === 0 ? 'the graph is fresh and breaks nobody' : `${problems.length} problems`);
    process.exitCode = problems.length === 0 ? 0 : 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  }
}
