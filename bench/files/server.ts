// The whole network's servers in a process of their own, as `npm start` runs them. The first message holds the settings, and is answered with
// the address; every later one with the memory and the processor time that are used.
import type { CityConfig } from '#platform/config/city.ts';
import type { FilesConfig } from '#platform/config/files.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import type { SubjectsConfig } from '#platform/config/subjects.ts';
import { makeLog } from '#platform/observability/log.ts';
import { type App, startApp } from '#tools/app.ts';

export type ServerSettings = {
  readonly cities: readonly CityConfig[];
  readonly secrets: Secrets;
  readonly files: FilesConfig;
  readonly subjects: SubjectsConfig;
};
export type Usage = { readonly rssBytes: number; readonly cpuSeconds: number };

const usage = (): Usage => {
  const { user, system } = process.cpuUsage();
  return { rssBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 };
};

let app: Promise<App> | null = null;
process.on('message', async (message: ServerSettings | 'usage') => {
  if (message === 'usage') {
    process.send?.(usage());
    return;
  }
  app = startApp({
    ...message,
    host: '127.0.0.1',
    port: 0,
    development: false,
    allowedOrigins: [],
    appointmentTypes: ['PHYSICIAN'],
    log: makeLog('bench', 'info', '/dev/null'),
  });
  process.send?.({ url: (await app).url });
});
process.on('disconnect', async () => {
  await (await app)?.stop();
  process.exit(0);
});
