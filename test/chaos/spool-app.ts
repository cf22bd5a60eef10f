import { readFileSync } from 'node:fs';
import { makeLog } from '#platform/observability/log.ts';
import { type AppSettings, startApp } from '#tools/app.ts';

/** The graph in a process of its own over databases that are somebody else's, until it is killed; settings in the file that its argument names. */
const { logFile, ...settings } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Omit<AppSettings, 'log'> & {
  readonly logFile: string;
};
const app = await startApp({ ...settings, log: makeLog('reader', 'info', logFile) });
process.on('disconnect', () => process.exit(1));
process.send?.({ url: app.url });
