import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';
import { cruise, type ICruiseOptions, type ICruiseResult, type IForbiddenRuleType } from 'dependency-cruiser';
import { readCommandLine } from './usage.ts';

const FOLDERS = ['subgraphs', 'gateway', 'platform', 'policy', 'embedded', 'tools', 'test', 'bench', 'schema', 'migrations', 'web'];
const ROOT = fileURLToPath(new URL('../', import.meta.url));

type Config = { readonly forbidden: readonly IForbiddenRuleType[]; readonly options: ICruiseOptions };
const config: Config = createRequire(import.meta.url)('../.dependency-cruiser.cjs');

/** An import that a rule forbids. Paths from the root of the tree. */
export type BrokenArrow = { readonly rule: string; readonly from: string; readonly to: string };

/** `files`: how many were found on the disk; `unseen`: those the cruise did not read, or read without seeing any of their imports. */
export type ArrowReport = { readonly files: number; readonly unseen: readonly string[]; readonly broken: readonly BrokenArrow[] };

const findFiles = (root: string, folders: readonly string[]): string[] =>
  folders
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)))
    .filter((file) => file.endsWith('.ts'))
    .sort();

const cruiseTree = async (root: string, folders: readonly string[], kind: string): Promise<ICruiseResult> => {
  const { output } = await cruise([...folders], {
    ...config.options,
    baseDir: root,
    validate: true,
    ruleSet: { forbidden: config.forbidden.filter(({ comment }) => comment === kind) },
  });
  if (typeof output === 'string') throw new Error('the cruise gave a text instead of its result');
  return output;
};

/** Copies the files without their types, so that what is left imports what it imports when it runs. */
const wipeTypes = (root: string, files: readonly string[], target: string): void => {
  for (const file of files) {
    const { code } = transformSync(readFileSync(join(root, file), 'utf8'), {
      configFile: false,
      swcrc: false,
      jsc: { parser: { syntax: 'typescript' }, target: 'es2024', transform: { verbatimModuleSyntax: true } },
    });
    mkdirSync(dirname(join(target, file)), { recursive: true });
    writeFileSync(join(target, file), code);
  }
  cpSync(join(root, 'package.json'), join(target, 'package.json'));
  if (existsSync(join(root, 'node_modules'))) symlinkSync(join(root, 'node_modules'), join(target, 'node_modules'));
};

const brokenOf = (result: ICruiseResult): BrokenArrow[] =>
  result.summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to }));

/** Checks the arrows of a tree that has the house's folders and its `package.json`. */
export const checkArrows = async (root: string = ROOT): Promise<ArrowReport> => {
  const files = findFiles(
    root,
    FOLDERS.filter((folder) => existsSync(join(root, folder))),
  );
  const folders = FOLDERS.filter((folder) => files.some((file) => file.startsWith(`${folder}/`)));
  const all = await cruiseTree(root, folders, 'all imports');
  const seen = new Map(all.modules.map((module) => [module.source, module.dependencies.length]));
  const unseen = files.filter((file) => {
    const imports = seen.get(file);
    return imports === undefined || (imports === 0 && /^(import|export) .*from '/m.test(readFileSync(join(root, file), 'utf8')));
  });
  const wiped = mkdtempSync(join(tmpdir(), 'caregraph-arrows-'));
  try {
    wipeTypes(root, files, wiped);
    const runTime = await cruiseTree(wiped, folders, 'run time');
    return { files: files.length, unseen, broken: [...brokenOf(all), ...brokenOf(runTime)] };
  } finally {
    rmSync(wiped, { recursive: true, force: true });
  }
};

const HELP = `npm run arrows [-- --help]

Checks that imports point only where the house's rules let them, as written and with types wiped off.
Exit: 0 no arrow is broken, 1 one is, which it names, 2 the command line is wrong.
`;

if (import.meta.main) {
  readCommandLine(HELP, {});
  const { files, unseen, broken } = await checkArrows();
  for (const { rule, from, to } of broken) console.error(`${rule}: ${from} → ${to}`);
  for (const file of unseen) console.error(`not read: ${file}`);
  if (files === 0) console.error('no file was found');
  console.log(`${files} files, ${files - unseen.length} read, ${broken.length} arrows broken`);
  process.exitCode = files === 0 || unseen.length > 0 || broken.length > 0 ? 1 : 0;
}
