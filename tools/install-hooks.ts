import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Puts the hooks of `lefthook.yml` into this clone's `.git`. Done by hand, once: no package of ours runs a script at install. */
const root = fileURLToPath(new URL('../', import.meta.url));

const isClone = (): boolean => {
  try {
    return execFileSync('git', ['rev-parse', '--is-inside-work-tree'], { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim() === 'true';
  } catch {
    return false;
  }
};

if (!isClone()) {
  console.error('This is no clone of a git repository, so there is nothing to hook into.');
  process.exitCode = 1;
} else {
  const script = fileURLToPath(new URL('../node_modules/lefthook/bin/index.js', import.meta.url));
  const { status } = spawnSync(process.execPath, [script, 'install'], { cwd: root, stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
