// Plain JavaScript, like check-node.mjs: whoever clones has Node 20 perhaps, which reads no types.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const HELP = `node tools/install-hooks.mjs [--help]

Puts the hooks of lefthook.yml into this clone's .git: format, lint, types, arrows and graph of what a commit holds, in seconds. Done by
hand, once, after "npm ci": no package runs a script at install.

  --help   this text

Exit: 0 the hooks are there, 1 they could not be put there, 2 the command line is wrong.
`;
const root = fileURLToPath(new URL('../', import.meta.url));
const lefthook = fileURLToPath(new URL('../node_modules/lefthook/bin/index.js', import.meta.url));

const isClone = () => {
  try {
    return execFileSync('git', ['rev-parse', '--is-inside-work-tree'], { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim() === 'true';
  } catch {
    return false;
  }
};

const install = () => {
  const words = process.argv.slice(2);
  if (words.length === 1 && words[0] === '--help') {
    console.log(HELP);
    return 0;
  }
  if (words.length > 0) {
    console.error(`It takes no words and no option but --help.\n\n${HELP}`);
    return 2;
  }
  if (!isClone()) {
    console.error('This is no clone of a git repository, so there is nothing to hook into.');
    return 1;
  }
  if (!existsSync(lefthook)) {
    console.error('lefthook is not there: run "npm ci" first.');
    return 1;
  }
  return spawnSync(process.execPath, [lefthook, 'install'], { cwd: root, stdio: 'inherit' }).status ?? 1;
};

process.exitCode = install();
