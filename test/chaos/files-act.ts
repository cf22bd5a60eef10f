import { readFileSync } from 'node:fs';
import { graphql } from 'graphql';
import { type FilesSettings, startFiles } from '#files/server.ts';
import type { Viewer } from '#platform/access/viewer.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import type { SubjectsConfig } from '#platform/config/subjects.ts';
import { makeLog } from '#platform/observability/log.ts';
import { openSubjects } from '#platform/subjects/open-subjects.ts';

/** What a process does until it dies; read from the file that its one argument names. */
export type Act = {
  readonly settings: Pick<FilesSettings, 'cities' | 'files'> & { readonly secrets: Secrets; readonly subjects: SubjectsConfig };
  readonly logFile: string;
  /** Step behind which it ends by SIGKILL; null: it lives on to the end. */
  readonly point: string | null;
  readonly viewer: Viewer;
  /** Sent to the graph, then to an address, then to the graph again; then a round of maintenance. Each where it is given. */
  readonly before?: { readonly source: string; readonly variables: Record<string, unknown> };
  readonly put?: { readonly path: string; readonly contentFile: string };
  readonly after?: { readonly source: string; readonly variables: Record<string, unknown> };
  readonly round?: boolean;
};

const act = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Act;
const log = makeLog('files', 'debug', act.logFile);
const { cities, secrets, subjects: keys } = act.settings;
const subjects = await openSubjects(keys, { cities: cities.map(({ code }) => code), indexKey: secrets.subjectIndexKey, log });
const files = await startFiles({
  ...act.settings,
  subjects,
  log,
  sweepEveryMs: 0,
  faults: (point) => {
    if (point !== act.point) return;
    process.kill(process.pid, 'SIGKILL');
    // The signal may take a moment; nothing happens in it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);
  },
});
const caller = (viewer: Viewer | null) =>
  ({ viewer, requestId: crypto.randomUUID(), address: '192.0.2.1', language: 'en', origin: 'http://127.0.0.1:4000' }) as const;
const ask = async ({ source, variables }: NonNullable<Act['before']>): Promise<void> => {
  const contextValue = files.makeContext(caller(act.viewer));
  const { data, errors } = await graphql({ schema: files.schema, source, variableValues: variables, contextValue });
  if (errors) throw errors[0];
  process.stdout.write(`${JSON.stringify(data)}\n`);
};

if (act.before) await ask(act.before);
if (act.put) {
  const content = readFileSync(act.put.contentFile);
  const body = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536);
  };
  const answer = await files.transfer?.({
    method: 'PUT',
    path: act.put.path,
    headers: { 'content-length': String(content.length) },
    body: body(),
    caller: caller(null),
    sessionEnded: false,
    signal: new AbortController().signal,
  });
  process.stdout.write(`${answer?.status}\n`);
}
if (act.after) await ask(act.after);
if (act.round) await files.parts.maintenance.round();
await files.stop();
await subjects.stop();
