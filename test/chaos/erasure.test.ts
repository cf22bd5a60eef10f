import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type pg from 'pg';
import { readNetwork } from '#embedded/read-network.ts';
import { openSealed } from '#platform/audit/sealed.ts';
import { readStartConfig } from '#platform/config/env.ts';
import { makeLog } from '#platform/observability/log.ts';
import { openSubjects } from '#platform/subjects/open-subjects.ts';
import { loginSubject } from '#platform/subjects/subject-keys.ts';
import { hashLeaf, verifyInclusion } from '#platform/tlog/merkle.ts';
import { checkpointOf, entriesOf, type Fetched, rootOf, sourceOf, until } from '#test/integration/audit/log-support.ts';
import { DEMO_PASSWORD, type GraphClient, graphClient } from '#test/support/graph.ts';
import { connectAs, freePort, type Started, startNetwork } from '#test/support/started.ts';

const CITIES = ['MTL', 'QUE', 'SHE'] as const;
/** One rare word in every personal value, so that a few searches find each of them wherever it stands. */
const WORD = 'zyqxowlk';
const HEALTH_CARD = 'ZYQX84022912';
const RAMQ = 'http://hl7.org/fhir/sid/ca-ramq';
const PASSWORD = `${WORD}-password-1`;

let folder: string;
let dataDir: string;
let started: Started;
let graph: GraphClient;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'caregraph-erasure-'));
  dataDir = path.join(folder, 'data');
  started = await startNetwork({ dataDir, port: await freePort(), flags: ['--processes'], withinMs: 240_000, env: { TMPDIR: folder } });
  graph = graphClient(started.url);
}, 270_000);
afterAll(async () => {
  await started?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const fetchFile = async (name: string): Promise<Fetched> => {
  const response = await fetch(`${started.url}/audit/${name}`, { signal: AbortSignal.timeout(5_000) });
  return { status: response.status, headers: {}, bytes: Buffer.from(await response.arrayBuffer()) };
};
const sqlIn = async <R extends pg.QueryResultRow>(city: string, text: string, values: unknown[] = []): Promise<R[]> => {
  const client = await connectAs(dataDir, city, 'postgres');
  try {
    return (await client.query<R>(text, values)).rows;
  } finally {
    await client.end();
  }
};

/** Asks for an act again while a city or a store says that it comes too late, as either may on a busy machine. */
const act = async <T>(query: string, variables: Record<string, unknown>, token: string | null = null): Promise<T> => {
  for (const end = Date.now() + 120_000; ; ) {
    const answer = await graph.ask<Record<string, { __typename?: string } | null>>(query, variables, { token });
    const isLate = Object.values(answer.data ?? {}).some((each) => each?.__typename === 'CityUnavailable');
    if (answer.data && answer.errors.length === 0 && !isLate) return answer.data as T;
    if (Date.now() > end) throw new Error(`not done: ${answer.text.slice(0, 500)}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
};

/** Every way in which a text may stand in bytes: encodings, cases, and base 64 at each of its three places. */
const formsOf = (text: string): Map<string, Buffer> => {
  const forms = new Map<string, Buffer>();
  for (const cased of new Set([text, text.toLowerCase(), text.toUpperCase(), text.charAt(0).toUpperCase() + text.slice(1).toLowerCase()])) {
    const utf8 = Buffer.from(cased);
    const utf16 = Buffer.from(cased, 'utf16le');
    const add = (form: string, bytes: Buffer): void => void forms.set(`${form} ${bytes.toString('hex')}`, bytes);
    add('UTF-8', utf8);
    // Little and big endian differ in where the zeros begin.
    add('UTF-16', utf16.subarray(0, -1));
    for (const hex of [utf8.toString('hex'), utf8.toString('hex').toUpperCase()]) add('hexadecimal', Buffer.from(hex));
    add('JSON', Buffer.from([...cased].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')));
    for (let shift = 0; shift < 3; shift++) {
      const shifted = Buffer.concat([Buffer.alloc(shift), utf8]).toString('base64');
      // Letters that stand for neighbouring bytes as well are left out.
      const whole = shifted.slice(shift === 0 ? 0 : shift + 1, Math.floor(((utf8.length + shift) * 8) / 6));
      add('base 64', Buffer.from(whole));
      add('base 64', Buffer.from(whole.replaceAll('+', '-').replaceAll('/', '_')));
    }
  }
  return forms;
};
const filesUnder = (at: string): string[] =>
  readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
    const inner = path.join(at, entry.name);
    return entry.isDirectory() ? filesUnder(inner) : entry.isFile() ? [inner] : [];
  });
const CHUNK = 8 * 1024 * 1024;
const OVERLAP = 256;
/** Where any of the forms stands in any file below a folder. */
const scan = (at: string, forms: ReadonlyMap<string, Buffer>): { readonly found: string[]; readonly bytes: number } => {
  const found: string[] = [];
  let bytes = 0;
  const buffer = Buffer.alloc(CHUNK + OVERLAP);
  for (const file of filesUnder(at)) {
    let handle: number;
    try {
      handle = openSync(file, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue; // a server took it away meanwhile
      throw error;
    }
    try {
      for (let position = 0; ; position += CHUNK) {
        const length = readSync(handle, buffer, 0, buffer.length, position);
        bytes += Math.min(length, CHUNK);
        const piece = buffer.subarray(0, length);
        for (const [form, needle] of forms)
          if (piece.includes(needle)) found.push(`${path.relative(at, file)}: ${form.split(' ').slice(0, -1).join(' ')}`);
        if (length <= CHUNK) break;
      }
    } finally {
      closeSync(handle);
    }
  }
  return { found: [...new Set(found)], bytes };
};

/** `npm run erase-residue` for the whole network, while everything runs. */
const eraseResidue = async (): Promise<unknown[]> => {
  const { stdout } = await promisify(execFile)(process.execPath, ['tools/erase-residue.ts', '--patience', '120', '--json'], {
    env: { PATH: process.env['PATH'] ?? '', DATA_DIR: dataDir },
    timeout: 400_000,
  }).catch((error: { stdout?: string; stderr?: string }) => {
    throw new Error(`${error.stdout}${error.stderr}`);
  });
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
};

type Proof = { leafIndex: number; treeSize: number; hashes: string[]; checkpoint: { root: string } };
const TRAIL = `query ($id: ID!) { auditEvents(filter: { patientId: $id }, first: 100) { nodes { act leaf city { code } patient { id } agent { accountId } proof { leafIndex treeSize hashes checkpoint { root } } } } }`;
type Trail = {
  auditEvents: { nodes: { act: string; leaf: string; city: { code: string }; patient: unknown; agent: unknown; proof: Proof | null }[] };
};

it('leaves nothing of an erased patient in any byte of the network, and every proof stands', async () => {
  const forms = new Map([...formsOf(WORD), ...formsOf(HEALTH_CARD)]);
  // A patient of Montreal with everything that a patient can have.
  const registered = await act<{
    registerPatient: { username: string; session: { token: string; account: { patient: { id: string } } } };
  }>(
    `mutation ($input: RegisterPatientInput!) { registerPatient(input: $input) { __typename
      ... on RegisterPatientSuccess { username session { token account { patient { id } } } } ... on Refusal { message } } }`,
    {
      input: {
        city: 'MTL',
        password: PASSWORD,
        name: { family: `${WORD}son`, given: [`${WORD}a`, 'Zoé'] },
        birthDate: '1984-02-29',
        contacts: [{ system: 'EMAIL', value: `${WORD}@example.org` }],
        addresses: [{ lines: [`1 ${WORD} street`], city: 'Montréal', postalCode: 'H1A 1A1' }],
        identifiers: [{ system: RAMQ, value: HEALTH_CARD }],
        coverages: [{ plan: 'RAMQ', payor: `${WORD} mutual`, memberId: `${WORD}-member` }],
      },
    },
  );
  const { username, session } = registered.registerPatient;
  const { token } = session;
  const patientId = session.account.patient.id;
  const [account] = await sqlIn<{ id: string }>('MTL', 'select id from patients.account where username = $1', [username]);
  const accountId = account?.id ?? '';
  const admin = await graph.login('MTLA0001');
  const auditor = await graph.login('SHEU0001');

  for (const [name, password] of [
    [username, 'wrong-password-1'],
    [username.toLowerCase(), PASSWORD],
    [username, PASSWORD],
  ])
    await graph.ask('mutation ($u: String!, $p: String!) { login(username: $u, password: $p) { __typename } }', { u: name, p: password });
  const slots = await act<{ slots: { nodes: { id: string; city: { code: string } }[] } }>(
    '{ slots(filter: { onlyAvailable: true }, first: 100) { nodes { id city { code } } } }',
    {},
    token,
  );
  const booked: string[] = [];
  for (const city of ['MTL', 'QUE']) {
    for (const slot of slots.slots.nodes.filter((each) => each.city.code === city)) {
      const answer = await act<{ bookAppointment: { appointment?: { id: string } } }>(
        'mutation ($input: BookAppointmentInput!) { bookAppointment(input: $input) { __typename ... on BookAppointmentSuccess { appointment { id } } } }',
        { input: { slotId: slot.id, idempotencyKey: `k-${booked.length}-${slot.id.slice(-8)}` } },
        token,
      );
      const id = answer.bookAppointment.appointment?.id;
      if (id) {
        booked.push(city);
        break;
      }
    }
  }
  expect(booked).toEqual(['MTL', 'QUE']);
  for (let i = 0; i < 2; i++) {
    const uploaded = await act<{ uploadFile: { __typename: string } }>(
      'mutation ($input: UploadFileInput!) { uploadFile(input: $input) { __typename } }',
      {
        input: {
          patientId,
          name: `${WORD} letter ${i}.txt`,
          contentType: 'text/plain',
          content: Buffer.from(`${`${WORD} is ill. `.repeat(300 + i)}`).toString('base64'),
        },
      },
      token,
    );
    expect(uploaded.uploadFile.__typename).toBe('UploadFileSuccess');
  }
  await graph.ask('query ($n: String!) { patients(filter: { name: $n }) { nodes { id name { text } } } }', { n: WORD }, { token: admin });
  await graph.ask(
    'query ($id: ID!) { patient(id: $id) { name { text } contacts { value } files { nodes { name } } auditTrail { nodes { act } } } }',
    { id: patientId },
    { token },
  );
  const look = async () => {
    const { data, text } = await graph.ask<Trail>(TRAIL, { id: patientId }, { token: auditor });
    if (!data?.auditEvents) throw new Error(`no trail: ${text}`);
    return data.auditEvents.nodes;
  };
  const ACTS = ['registerPatient', 'login', 'bookAppointment', 'uploadFile', 'patient'];
  let before: Trail['auditEvents']['nodes'] = [];
  await until(
    async () => {
      // Each look is an entry too, in the auditor's city, and under a checkpoint a moment later.
      before = (await look()).filter(({ proof }) => proof !== null);
      const acts = new Set(before.map(({ act }) => act));
      return ACTS.every((act) => acts.has(act)) && new Set(before.map(({ city }) => city.code)).size === CITIES.length;
    },
    60_000,
    'the proofs',
  );
  const checkpoints = new Map(
    await Promise.all(CITIES.map(async (city) => [city, (await checkpointOf(fetchFile, city)).checkpoint] as const)),
  );

  // The search finds what it looks for: the name stands in tables (statistics take it up as well) and in the write-ahead log.
  for (const city of CITIES) for (const text of ['analyze', 'checkpoint']) await sqlIn(city, text);
  const standing = scan(dataDir, forms);
  expect(standing.found.filter((at) => /cities\/MTL\/[ab]\/base\//.test(at)).length).toBeGreaterThan(0);
  expect(standing.found.filter((at) => /cities\/MTL\/[ab]\/pg_wal\//.test(at)).length).toBeGreaterThan(0);
  expect(standing.found.filter((at) => /^(?:files|subjects|logs|secrets|caregraph\.log)/.test(at))).toEqual([]);

  const erased = await act<{ deletePatient: { __typename: string } }>(
    'mutation ($id: ID!) { deletePatient(id: $id) { __typename } }',
    { id: patientId },
    admin,
  );
  expect(erased.deletePatient.__typename).toBe('DeletePatientSuccess');
  const from = performance.now();
  const { cities, secrets } = await readNetwork(dataDir);
  const open = () =>
    openSubjects(readStartConfig({ DATA_DIR: dataDir }).subjects, {
      cities: cities.map(({ code }) => code),
      indexKey: secrets.subjectIndexKey,
      log: makeLog('test', 'silent'),
    });
  const subjects = await open();
  try {
    const tags = [patientId, accountId, loginSubject(username)].map(subjects.tagOf);
    await until(
      async () =>
        (await Promise.all(CITIES.map((city) => sqlIn(city, 'select 1 from audit.shredded where tag = any($1)', [tags])))).every(
          (rows) => rows.length === 3,
        ),
      60_000,
      'the end of the keys',
    );
    console.info(`keys destroyed in three cities ${Math.round(performance.now() - from)} ms after the erasure`);
    await until(
      async () => (await sqlIn('MTL', `select 1 from files.subject where patient_id = $1`, [patientId])).length === 0,
      60_000,
      'the end of the files',
    );
    for (const city of ['MTL', 'QUE'])
      await until(
        async () =>
          (await sqlIn(city, `select 1 from scheduling.appointment where patient_id = $1 and status = 'booked'`, [patientId])).length === 0,
        60_000,
        `the end of the appointments in ${city}`,
      );

    // No value of theirs opens any more, in any entry of any city.
    const values = new Set<string>();
    let entries = 0;
    for (const city of CITIES) {
      for (const row of await sqlIn<{ event_id: string; sealed: Uint8Array }>(city, 'select event_id, sealed from audit.entry')) {
        entries++;
        for (const { value } of openSealed(row.sealed, row.event_id, subjects.of(city)).values()) values.add(value.toLowerCase());
      }
    }
    expect(entries).toBeGreaterThan(20);
    expect(values.size).toBeGreaterThan(2);
    for (const value of [patientId, accountId, username]) expect(values.has(value.toLowerCase())).toBe(false);
  } finally {
    await subjects.stop();
  }

  const after = await look();
  for (const { leaf } of before) expect(after.map((event) => event.leaf)).toContain(leaf);
  const shown = JSON.stringify(after.map(({ leaf: _leaf, proof: _proof, ...event }) => event));
  for (const value of [patientId, accountId, username]) expect(shown).not.toContain(value);

  expect(await eraseResidue()).toEqual(
    CITIES.map((city) => ({ city, tables: expect.any(Number), nodes: 2, segments: expect.any(Number) })),
  );
  const { found, bytes } = scan(dataDir, new Map([...forms, ...formsOf(username)]));
  console.info(`${Math.round(bytes / 1024 / 1024)} MB looked through`);
  expect(found).toEqual([]);
  // Nor as a hash that could be guessed at.
  const guesses = [`${RAMQ}|${HEALTH_CARD}`, username].map((text) => createHash('sha256').update(text).digest());
  expect(
    scan(
      dataDir,
      new Map(
        guesses.flatMap((hash, i) => [
          [`hash ${i}`, hash],
          [`hash hex ${i}`, Buffer.from(hash.toString('hex'))],
        ]),
      ),
    ),
  ).toMatchObject({ found: [] });
  // Nor in the folder for temporary files.
  expect(scan(folder, forms).found).toEqual([]);

  // Every proof and checkpoint that was given before still holds, and stands in the log as it is now.
  for (const { leaf, proof } of before) {
    if (!proof) throw new Error('no proof');
    const hashes = proof.hashes.map((hash) => new Uint8Array(Buffer.from(hash, 'base64')));
    const root = new Uint8Array(Buffer.from(proof.checkpoint.root, 'base64'));
    expect(verifyInclusion(proof.leafIndex, proof.treeSize, hashLeaf(Buffer.from(leaf)), hashes, root)).toBe(true);
  }
  for (const [city, old] of checkpoints) {
    const { checkpoint } = await checkpointOf(fetchFile, city);
    const all = await entriesOf(sourceOf(fetchFile, city), checkpoint.size);
    expect(rootOf(all)).toEqual(checkpoint.root);
    expect(rootOf(all.slice(0, old.size))).toEqual(old.root);
  }
  expect(await graph.login('MTLP0001', DEMO_PASSWORD)).toEqual(expect.any(String));
}, 600_000);
