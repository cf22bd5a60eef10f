import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CityUnavailableError } from '#platform/database/errors.ts';
import { startTestApp, type TestApp } from '#test/support/app.ts';
import type { Answer } from '#test/support/graph.ts';
import { largeFiles, sha256Of } from '#test/support/large-files.ts';

/** An entry as an auditor reads it. */
export type SeenEntry = {
  readonly id: string;
  readonly city: string;
  readonly act: string;
  readonly action: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly purpose: string;
  readonly role: string;
  readonly accountId: string | null;
  readonly patientId: string | null;
  readonly entities: readonly { readonly kind: string; readonly id: string | null; readonly sha256: string | null }[];
  readonly requestId: string;
};

const EVENT = `query ($id: ID!) { auditEvent(id: $id) { id city { code } act action outcome outcomeReason purpose
  agent { role accountId } patient { id } entities { kind id sha256 } requestId } }`;
type EventAnswer = {
  readonly auditEvent: {
    readonly id: string;
    readonly city: { readonly code: string };
    readonly act: string;
    readonly action: string;
    readonly outcome: string;
    readonly outcomeReason: string | null;
    readonly purpose: string;
    readonly agent: { readonly role: string; readonly accountId: string | null };
    readonly patient: { readonly id: string } | null;
    readonly entities: SeenEntry['entities'];
    readonly requestId: string;
  } | null;
};

const DAY_MS = 86_400_000;
const ADD_SLOT = `mutation ($input: AddSlotInput!) { addSlot(input: $input) { __typename ... on AddSlotSuccess { slot { id } } } }`;
const BOOK = `mutation ($slotId: ID!, $key: String!) { bookAppointment(input: { slotId: $slotId, idempotencyKey: $key }) {
  __typename ... on BookAppointmentSuccess { appointment { id } } } }`;
const UPLOAD = `mutation ($input: UploadFileInput!) { uploadFile(input: $input) { __typename ... on UploadFileSuccess { file { id sha256 } } } }`;
const CREATE = `mutation ($input: CreatePatientInput!) { createPatient(input: $input) { __typename ... on CreatePatientSuccess { patient { id version } } } }`;

/** What each person of the story is called. */
export const PATIENT = 'MTLP0001';
export const DOCTOR = 'MTLD0001';
export const ADMIN = 'MTLA0001';
export const AUDITOR = 'MTLU0001';
export const STRANGER = 'MTLP0009';
export const FOREIGN_ADMIN = 'QUEA0001';

/** Whether a city came too late, as it may on a busy machine, and nothing else went wrong. */
export const isLate = ({ text }: Pick<Answer, 'text'>): boolean =>
  /"(?:CITY_UNAVAILABLE|SUBGRAPH_UNAVAILABLE|AUDIT_UNAVAILABLE|OVERLOADED|CityUnavailable)"/.test(text);

/** A running network with a patient who has a record, an appointment and a file, and who reads what it records. */
export const makeWorld = async () => {
  const begin = (): Promise<TestApp> => startTestApp({ sessionsEveryMs: 100 });
  // A busy machine may let a city come late while the population is written; then it is begun once more.
  const app = await begin().catch((error: unknown) => {
    if (error instanceof CityUnavailableError) return begin();
    throw error;
  });
  const { graph, network } = app;
  const tokens = new Map<string, Promise<string>>();
  const tokenOf = (username: string): Promise<string> => {
    const token = tokens.get(username) ?? app.tokenOf(username);
    tokens.set(username, token);
    return token;
  };
  const ask = async <T = Record<string, unknown>>(
    as: string | null,
    query: string,
    variables: Readonly<Record<string, unknown>> = {},
  ): Promise<Answer<T>> => graph.ask<T>(query, variables, { token: as === null ? null : await tokenOf(as) });

  /** What `give` finds in the answer; asked again while a busy machine lets a city come late. An answer without it is shown whole. */
  const need = async <T, V>(run: () => Promise<Answer<T>>, give: (data: T) => V | null | undefined): Promise<V> => {
    for (const end = Date.now() + 20_000; ; ) {
      const answer = await run();
      const value = answer.data === null ? undefined : give(answer.data);
      if (value !== undefined && value !== null) return value;
      if (Date.now() > end || !isLate(answer)) throw new Error(`the story could not be prepared: ${answer.text}`);
    }
  };
  let days = 30;
  /** A slot of its own day in Montreal, half an hour long; `inMinutes` from now where it is to be soon. */
  const slot = async (over: Readonly<Record<string, unknown>> = {}, inMinutes: number | null = null): Promise<string> => {
    const start = new Date(inMinutes === null ? Date.now() + ++days * DAY_MS : Date.now() + inMinutes * 60_000);
    const input = {
      appointmentType: 'PHYSICIAN',
      capacity: 5,
      start: start.toISOString(),
      end: new Date(start.getTime() + 1_800_000).toISOString(),
      ...over,
    };
    type Added = { readonly addSlot: { readonly slot?: { readonly id: string } } };
    return need(
      () => ask<Added>(ADMIN, ADD_SLOT, { input }),
      ({ addSlot }) => addSlot?.slot?.id,
    );
  };
  const appointment = async (as: string, slotId?: string): Promise<string> => {
    type Booked = { readonly bookAppointment: { readonly appointment?: { readonly id: string } } };
    const asked = { slotId: slotId ?? (await slot()), key: randomUUID() };
    return need(
      () => ask<Booked>(as, BOOK, asked),
      ({ bookAppointment }) => bookAppointment?.appointment?.id,
    );
  };
  const file = async (as: string, patientId: string, over: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    type Kept = { readonly uploadFile: { readonly file?: { readonly id: string } } };
    const input = {
      patientId,
      name: `${randomUUID()}.txt`,
      contentType: 'text/plain',
      content: Buffer.from(`findings ${randomUUID()}`).toString('base64'),
      ...over,
    };
    return need(
      () => ask<Kept>(as, UPLOAD, { input }),
      ({ uploadFile }) => uploadFile?.file?.id,
    );
  };
  const newPatient = async (over: Readonly<Record<string, unknown>> = {}): Promise<string> => {
    type Made = { readonly createPatient: { readonly patient?: { readonly id: string } } };
    const input = { name: { family: 'Audited', given: ['Ada'] }, birthDate: '1980-01-01', ...over };
    return need(
      () => ask<Made>(ADMIN, CREATE, { input }),
      ({ createPatient }) => createPatient?.patient?.id,
    );
  };
  const patientOf = async (username: string): Promise<string> => (await app.account(username)).patientId ?? '';

  const marks = async (): Promise<ReadonlyMap<string, string>> =>
    new Map(
      await Promise.all(
        network.cities.map(async ({ code }) => {
          const { rows } = await (await network.admin(code)).query<{ id: string }>('select coalesce(max(id), 0) as id from audit.entry');
          return [code, rows[0]?.id ?? '0'] as const;
        }),
      ),
    );
  /** Ids of entries behind the marks, without those of what the system does by itself. */
  const idsSince = async (since: ReadonlyMap<string, string>): Promise<string[]> => {
    const found = await Promise.all(
      network.cities.map(async ({ code }) => {
        const { rows } = await (await network.admin(code)).query<{ id: string }>(
          `select e.event_id as id from audit.entry e where e.id > $1 and convert_from(e.body, 'UTF8')::jsonb #>> '{agent,0,role}' <> 'SERVICE' order by e.id`,
          [since.get(code) ?? '0'],
        );
        return rows.map(({ id }) => id);
      }),
    );
    return found.flat();
  };
  const readEntry = async (id: string): Promise<SeenEntry> => {
    const seen = await need(
      () => ask<EventAnswer>(AUDITOR, EVENT, { id }),
      ({ auditEvent }) => auditEvent,
    );
    const { city, outcomeReason, agent, patient, ...event } = seen;
    return { ...event, city: city.code, reason: outcomeReason, ...agent, patientId: patient?.id ?? null };
  };
  /** What was written behind the marks, but for what was written about reading it. */
  const entriesSince = async (since: ReadonlyMap<string, string>): Promise<readonly SeenEntry[]> => {
    const entries: SeenEntry[] = [];
    for (const id of await idsSince(since)) entries.push(await readEntry(id));
    return entries;
  };
  /** Runs an act, and gives its answer with every entry that was written meanwhile. */
  const during = async <T>(run: () => Promise<T>): Promise<{ readonly answer: T; readonly entries: readonly SeenEntry[] }> => {
    const before = await marks();
    const answer = await run();
    return { answer, entries: await entriesSince(before) };
  };

  const slotId = await slot({ practitionerId: (await app.account(DOCTOR)).practitionerId });
  const appointmentId = await appointment(PATIENT, slotId);
  const patientId = await patientOf(PATIENT);
  const fileId = await file(PATIENT, patientId, { appointmentId });
  type Covered = { readonly patient: { readonly coverages: readonly { readonly id: string }[] } };
  const coverageId = await need(
    () => ask<Covered>(PATIENT, 'query ($id: ID!) { patient(id: $id) { coverages { id } } }', { id: patientId }),
    ({ patient }) => patient?.coverages[0]?.id,
  );

  /** An open slot of another city, counted from the last. */
  const slotOf = async (city: string, fromLast = 0): Promise<string> => {
    type Listed = { readonly slots: { readonly nodes: readonly { readonly id: string }[] } };
    const list = 'query ($c: [String!]) { slots(filter: { cities: $c, onlyAvailable: true }, first: 60) { nodes { id } } }';
    return need(
      () => ask<Listed>(PATIENT, list, { c: [city] }),
      ({ slots }) => slots?.nodes.at(-1 - fromLast)?.id,
    );
  };
  /** An entry that there is. */
  const entry = async (): Promise<string> => {
    const before = await marks();
    await ask(PATIENT, '{ me { patient { birthDate } } }');
    const [id] = await idsSince(before);
    if (id === undefined) throw new Error('a reading left no entry');
    return id;
  };
  const blobs = ['primary', 'backup'].map((name) => path.join(path.dirname(app.logFile), 'files', name));
  const eachBlob = (change: (bytes: Buffer) => void): void => {
    for (const folder of blobs)
      for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
        const at = path.join(folder, name);
        if (!statSync(at).isFile() || name.endsWith('.key') || statSync(at).size < 8) continue;
        const bytes = readFileSync(at);
        change(bytes);
        writeFileSync(at, bytes);
      }
  };
  const flip = (bytes: Buffer): void => {
    const last = bytes.length - 1;
    bytes[last] = (bytes[last] ?? 0) ^ 1;
  };
  /** Damages every content in both stores, and mends it again. */
  const breakStores = async (): Promise<() => Promise<void>> => {
    eachBlob(flip);
    return async () => eachBlob(flip);
  };
  /** Takes both stores away, and brings them back. */
  const closeStores = async (): Promise<() => Promise<void>> => {
    for (const folder of blobs) {
      renameSync(folder, `${folder}-away`);
      writeFileSync(folder, '');
    }
    return async () => {
      for (const folder of blobs) {
        rmSync(folder);
        renameSync(`${folder}-away`, folder);
      }
    };
  };

  /** Lets nobody look at the slots of a city. */
  const blockSlots = async (city: string): Promise<() => Promise<void>> => {
    const admin = await network.admin(city);
    await admin.query('begin');
    await admin.query('lock table scheduling.slot in access exclusive mode');
    return async () => void (await admin.query('rollback'));
  };

  return {
    app,
    graph,
    network,
    slotOf,
    blockSlots,
    entry,
    marks,
    entriesSince,
    breakStores,
    closeStores,
    large: largeFiles(graph),
    ask,
    tokenOf,
    slot,
    appointment,
    file,
    newPatient,
    patientOf,
    during,
    sha256Of,
    /** What the story's patient has. */
    ids: { patient: patientId, appointment: appointmentId, slot: slotId, file: fileId, coverage: coverageId },
    stop: () => app.stop(),
  };
};
export type World = Awaited<ReturnType<typeof makeWorld>>;

/**
 * An entry in one line: city, act, action, outcome with its reason, who acted why, about what. A kind that ends in `#` carries the hash of a
 * version.
 */
export const lineOf = (entry: SeenEntry): string => {
  const outcome = entry.reason === null ? entry.outcome : `${entry.outcome}(${entry.reason})`;
  const entities = entry.entities.map(({ kind, sha256 }) => (sha256 === null ? kind : `${kind}#`));
  return `${entry.city} ${entry.act} ${entry.action} ${outcome} ${entry.role}/${entry.purpose} [${entities.join(' ')}]`;
};
