import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { FhirAuditEvent } from '#audit/domain/fhir-event.ts';
import { validateAuditEvent } from '#test/support/fhir/validate.ts';
import { type Case, makeCases } from './acts.contract.ts';
import { ADMIN, AUDITOR, DOCTOR, isLate, lineOf, makeWorld, PATIENT, type SeenEntry, STRANGER, type World } from './world.ts';

/** The cases before there is a world: who asks for what, to be named before anything runs. */
const tried = makeCases({ ids: {} } as World);
const TITLES = tried.flatMap(({ root, ending, what, as }, i) =>
  root.startsWith('Subscription.')
    ? []
    : [[`${root}, ${ending}${what === undefined ? '' : ` (${what})`}, by ${as ?? 'nobody'}`, i] as const],
);

let world: World;
let cases: readonly Case[];
beforeAll(async () => {
  world = await makeWorld();
  cases = makeCases(world);
}, 60_000);
afterAll(() => world?.stop());

const lines = (entries: readonly SeenEntry[]): string[] => entries.map(lineOf).toSorted();
const logLines = (): Record<string, unknown>[] =>
  readFileSync(world.app.logFile, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
/** The line of a request in the log; it is written behind the answer. */
const logged = async (requestId: string | null): Promise<Record<string, unknown> | undefined> => {
  for (const end = Date.now() + 5_000; ; ) {
    const found = logLines().find(
      (line) => line['requestId'] === requestId && ['request', 'subscription'].includes(String(line['message'])),
    );
    if (found || Date.now() > end) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

describe('each root field of the graph', () => {
  it.each(TITLES)('%s', async (_title, i) => {
    const asked = cases[i];
    if (!asked) throw new Error('no such case');
    const attempt = async () => {
      const variables = (await asked.prepare?.()) ?? {};
      const mend = await asked.breaking?.();
      const done = await world.during(() => world.ask(asked.as, asked.query, variables)).finally(() => mend?.());
      return { ...done, variables };
    };
    let { answer, entries, variables } = await attempt();
    // A busy machine may let a city come late; then the whole is begun anew.
    for (let tries = 0; tries < 3 && isLate(answer) && asked.ending !== 'failed'; tries++)
      ({ answer, entries, variables } = await attempt());
    const root = asked.root.split('.')[1] ?? '';
    const shown = answer.data?.[root] as { readonly __typename?: string } | null | undefined;
    expect(answer.errors.map(({ extensions }) => extensions['code'])).toEqual(asked.code === undefined ? [] : [asked.code]);
    if (asked.code === undefined && asked.ending !== 'denied') expect(shown).not.toBeNull();
    if (asked.says !== undefined) expect(shown?.__typename).toBe(asked.says);
    expect(lines(entries)).toEqual(asked.leaves.toSorted());
    const patient = (await asked.of?.(variables)) ?? null;
    const account = asked.as === null ? null : await world.app.account(asked.as);
    for (const entry of entries) {
      expect(entry.requestId).toBe(answer.headers.get('x-request-id'));
      expect(entry.patientId).toEqual(patient);
      if (account) expect(entry.accountId).toBe(account.id);
      else expect([lineOf(entry), entry.accountId === null]).toEqual([lineOf(entry), entry.role === 'ANONYMOUS']);
    }
  });
});

describe('fields without an entry', () => {
  const QUIET = [
    '{ me { username role city { code } } }',
    '{ practitioners(first: 3) { nodes { id name { text } specialties fees { plan } slots(first: 2) { nodes { id } } } } }',
    '{ cities { code name timeZone checkpoint { size } } appointmentTypes }',
    '{ slots(filter: {}, first: 3) { nodes { id code booked available practitioner { name { text } } } cityStates { state } } }',
    '{ slotsByCode(code: "MTLA100227") { id } serverKey { kid } }',
    '{ auditCheckpoint(city: "MTL") { size } consistencyProof(city: "MTL", fromSize: 0) { hashes } auditShards(city: "MTL") { origin } }',
  ];
  it.each(QUIET)('%s leaves none', async (query) => {
    const { answer, entries } = await world.during(() => world.ask(PATIENT, query));
    expect(answer.errors).toEqual([]);
    expect(lines(entries)).toEqual([]);
  });
});

/**
 * Whoever is not logged in learns nothing but that: nothing was looked up for them, and a log that is kept for years must not be one that
 * anybody on the network can fill. They have a line in the log of the process instead, and are counted.
 */
describe('without a login', () => {
  const PUBLIC = new Set(['Mutation.login', 'Mutation.refreshSession', 'Mutation.registerPatient']);
  const needed = tried.flatMap(({ root, ending }, i) =>
    ending === 'done' && !PUBLIC.has(root) && !root.startsWith('Subscription.') ? [[root, i] as const] : [],
  );
  it.each(needed)('%s is refused with a line in the log and no entry', async (_root, i) => {
    const asked = cases[i];
    if (!asked) throw new Error('no such case');
    const variables = (await asked.prepare?.()) ?? {};
    const { answer, entries } = await world.during(() => world.ask(null, asked.query, variables));
    expect(answer.errors.map(({ extensions }) => extensions['code'])).toEqual(['UNAUTHENTICATED']);
    expect(lines(entries)).toEqual([]);
    expect(await logged(answer.headers.get('x-request-id'))).toMatchObject({ code: 'UNAUTHENTICATED' });
  });
  it.each([
    [
      'what the gateway’s limits refuse',
      `{ ${Array.from({ length: 60 }, (_, i) => `a${i}: me { username }`).join(' ')} }`,
      'LIMIT_EXCEEDED',
    ],
    ['what is no document', '{ me {', 'GRAPHQL_PARSE_FAILED'],
    ['what the graph does not have', '{ secrets }', 'GRAPHQL_VALIDATION_FAILED'],
  ])('%s has a line in the log and no entry', async (_title, query, code) => {
    const { answer, entries } = await world.during(() => world.ask(PATIENT, query));
    expect(answer.errors[0]?.extensions['code']).toBe(code);
    expect(lines(entries)).toEqual([]);
    expect(await logged(answer.headers.get('x-request-id'))).toMatchObject({ code });
  });
  it('input that is none of the act leaves a line in the log and no entry: nothing was asked of any record', async () => {
    const { ids } = world;
    const bad = [
      `mutation { addSlot(input: { appointmentType: "PHYSICIAN", capacity: 0, code: "MTLA100227" }) { __typename } }`,
      `mutation { grantAccess(patientId: "${ids.patient}", practitionerId: "QUE-prc-0", days: 0) { __typename } }`,
      `mutation { updatePatient(input: { id: "${ids.patient}", expectedVersion: 1, birthDate: "2999-01-01" }) { __typename } }`,
    ];
    for (const query of bad) {
      const { answer, entries } = await world.during(() => world.ask(ADMIN, query));
      expect(answer.errors.map(({ extensions }) => extensions['code'])).toEqual(['BAD_USER_INPUT']);
      expect(lines(entries)).toEqual([]);
      expect(await logged(answer.headers.get('x-request-id'))).toMatchObject({ code: 'BAD_USER_INPUT' });
    }
  });
});

describe.each(['overWebSocket', 'overSse'] as const)('a subscription %s', (transport) => {
  const FOLLOW = 'subscription ($id: ID!) { appointmentChanged(patientId: $id) { kind appointment { id status } } }';
  it('is recorded when it begins, and each appointment that it shows', async () => {
    const { ids } = world;
    const start = await world.marks();
    const feed = world.graph[transport](await world.tokenOf(PATIENT)).subscribe(FOLLOW, { id: ids.patient });
    try {
      let began: readonly SeenEntry[] = [];
      for (const end = Date.now() + 5_000; began.length === 0; ) {
        if (Date.now() > end) throw new Error('the following was not recorded');
        began = (await world.entriesSince(start)).filter(({ act }) => act === 'appointmentChanged');
      }
      const before = await world.marks();
      expect(lineOf(began.at(-1) as SeenEntry)).toBe('MTL appointmentChanged READ SUCCESS PATIENT/PATRQT []');
      expect(began.at(-1)).toMatchObject({ patientId: ids.patient, accountId: (await world.app.account(PATIENT)).id });
      const appointmentId = await world.appointment(PATIENT);
      // What was booked just before may be told late, and then it is shown first.
      type Told = { readonly data?: { readonly appointmentChanged?: { readonly appointment?: { readonly id: string } } } | null };
      let shown: Told | null = null;
      for (const end = Date.now() + 10_000; shown?.data?.appointmentChanged?.appointment?.id !== appointmentId; ) {
        if (Date.now() > end) throw new Error('the booking was not shown');
        shown = (await feed.next(10_000)) as Told | null;
      }
      expect(shown?.data).toMatchObject({ appointmentChanged: { kind: 'BOOKED' } });
      const entries = await world.entriesSince(before);
      const reading = entries.filter(({ act, entities }) => act === 'AppointmentChange.appointment' && entities[0]?.id === appointmentId);
      expect(reading.map(lineOf)).toEqual(['MTL AppointmentChange.appointment READ SUCCESS PATIENT/PATRQT [Appointment#]']);
      expect(reading[0]).toMatchObject({ patientId: ids.patient, entities: [{ id: appointmentId }] });
    } finally {
      await feed.close();
    }
  });
  it('that is denied is recorded', async () => {
    const token = await world.tokenOf(STRANGER);
    const { entries } = await world.during(async () => {
      const feed = world.graph[transport](token).subscribe(FOLLOW, { id: world.ids.patient });
      expect((await feed.next())?.errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
      await feed.close();
    });
    expect(lines(entries)).toEqual(['MTL appointmentChanged READ SERIOUS_FAILURE(FORBIDDEN) PATIENT/PATRQT []']);
  });
  it('has a line in the log when it ends', async () => {
    const before = logLines().filter(({ message }) => message === 'subscription').length;
    const feed = world.graph[transport](await world.tokenOf(DOCTOR)).subscribe('subscription { slotChanged(filter: {}) { kind } }');
    const heard = feed.next(20_000);
    // A stream that is still being opened hears nothing, so slots are opened until it does.
    for (let isHeard = false; !isHeard; ) {
      await world.slot();
      isHeard = await Promise.race([heard.then(() => true), new Promise<boolean>((resolve) => setTimeout(resolve, 200, false))]);
    }
    await feed.close();
    for (const end = Date.now() + 5_000; logLines().filter(({ message }) => message === 'subscription').length <= before; ) {
      if (Date.now() > end) throw new Error('no line told of the end');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});

describe('a transfer by its address', () => {
  const bytes = Buffer.from('a report of some length, sent beside the graph');
  const fetchAs = async (as: string | null, url: string, init: RequestInit = {}) =>
    world.during(async () => {
      const headers = {
        ...(init.headers as Record<string, string>),
        ...(as === null ? {} : { authorization: `Bearer ${await world.tokenOf(as)}` }),
      };
      const response = await fetch(url, { signal: AbortSignal.timeout(10_000), ...init, headers, duplex: 'half' } as RequestInit);
      const body = await response.arrayBuffer();
      return { status: response.status, requestId: response.headers.get('x-request-id'), body: Buffer.from(body) };
    });

  it('is recorded upward and downward, with ranges and hashes', async () => {
    const { ids } = world;
    const token = await world.tokenOf(PATIENT);
    const upload = await world.large.address(token, ids.patient, bytes);
    const sent = await fetchAs(PATIENT, upload.url, { method: 'PUT', body: bytes });
    expect([sent.answer.status, lines(sent.entries)]).toEqual([201, ['MTL upload CREATE SUCCESS PATIENT/PATRQT [MedicalFile# Range]']]);
    const { id } = await world.large.finish(token, upload.id);
    const { url } = await world.large.download(token, id);
    const first = await fetchAs(PATIENT, url, { headers: { range: 'bytes=0-9' } });
    expect([first.answer.status, lines(first.entries)]).toEqual([206, ['MTL download READ SUCCESS PATIENT/PATRQT [MedicalFile# Range]']]);
    expect(first.entries[0]?.entities).toEqual([
      { kind: 'MedicalFile', id, sha256: world.sha256Of(bytes) },
      { kind: 'Range', id: `bytes 0-9/${bytes.length}`, sha256: null },
    ]);
    const rest = await fetchAs(PATIENT, url, { headers: { range: 'bytes=10-' } });
    expect(Buffer.concat([first.answer.body, rest.answer.body])).toEqual(bytes);
    for (const { answer, entries } of [sent, first, rest]) {
      expect(entries.map(({ requestId, patientId }) => [requestId, patientId])).toEqual([[answer.requestId, ids.patient]]);
    }
    const used = await fetchAs(PATIENT, url);
    expect([used.answer.status, lines(used.entries)]).toEqual([
      403,
      ['MTL download READ SERIOUS_FAILURE(ADDRESS_USED) PATIENT/PATRQT [MedicalFile#]'],
    ]);
  });
  it('is recorded where it is denied to another account', async () => {
    const { url } = await world.large.download(await world.tokenOf(PATIENT), world.ids.file);
    const { answer, entries } = await fetchAs(STRANGER, url);
    expect([answer.status, lines(entries)]).toEqual([
      403,
      ['MTL download READ SERIOUS_FAILURE(OTHER_ACCOUNT) PATIENT/PATRQT [MedicalFile#]'],
    ]);
    expect(entries[0]).toMatchObject({ requestId: answer.requestId, accountId: (await world.app.account(STRANGER)).id });
  });
  it('at an address that nobody gave is recorded as denied', async () => {
    const { url } = await world.large.download(await world.tokenOf(PATIENT), world.ids.file);
    const { answer, entries } = await fetchAs(null, `${url.slice(0, -4)}AAAA`);
    expect([answer.status, lines(entries)]).toEqual([403, ['MTL download READ SERIOUS_FAILURE(ADDRESS) ANONYMOUS/PATRQT [Download]']]);
    expect(entries[0]?.requestId).toBe(answer.requestId);
  });
  it('of the log’s own files has none: hashes and sealed entries, for anybody', async () => {
    for (const name of ['MTL/key', 'MTL/checkpoint', 'MTL/tile/0/000', 'XXX/key']) {
      const { entries } = await fetchAs(null, `${world.graph.url}/audit/${name}`);
      expect([name, lines(entries)]).toEqual([name, []]);
    }
  });
});

describe('all that was recorded here', () => {
  it('is exported as FHIR R4 AuditEvents that a validator accepts, each act and ending that there was', async () => {
    const token = await world.tokenOf(AUDITOR);
    const query = 'query ($after: String) { auditExport(limit: 200, after: $after) { ndjson endCursor hasNextPage cityStates { state } } }';
    type Part = { auditExport: { ndjson: string; endCursor: string | null; hasNextPage: boolean; cityStates: { state: string }[] } };
    const end = Date.now() + 30_000;
    const events: FhirAuditEvent[] = [];
    for (let after: string | null = null, more = true; more; ) {
      const { data, errors }: { data?: Part | null; errors?: unknown } = await world.graph.ask<Part>(query, { after }, { token });
      expect(errors ?? []).toEqual([]);
      if (!data) break;
      // A city of a busy machine may come late once.
      if (data.auditExport.cityStates.some(({ state }) => state !== 'COMPLETE') && Date.now() < end) continue;
      events.push(...data.auditExport.ndjson.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)])));
      ({ endCursor: after, hasNextPage: more } = data.auditExport);
    }
    const faulty = events.flatMap((event) =>
      validateAuditEvent(event).map((fault) => `${event.subtype.at(-1)?.code} ${event.outcome}: ${fault}`),
    );
    expect([...new Set(faulty)]).toEqual([]);
    const acts = new Set(events.map(({ subtype }) => subtype.at(-1)?.code));
    const profiles = Map.groupBy(
      events,
      ({ meta, outcome }) => meta?.profile[0]?.replace(/^.*IHE\.BasicAudit\./, '') ?? `none, outcome ${outcome}`,
    );
    console.info(
      `${events.length} events of ${acts.size} acts: ${[...profiles]
        .map(([name, some]) => `${name} ${some.length}`)
        .toSorted()
        .join('; ')}`,
    );
    expect(acts.size).toBeGreaterThan(35);
    expect([...new Set(events.map(({ outcome }) => outcome))].toSorted()).toEqual(['0', '12', '4', '8']);
  }, 60_000);
});
