import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** Bundles the explorer into the folder given as the one argument, whole or not at all. */
const target = process.argv[2];
if (target === undefined) {
  console.error('usage: node tools/build-explorer.ts FOLDER');
  process.exit(2);
}
const draft = mkdtempSync(join(dirname(target), '.explorer-'));
try {
  await build({
    root: fileURLToPath(new URL('../gateway/explorer/', import.meta.url)),
    base: '/explorer/',
    configFile: false,
    logLevel: 'error',
    mode: 'production',
    resolve: { dedupe: ['graphql', 'react', 'react-dom'] },
    build: { outDir: draft, emptyOutDir: true, chunkSizeWarningLimit: 20_000, reportCompressedSize: false },
    worker: { format: 'es' },
  });
  rmSync(target, { recursive: true, force: true });
  renameSync(draft, target);
} finally {
  rmSync(draft, { recursive: true, force: true });
}
