import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type GraphQLError, graphql } from 'graphql';
import type pg from 'pg';
import { type Files, type FilesSettings, startFiles } from '#files/server.ts';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { commitTo } from '#platform/audit/event.ts';
import { newId } from '#platform/database/new-id.ts';
import { toGraphError } from '#platform/graphql/errors.ts';
import { makeLog } from '#platform/observability/log.ts';
import { makeQueues } from '#platform/pure/turns.ts';
import { linkTo } from '#test/integration/scheduling/city-link.ts';
import { testFiles } from '#test/support/files-config.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { openEntry } from '#test/support/subjects.ts';

export type Answer = {
  // biome-ignore lint/suspicious/noExplicitAny: answers are as different as questions
  readonly data: any;
  readonly errors: readonly GraphQLError[];
  readonly codes: readonly unknown[];
};

export const UPLOAD = `mutation ($input: UploadFileInput!) { uploadFile(input: $input) { __typename
  ... on Refusal { message }
  ... on UploadFileSuccess { file { id name contentType priority sizeBytes sha256 version createdAt copies { store state } patient { id } } }
  ... on QuotaExceeded { usedBytes limitBytes }
  ... on ContentRefused { reason allowed }
  ... on CityUnavailable { city retryAfterSeconds } } }`;

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
/** Text of so many bytes that compresses badly and that nothing else holds. */
export const someText = (sizeBytes: number): Buffer =>
  Buffer.from(
    randomBytes(Math.ceil(sizeBytes / 2))
      .toString('hex')
      .slice(0, sizeBytes),
  );

type Disclosure = Readonly<Record<string, { readonly salt: string; readonly value: string }>>;
/** A leaf with the hashes that it commits to, which have to be opened by what is disclosed beside it. */
const withHashes = (leaf: string, disclosure: Disclosure): string => {
  const body = JSON.parse(leaf) as { entities: { sha256?: string }[] };
  body.entities.forEach((entity, i) => {
    if (!entity.sha256?.startsWith('cm:')) return;
    const { salt, value } = disclosure[`entity${i}:sha256`] ?? { salt: '', value: '' };
    if (entity.sha256 !== `cm:${commitTo(value, Buffer.from(salt, 'base64url'))}`) throw new Error('a commitment does not open');
    entity.sha256 = value;
  });
  return JSON.stringify(body);
};

/** The files subgraph on a copy of the databases and on stores of its own. */
export const startHarness = async (settings: Partial<FilesSettings> & { readonly quotas?: readonly [number, number] } = {}) => {
  const { quotas, ...more } = settings;
  const network: TestNetwork = await testNetwork();
  const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-files-'));
  const logFile = path.join(folder, 'files.log');
  const links = Object.fromEntries(await Promise.all(network.cities.map(async (city) => [city.code, await linkTo(city)] as const)));
  const cities = Object.values(links).map(({ city }) => city);
  const files = {
    ...testFiles(folder, cities),
    ...(quotas ? { patientQuotaBytes: quotas[0], cityQuotaBytes: quotas[1] } : {}),
  };
  const start = (change: Partial<FilesSettings> = {}): Promise<Files> =>
    startFiles({
      subjects: network.subjects,
      cities,
      secrets: network.secrets,
      files,
      log: makeLog('files', 'debug', logFile),
      sweepEveryMs: 0,
      ...more,
      ...change,
    });
  const subgraph = await start();
  /** One after the other, as a client has one connection. */
  const lines = makeQueues();
  const sql = <R extends pg.QueryResultRow>(city: string, text: string, values: unknown[] = []): Promise<R[]> =>
    lines.run(city, async () => (await (await network.admin(city)).query<R>(text, values)).rows);
  const viewer = (role: Viewer['role'], city: string, own: Partial<Viewer> = {}): Viewer => ({
    accountId: newId(city, 'acc'),
    role,
    city,
    patientId: null,
    practitionerId: null,
    sessionId: newId(city, 'ses'),
    expiresAt: Math.floor(Date.now() / 1000) + 600,
    ...own,
  });
  /** A patient, who can log in. */
  const addPatient = async (city = 'MTL'): Promise<Viewer & { readonly patientId: string }> => {
    const patientId = newId(city, 'pat');
    await sql(city, `insert into patients.patient (city, id, family, given, name_text) values ($1, $2, 'Test', '{Pat}', 'Pat Test')`, [
      city,
      patientId,
    ]);
    return { ...viewer('P', city, { patientId }), patientId };
  };
  const practitioner = (city: string): Viewer & { readonly practitionerId: string } => {
    const practitionerId = newId(city, 'prc');
    return { ...viewer('D', city, { practitionerId }), practitionerId };
  };
  /** Opens a patient's record to a practitioner for an hour. */
  const grant = (patientId: string, practitionerId: string) =>
    sql(
      patientId.slice(0, 3),
      `insert into patients.access_grant (city, patient_id, practitioner_id, granted_by, until) values ($1, $2, $3, 'test', now() + interval '1 hour')`,
      [patientId.slice(0, 3), patientId, practitionerId],
    );
  /** An appointment of a patient at a city, as the patient's home knows it. */
  const addAppointment = async (patientId: string, hostCity = 'QUE', practitionerId: string | null = null): Promise<string> => {
    const [city, id] = [patientId.slice(0, 3), newId(hostCity, 'apt')];
    await sql(
      city,
      `insert into scheduling.ledger (city, id, patient_id, host_city, slot_id, appointment_type, practitioner_id, starts_at, ends_at,
         local_date, week, state)
       select $1, $2, $3, $4, $5, 'PHYSICIAN', $6, t, t + interval '30 minutes', t::date, '2026-W01', 'confirmed'
       from (select now() + random() * interval '1000 hours' as t) as start`,
      [city, id, patientId, hostCity, newId(hostCity, 'slt'), practitionerId],
    );
    return id;
  };

  const callerOf = (who: Viewer | null, language: 'en' | 'fr' = 'en'): Caller => ({
    viewer: who,
    requestId: randomUUID(),
    address: '192.0.2.1',
    language,
    origin: 'http://127.0.0.1:4000',
  });
  /** Asks the schema with a context of its own, as one request of the gateway would. */
  const ask = async (
    who: Viewer | null,
    source: string,
    variableValues: Record<string, unknown> = {},
    { of = subgraph, language = 'en' }: { readonly of?: Files; readonly language?: 'en' | 'fr' } = {},
  ): Promise<Answer> => {
    const contextValue = of.makeContext(callerOf(who, language));
    const { data, errors = [] } = await graphql({ schema: of.schema, source, variableValues, contextValue });
    const told = errors.map((error) => toGraphError(error) ?? error);
    return { data, errors: told, codes: told.map(({ extensions }) => extensions['code']) };
  };
  /** Uploads a text for a patient, or what `input` says; gives the answer's union member. */
  const upload = async (
    who: Viewer,
    patientId: string,
    input: Readonly<Record<string, unknown>> & { readonly bytes?: Uint8Array } = {},
    options: { readonly of?: Files; readonly language?: 'en' | 'fr' } = {},
  ) => {
    const { bytes = Buffer.from('a note'), ...given } = input;
    const answer = await ask(
      who,
      UPLOAD,
      {
        input: {
          patientId,
          name: `${randomUUID()}.txt`,
          contentType: 'text/plain',
          content: Buffer.from(bytes).toString('base64'),
          ...given,
        },
      },
      options,
    );
    if (!answer.data?.uploadFile) throw Object.assign(new Error(JSON.stringify(answer.errors)), { answer });
    return answer.data.uploadFile;
  };
  /** Acts of a kind; the hashes that their leaves commit to are put in as disclosed. */
  const audits = async (
    city: string,
    act: string,
    patientId: string | null = null,
  ): Promise<{ outcome: number; body: string; patient_id: string | null; actor_id: string | null }[]> => {
    const rows = await sql<{ outcome: number; body: string; city: string; event_id: string; sealed: Uint8Array }>(
      city,
      `select outcome, convert_from(body, 'UTF8') as body, city, event_id, sealed from audit.entry
       where act = $1 and ($2::bytea is null or patient_tag = $2) order by id`,
      [act, patientId === null ? null : network.subjects.tagOf(patientId)],
    );
    return rows.map((row) => {
      const { outcome, body, patient_id, actor_id, disclosure } = openEntry(network.subjects, row);
      return { outcome, patient_id, actor_id, body: withHashes(body, disclosure) };
    });
  };
  const TABLES = ['subject', 'room', 'file', 'version', 'debt', 'destruction', 'upload', 'download', 'attachment'];
  /** Everything that a refusal must leave as it is: tables of all cities and what stands in both stores. */
  const snapshot = async (): Promise<Record<string, string>> => {
    const parts: Record<string, string> = {};
    for (const { code: city } of cities)
      for (const table of TABLES) {
        const rows = await sql(city, `select * from files.${table} as t order by t::text`);
        parts[`${city} ${table}`] = `${rows.length} ${sha256Of(Buffer.from(JSON.stringify(rows)))}`;
      }
    for (const name of ['primary', 'backup'])
      parts[name] = readdirSync(path.join(folder, 'files', name), { recursive: true })
        .map(String)
        .sort()
        .join('\n');
    return parts;
  };

  return {
    network,
    folder,
    files,
    logs: () => readFileSync(logFile, 'utf8'),
    subgraph,
    start,
    sql,
    viewer,
    addPatient,
    practitioner,
    grant,
    addAppointment,
    callerOf,
    ask,
    upload,
    audits,
    snapshot,
    linkOf: (city: string) => {
      const link = links[city];
      if (!link) throw new Error(`no city ${city}`);
      return link;
    },
    stop: async () => {
      await subgraph.stop();
      for (const link of Object.values(links)) await link.cut();
      await network.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
export type Harness = Awaited<ReturnType<typeof startHarness>>;
