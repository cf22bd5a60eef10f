import { randomUUID } from 'node:crypto';
import { cp, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startAudit } from '#audit/server.ts';
import { type KeepSubjectsSettings, startSubjectKeeper } from '#audit/service/keep-subjects.ts';
import { sealOldEntries } from '#audit/service/seal-entries.ts';
import type { Caller, Viewer } from '#platform/access/viewer.ts';
import { commitTo, Outcome, toAuditValues } from '#platform/audit/event.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { newId } from '#platform/database/new-id.ts';
import { type Executor, makeExecutor } from '#platform/graphql/executor.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import { makeLog } from '#platform/observability/log.ts';
import { openSubjects, type Subjects } from '#platform/subjects/open-subjects.ts';
import { loginSubject } from '#platform/subjects/subject-keys.ts';
import { type Harness, startHarness } from '#test/integration/patients/harness.ts';
import { type CityLink, linkTo } from '#test/integration/scheduling/city-link.ts';
import { openEntry } from '#test/support/subjects.ts';
import { anEvent, until as untilWithin, writeEvents } from './log-support.ts';

jest.setTimeout(120_000);

const CITIES = ['MTL', 'QUE', 'SHE'];
const log = makeLog('test', 'silent');
let h: Harness;
let writers: Cities;
let readers: Cities;

beforeAll(async () => {
  h = await startHarness();
  const { cities, secrets, subjects } = h.network;
  writers = openCities(cities, { role: 'scheduling', password: secrets.databasePasswords.scheduling, subjects });
  readers = openCities(cities, { role: 'audit', password: secrets.databasePasswords.audit, subjects });
}, 60_000);
afterAll(async () => {
  await writers?.stop();
  await readers?.stop();
  await h?.stop();
});

const DELETE = 'mutation ($id: ID!) { deletePatient(id: $id) { __typename } }';
const LOGIN = 'mutation ($username: String!) { login(username: $username, password: "wrong") { __typename } }';
const TRAIL = `query ($id: ID!) { auditEvents(filter: { patientId: $id }, first: 50) { nodes { act city { code } patient { id } agent { role accountId } entities { kind id sha256 } leaf proof { leafIndex } } } }`;
/** A busy machine may take its time. */
const until = (holds: () => Promise<boolean> | boolean, withinMs = 40_000): Promise<void> => untilWithin(holds, withinMs);
/** Does again what a busy city refused because it came too late. */
const patiently = async <T>(act: () => Promise<T>): Promise<T> => {
  for (const end = Date.now() + 30_000; ; ) {
    try {
      return await act();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
};
const write = (city: string, given: Parameters<typeof writeEvents>[3]): Promise<void> =>
  patiently(() => writeEvents(writers, city, 1, given));

type Seen = {
  readonly act: string;
  readonly leaf: string;
  readonly patient: unknown;
  readonly proof: unknown;
};
type Person = { readonly viewer: Viewer & { readonly patientId: string }; readonly username: string; readonly tags: readonly Buffer[] };
const personOf = async (username: string): Promise<Person> => {
  const viewer = (await h.viewerOf(username)) as Person['viewer'];
  const ids = [viewer.patientId, viewer.accountId, loginSubject(username)];
  return { viewer, username, tags: ids.map(h.network.subjects.tagOf) };
};
const erase = async ({ viewer, username }: Person): Promise<void> => {
  const admin = await h.viewerOf(`${username.slice(0, 3)}A0001`);
  await patiently(async () => {
    const { data, errors } = await h.ask(admin, DELETE, { id: viewer.patientId });
    // Not there: an answer that came too late had done it.
    if (!['DeletePatientSuccess', 'PatientNotFound'].includes(data?.deletePatient?.__typename))
      throw new Error(`not erased: ${JSON.stringify([data, errors])}`);
  });
};
const failToLogIn = (username: string): Promise<void> =>
  patiently(async () => {
    const { data } = await h.ask(null, LOGIN, { username });
    if (data?.login?.__typename !== 'InvalidCredentials') throw new Error(`not refused: ${JSON.stringify(data)}`);
  });
const keysOf = (person: Person, subjects: Pick<Subjects, 'of'> = h.network.subjects): boolean[] =>
  CITIES.flatMap((city) => person.tags.map((tag) => subjects.of(city).keyOf(tag) !== null));
const noted = async (person: Person, city: string): Promise<number> =>
  (await h.sql<{ n: number }>(city, 'select count(*)::int as n from audit.shredded where tag = any($1)', [[...person.tags]]))[0]?.n ?? 0;
const isShredded = async (person: Person, cities: readonly string[] = CITIES): Promise<boolean> =>
  (await Promise.all(cities.map((city) => noted(person, city)))).every((n) => n === 3);
/** Entries that tell that a person's keys were destroyed, by city. */
const tellings = async (person: Person, city: string): Promise<number> =>
  (
    await h.sql<{ n: number }>(
      city,
      `select count(*)::int as n from audit.entry where act = 'shredSubject' and position(convert_to($1, 'UTF8') in body) > 0`,
      [person.tags[0]?.toString('hex')],
    )
  )[0]?.n ?? 0;
const keeping = async <T>(settings: Partial<KeepSubjectsSettings>, work: () => Promise<T>): Promise<T> => {
  const keeper = startSubjectKeeper({ cities: readers, subjects: h.network.subjects, log, pollMs: 20, ...settings });
  try {
    return await work();
  } finally {
    await keeper.stop();
  }
};
const valuesOf = async (city: string, tag: Buffer): Promise<string[]> =>
  (
    await h.sql<{ city: string; event_id: string; sealed: Uint8Array }>(
      city,
      'select city, event_id, sealed from audit.entry where patient_tag = $1 or position($1::bytea in sealed) > 0',
      [tag],
    )
  ).flatMap((row) => Object.values(openEntry(h.network.subjects, row).disclosure).map(({ value }) => value));

describe('erasing a patient', () => {
  it('destroys the keys of patient, account and login name in every city, and leaves what others did', async () => {
    const person = await personOf('MTLP0011');
    const other = await personOf('MTLP0012');
    const { patientId, accountId } = person.viewer;
    await failToLogIn('MTLP0011');
    for (const city of CITIES) {
      const about = {
        act: 'patient',
        actor: { role: 'PATIENT', city: 'MTL', accountId },
        entities: [{ kind: 'Patient', id: patientId, sha256: 'ab'.repeat(32) }],
      };
      await write(city, { ...about, patientId });
      await write(city, { patientId: other.viewer.patientId });
    }
    for (const city of CITIES) expect(await valuesOf(city, person.tags[0] as Buffer)).toContain(patientId);
    const subgraph = (await startAudit({
      ...h.network,
      log,
      sequencing: { pollMs: 20 },
      shredding: { pollMs: 20 },
    })) as Subgraph;
    try {
      const executor: Executor = makeExecutor(subgraph, log);
      const auditor = await h.viewerOf('SHEU0001');
      const look = () =>
        patiently(async () => {
          const caller: Caller = {
            viewer: auditor,
            requestId: randomUUID(),
            address: '192.0.2.1',
            language: 'en',
            origin: 'http://127.0.0.1:4000',
          };
          const context = subgraph.makeContext(caller);
          const answer = await executor.run({ query: TRAIL, variables: { id: patientId } }, caller.requestId, () => context);
          const { data, errors } = answer as { data: { auditEvents: { nodes: Seen[] } }; errors?: unknown };
          if (errors) throw new Error(JSON.stringify(errors));
          return data.auditEvents.nodes;
        });
      await until(async () => (await look()).every(({ proof }) => proof !== null));
      const before = await look();
      expect(before.filter(({ patient }) => patient !== null).length).toBeGreaterThanOrEqual(4);
      await erase(person);
      await until(() => isShredded(person));
      expect(keysOf(person)).toEqual(Array(9).fill(false));
      const after = await look();
      for (const { leaf } of before) expect(after.map((event) => event.leaf)).toContain(leaf);
      const shown = JSON.stringify(after.map(({ leaf: _leaf, ...event }) => event));
      for (const value of [patientId, accountId, 'MTLP0011', 'ab'.repeat(32)]) expect(shown).not.toContain(value);
      for (const city of CITIES) {
        expect(await tellings(person, city)).toBe(1);
        // What is written about them from now on is found by nobody and opens for nobody.
        await write(city, { act: 'late', patientId });
        const late = await h.sql<{ patient_tag: unknown }>(city, `select patient_tag from audit.entry where act = 'late'`);
        expect(new Set(late.map(({ patient_tag }) => patient_tag))).toEqual(new Set([null]));
      }
      await failToLogIn('MTLP0011');
      const names = await h.sql<{ city: string; event_id: string; sealed: Uint8Array }>(
        'MTL',
        `select city, event_id, sealed from audit.entry where act = 'login'`,
      );
      for (const row of names) expect(JSON.stringify(openEntry(h.network.subjects, row).disclosure)).not.toContain('MTLP0011');
    } finally {
      await subgraph.stop();
    }
    expect(keysOf(other)).toEqual(Array(9).fill(true));
    for (const city of CITIES) expect(await valuesOf(city, other.tags[0] as Buffer)).toContain(other.viewer.patientId);
  });

  it('comes to its end when a process dies between the key and the note, and is told once', async () => {
    const person = await personOf('QUEP0011');
    await erase(person);
    let deaths = 0;
    const died = new Error('died');
    await keeping(
      {
        fault: (point) => {
          if (point === 'shred:destroyed' && deaths++ < 6) throw died;
        },
      },
      () => until(() => isShredded(person)),
    );
    expect(deaths).toBeGreaterThanOrEqual(6);
    expect(keysOf(person)).toEqual(Array(9).fill(false));
    for (const city of CITIES) expect(await tellings(person, city)).toBe(1);
    // Somebody else begins from the start and finds all done.
    await keeping({}, async () => until(() => isShredded(person)));
    for (const city of CITIES) expect(await tellings(person, city)).toBe(1);
  });

  it('reaches a city that was down as soon as it is back, and the others meanwhile', async () => {
    const links: Record<string, CityLink> = {};
    for (const city of h.network.cities) links[city.code] = await linkTo(city);
    const { secrets, subjects } = h.network;
    const linked = openCities(
      Object.values(links).map(({ city }) => city),
      { role: 'audit', password: secrets.databasePasswords.audit, subjects },
    );
    try {
      await keeping({ cities: linked }, async () => {
        await links['SHE']?.cut();
        const person = await personOf('MTLP0013');
        await erase(person);
        await until(() => isShredded(person, ['MTL', 'QUE']));
        expect(await noted(person, 'SHE')).toBe(0);
        await links['SHE']?.mend();
        await until(() => isShredded(person));
        expect(keysOf(person)).toEqual(Array(9).fill(false));
      });
    } finally {
      await linked.stop();
      for (const link of Object.values(links)) await link.cut();
    }
  });

  it('stands when a database is set back: what is lost is noted again, and no key comes back', async () => {
    const person = await personOf('SHEP0011');
    await erase(person);
    await keeping({}, () => until(() => isShredded(person)));
    await h.sql('QUE', 'delete from audit.shredded');
    await keeping({}, () => until(() => isShredded(person)));
    expect(keysOf(person)).toEqual(Array(9).fill(false));
    // The home has forgotten; the other cities know.
    await h.sql('SHE', 'delete from patients.erasure where patient_id = $1', [person.viewer.patientId]);
    await h.sql('SHE', 'delete from audit.shredded');
    await keeping({ fullMs: 50 }, () => until(async () => (await h.sql('SHE', 'select 1 from audit.shredded limit 1')).length > 0));
    expect(keysOf(person)).toEqual(Array(9).fill(false));
  });

  it('stands when the stores of the keys are set back to an old copy', async () => {
    const person = await personOf('SHEP0012');
    const { primary, backup } = h.network.subjectsConfig;
    const folders = [primary, backup].map((store) => (store.kind === 'directory' ? store.folder : ''));
    for (const folder of folders) await cp(folder, `${folder}.old`, { recursive: true });
    await erase(person);
    await keeping({}, () => until(() => isShredded(person)));
    for (const folder of folders) {
      await rm(`${folder}/blobs`, { recursive: true });
      await cp(`${folder}.old/blobs`, `${folder}/blobs`, { recursive: true });
      await rm(`${folder}.old`, { recursive: true });
    }
    const fresh = await openSubjects(h.network.subjectsConfig, { cities: CITIES, indexKey: h.network.secrets.subjectIndexKey, log });
    const cities = openCities(h.network.cities, { role: 'audit', password: h.network.secrets.databasePasswords.audit, subjects: fresh });
    try {
      expect(keysOf(person, fresh)).toEqual(Array(9).fill(true));
      await keeping({ subjects: fresh, cities }, () => until(() => keysOf(person, fresh).every((there) => !there)));
    } finally {
      await cities.stop();
      await fresh.stop();
    }
    const again = await openSubjects(h.network.subjectsConfig, { cities: CITIES, indexKey: h.network.secrets.subjectIndexKey, log });
    expect(keysOf(person, again)).toEqual(Array(9).fill(false));
    await again.stop();
  });

  it('is done by one process a city at a time', async () => {
    const keepers = [0, 1].map(() => startSubjectKeeper({ cities: readers, subjects: h.network.subjects, log, pollMs: 20 }));
    try {
      await until(() => keepers.flatMap((keeper) => keeper.kept()).length === 3);
      for (let i = 0; i < 20; i++) {
        expect(keepers.flatMap((keeper) => keeper.kept()).sort()).toEqual(CITIES);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await keepers[0]?.stop();
      await until(() => keepers[1]?.kept().length === 3);
    } finally {
      await Promise.all(keepers.map((keeper) => keeper.stop()));
    }
  });
});

describe('rows from before', () => {
  const salt = Buffer.alloc(16, 3);
  const open = (value: string) => ({ salt: salt.toString('base64url'), value });
  /** An entry as it was written before migration 0006. */
  const writeOld = async (n: number): Promise<{ patientId: string; accountId: string; eventId: string }> => {
    const [patientId, accountId] = [newId('QUE', 'pat'), newId('QUE', 'acc')];
    const event = anEvent('QUE', {
      act: `old${n}`,
      outcome: Outcome.SUCCESS,
      patientId,
      actor: { role: 'PATIENT', city: 'QUE', accountId },
      entities: [{ kind: 'Patient', id: patientId }],
      values: { username: `QUEP9${n}` },
    });
    const values = toAuditValues(event, h.network.subjects.of('QUE'));
    const body = JSON.parse(String(values[9]));
    body.agent[0].who = `cm:${commitTo(accountId, salt)}`;
    body.patient = `cm:${commitTo(patientId, salt)}`;
    body.entities[0].what = `cm:${commitTo(patientId, salt)}`;
    body.values.username = `cm:${commitTo(`QUEP9${n}`, salt)}`;
    const disclosure = { actor: open(accountId), patient: open(patientId), entity0: open(patientId), 'value:username': open(`QUEP9${n}`) };
    await h.sql(
      'QUE',
      `insert into audit.entry (city, event_id, recorded_at, act, action, outcome, actor_id, patient_id, disclosure, body)
       values ('QUE', $1, now(), $2, 'C', 0, $3, $4, $5, $6)`,
      [values[1], event.act, accountId, patientId, disclosure, Buffer.from(JSON.stringify(body))],
    );
    return { patientId, accountId, eventId: String(values[1]) };
  };

  it('are sealed, keep their values and their place, and hold nothing open', async () => {
    // As in a database that has such rows.
    await h.sql('QUE', 'alter table audit.entry alter column sealed drop not null');
    const written = [];
    for (let n = 0; n < 7; n++) written.push(await writeOld(n));
    const placesOf = () =>
      h.sql('QUE', `select id, xid::text, encode(body, 'hex') as body from audit.entry where act like 'old%' order by id`);
    const places = await placesOf();
    const db = readers.of('QUE');
    // Broken off before the first batch, then gone on with.
    expect(await sealOldEntries(db, () => true)).toBe(0);
    await keeping({}, () => until(async () => (await h.sql('QUE', 'select 1 from audit.entry where sealed is null limit 1')).length === 0));
    expect(await placesOf()).toEqual(places);
    expect(
      await h.sql('QUE', 'select 1 from audit.entry where disclosure is not null or actor_id is not null or patient_id is not null'),
    ).toEqual([]);
    for (const [n, { patientId, accountId, eventId }] of written.entries()) {
      const rows = await h.sql<{ city: string; event_id: string; sealed: Uint8Array }>(
        'QUE',
        'select city, event_id, sealed from audit.entry where patient_tag = $1 and actor_tag = $2',
        [h.network.subjects.tagOf(patientId), h.network.subjects.tagOf(accountId)],
      );
      expect(rows.map((row) => row.event_id)).toEqual([eventId]);
      expect(rows.map((row) => openEntry(h.network.subjects, row).disclosure)).toEqual([
        { actor: open(accountId), patient: open(patientId), entity0: open(patientId), 'value:username': open(`QUEP9${n}`) },
      ]);
    }
  });

  it('are all that the function may touch', async () => {
    const [row] = await h.sql<{ id: string; sealed: Buffer; actor_tag: Buffer }>(
      'QUE',
      `select id::text, sealed, actor_tag from audit.entry where act = 'old1'`,
    );
    const forged = await readers
      .of('QUE')
      .named(
        { name: 'forge', text: `select audit.seal_entries('QUE', $1::bigint[], $2::bytea[], $2::bytea[], $3::bytea[])::int as count` },
        [[row?.id], [Buffer.alloc(16)], [Buffer.alloc(5)]],
      );
    expect(forged).toEqual([{ count: 0 }]);
    expect(await h.sql('QUE', `select id::text, sealed, actor_tag from audit.entry where act = 'old1'`)).toEqual([row]);
    await expect(
      writers.of('QUE').named({ name: 'forge', text: `select audit.seal_entries('QUE', '{}', '{}', '{}', '{}')` }, []),
    ).rejects.toMatchObject({ code: '42501' });
  });
});
