import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import { DEMO_PASSWORD } from '#test/support/graph.ts';
import { ADMIN, AUDITOR, DOCTOR, FOREIGN_ADMIN, PATIENT, STRANGER, type World } from './world.ts';

/** How an act can end. */
export const ENDINGS = ['done', 'denied', 'refused', 'failed'] as const;
export type Ending = (typeof ENDINGS)[number];

/** One call of a root field, and what it leaves. */
export type Case = {
  readonly root: string;
  readonly ending: Ending;
  readonly what?: string;
  readonly as: string | null;
  /** The selection, as a whole document. */
  readonly query: string;
  /** Makes what the call needs, and gives its variables. */
  readonly prepare?: () => Promise<Record<string, unknown>> | Record<string, unknown>;
  /** Entries as `lineOf` writes them, in any order. */
  readonly leaves: readonly string[];
  /** Code of the error, where it is none of the schema's refusals; its name where it is. */
  readonly code?: string;
  readonly says?: string;
  /** Whom the entries are about; nobody where it is left out. */
  readonly of?: (variables: Readonly<Record<string, unknown>>) => unknown;
  /** Brings about what lets it fail, and takes it away again. */
  readonly breaking?: () => Promise<() => Promise<void>>;
};

const OPEN = 'no personal data: everybody who is logged in sees the same';
const PUBLIC = 'no personal data: anybody may fetch it';
const NOBODY_DENIED = 'everybody who is logged in may';
const NO_REFUSAL = 'nothing but the caller’s permission can stand against it';
const IN_ITS_CITY =
  'what fails is the city’s database, where the entry would stand as well: nothing is decided and nothing shown; tried in closed.test.ts';
const OWN = 'the caller’s own login, as their token names it; what hangs below it is recorded';
const ANYBODY = 'it is for whoever holds the secret that is sent; a wrong one is refused';

/** Endings of root fields that leave no entry, or that there are not, with the reason. */
export const REASONS: Readonly<Record<string, Readonly<Partial<Record<Ending, string>>>>> = {
  'Query.node': { refused: 'an id that names nothing is denied like one that may not be seen', failed: IN_ITS_CITY },
  'Query.me': { done: OWN, denied: 'without a login it is null', refused: NO_REFUSAL, failed: OWN },
  'Query.patient': { refused: 'an id that names nothing is denied like one that may not be seen', failed: IN_ITS_CITY },
  'Query.patients': { refused: 'a search that finds nobody is done', failed: IN_ITS_CITY },
  'Query.practitioners': { done: OPEN, denied: NOBODY_DENIED, refused: OPEN, failed: OPEN },
  'Query.practitioner': { done: OPEN, denied: NOBODY_DENIED, refused: OPEN, failed: OPEN },
  'Query.cities': { done: PUBLIC, denied: PUBLIC, refused: PUBLIC, failed: PUBLIC },
  'Query.appointmentTypes': { done: PUBLIC, denied: PUBLIC, refused: PUBLIC, failed: PUBLIC },
  'Query.slots': { done: OPEN, denied: NOBODY_DENIED, refused: OPEN, failed: OPEN },
  'Query.slot': { done: OPEN, denied: NOBODY_DENIED, refused: OPEN, failed: OPEN },
  'Query.slotsByCode': { done: OPEN, denied: NOBODY_DENIED, refused: OPEN, failed: OPEN },
  'Query.appointment': { failed: IN_ITS_CITY },
  'Query.serverKey': { done: OPEN, denied: NOBODY_DENIED, refused: OPEN, failed: OPEN },
  'Query.fileTasks': { refused: NO_REFUSAL, failed: IN_ITS_CITY },
  'Query.auditEvents': { refused: NO_REFUSAL, failed: IN_ITS_CITY },
  'Query.auditExport': { refused: NO_REFUSAL, failed: IN_ITS_CITY },
  'Query.auditEvent': { failed: IN_ITS_CITY },
  'Query.verifyAuditLog': { failed: IN_ITS_CITY },
  'Query.auditCheckpoint': { done: PUBLIC, denied: PUBLIC, refused: PUBLIC, failed: PUBLIC },
  'Query.auditShards': { done: PUBLIC, denied: PUBLIC, refused: PUBLIC, failed: PUBLIC },
  'Query.consistencyProof': { done: PUBLIC, denied: PUBLIC, refused: PUBLIC, failed: PUBLIC },
  'Mutation.login': { denied: ANYBODY, failed: IN_ITS_CITY },
  'Mutation.refreshSession': { denied: ANYBODY, failed: IN_ITS_CITY },
  'Mutation.logout': { denied: 'a session may always be ended by its owner', refused: NO_REFUSAL, failed: IN_ITS_CITY },
  'Mutation.registerPatient': { denied: 'anybody may sign up', failed: IN_ITS_CITY },
  'Mutation.createPatient': { failed: IN_ITS_CITY },
  'Mutation.updatePatient': { failed: IN_ITS_CITY },
  'Mutation.deletePatient': { failed: IN_ITS_CITY },
  'Mutation.setRole': { failed: IN_ITS_CITY },
  'Mutation.grantAccess': { failed: IN_ITS_CITY },
  'Mutation.revokeAccess': { failed: IN_ITS_CITY },
  'Mutation.addSlot': { failed: IN_ITS_CITY },
  'Mutation.cancelAppointment': { failed: IN_ITS_CITY },
  'Mutation.requestUpload': { failed: IN_ITS_CITY },
  'Mutation.resumeUpload': { denied: 'an upload of somebody else’s is refused like one that there is not', failed: IN_ITS_CITY },
  'Mutation.finishUpload': { denied: 'an upload of somebody else’s is refused like one that there is not', failed: IN_ITS_CITY },
  'Mutation.deleteFile': { failed: IN_ITS_CITY },
  'Mutation.attachFile': { failed: IN_ITS_CITY },
  'Mutation.detachFile': { failed: IN_ITS_CITY },
  'Mutation.rotateKeys': { refused: 'only where keys are made elsewhere than in a keyring; test/integration/files', failed: IN_ITS_CITY },
  'Mutation.scrubFiles': { refused: 'one that is under way goes on', failed: IN_ITS_CITY },
  'Subscription.slotChanged': { done: OPEN, denied: NOBODY_DENIED, refused: OPEN, failed: OPEN },
  'Subscription.appointmentChanged': {
    refused: 'whoever may not follow is denied, whether there is such a patient or not',
    failed: IN_ITS_CITY,
  },
};

const NOBODY = 'MTL-pat-0zzzzzzzzzzzzzzzzzzzzzzzzz';
const NO_APPOINTMENT = 'MTL-apt-0zzzzzzzzzzzzzzzzzzzzzzzzz';
const NO_FILE = 'MTL-fil-0zzzzzzzzzzzzzzzzzzzzzzzzz';
const NO_SLOT = 'MTL-slt-0zzzzzzzzzzzzzzzzzzzzzzzzz';
const NO_UPLOAD = 'MTL-upl-0zzzzzzzzzzzzzzzzzzzzzzzzz';
const NO_EVENT = 'MTL-evt-0zzzzzzzzzzzzzzzzzzzzzzzzz';
const TYPE = '__typename ... on Refusal { message }';

/** Every root field with what it needs. The order matters to none. */
export const makeCases = (world: World): readonly Case[] => {
  const { ids, ask } = world;
  const tell = (name: string) => world.app.account(name);
  const one = (id: string) => (): Record<string, unknown> => ({ id });
  const person = (): Record<string, unknown> => ({
    name: { family: `Audited-${randomUUID().slice(0, 8)}`, given: ['Ada'] },
    birthDate: '1980-01-01',
  });
  const identified = async (): Promise<Record<string, unknown>> => {
    const identifiers = [{ system: 'urn:test', value: randomUUID() }];
    await world.newPatient({ identifiers });
    return { ...person(), identifiers };
  };
  const text = (): { readonly content: string; readonly bytes: Buffer } => {
    const bytes = Buffer.from(`findings ${randomUUID()}`);
    return { bytes, content: bytes.toString('base64') };
  };
  const small = (patientId: string, over: Record<string, unknown> = {}): Record<string, unknown> => ({
    input: { patientId, name: `${randomUUID()}.txt`, contentType: 'text/plain', content: text().content, ...over },
  });
  const large = (patientId: string, over: Record<string, unknown> = {}): Record<string, unknown> => {
    const { bytes } = text();
    const name = `${randomUUID()}.txt`;
    return { input: { patientId, name, contentType: 'text/plain', sizeBytes: bytes.length, sha256: world.sha256Of(bytes), ...over } };
  };
  const upload = async (as: string, received: boolean): Promise<string> => {
    const { bytes } = text();
    const { id, url } = await world.large.address(await world.tokenOf(as), ids.patient, bytes);
    if (received) {
      const answer = await world.large.put(url, bytes, { authorization: `Bearer ${await world.tokenOf(as)}` });
      if (!answer.ok) throw new Error(`the bytes were not taken: ${answer.status}`);
    }
    return id;
  };
  const session = async (username: string): Promise<{ readonly token: string; readonly refreshToken: string }> => {
    const answer = await ask<{ login: { token: string; refreshToken: string } }>(
      null,
      'mutation ($u: String!, $p: String!) { login(username: $u, password: $p) { ... on Session { token refreshToken } } }',
      { u: username, p: DEMO_PASSWORD },
    );
    if (!answer.data?.login.token) throw new Error(`no session: ${answer.text}`);
    return answer.data.login;
  };
  const LOGIN = `mutation ($u: String!, $p: String!) { login(username: $u, password: $p) { ${TYPE} ... on Session { account { username } } } }`;
  const REFRESH = `mutation ($t: String!) { refreshSession(refreshToken: $t) { ${TYPE} } }`;
  const REGISTER = `mutation ($input: RegisterPatientInput!) { registerPatient(input: $input) { ${TYPE} } }`;
  const CREATE = `mutation ($input: CreatePatientInput!) { createPatient(input: $input) { ${TYPE} ... on CreatePatientSuccess { patient { id birthDate } } } }`;
  const UPDATE = `mutation ($input: UpdatePatientInput!) { updatePatient(input: $input) { ${TYPE} ... on UpdatePatientSuccess { patient { id birthDate } } ... on VersionConflict { current { birthDate } } } }`;
  const DELETE = `mutation ($id: ID!, $v: Int) { deletePatient(id: $id, expectedVersion: $v) { ${TYPE} ... on VersionConflict { current { birthDate } } } }`;
  const SET_ROLE = `mutation ($u: String!, $r: Role!) { setRole(username: $u, role: $r) { ${TYPE} } }`;
  const GRANT = `mutation ($p: ID!, $d: ID!) { grantAccess(patientId: $p, practitionerId: $d, days: 2) { ${TYPE} } }`;
  const REVOKE = `mutation ($p: ID!, $d: ID!) { revokeAccess(patientId: $p, practitionerId: $d) { ${TYPE} } }`;
  const ADD_SLOT = `mutation ($input: AddSlotInput!) { addSlot(input: $input) { ${TYPE} } }`;
  const BOOK = `mutation ($s: ID!, $k: String!, $p: ID) { bookAppointment(input: { slotId: $s, idempotencyKey: $k, patientId: $p }) { ${TYPE} ... on BookAppointmentSuccess { appointment { id status } replayed } } }`;
  const CANCEL = `mutation ($id: ID!) { cancelAppointment(appointmentId: $id) { ${TYPE} ... on CancelAppointmentSuccess { appointment { id status } } } }`;
  const UPLOAD = `mutation ($input: UploadFileInput!) { uploadFile(input: $input) { ${TYPE} ... on UploadFileSuccess { file { id name } } } }`;
  const REQUEST = `mutation ($input: RequestUploadInput!) { requestUpload(input: $input) { ${TYPE} ... on RequestUploadSuccess { upload { id url } } } }`;
  const RESUME = `mutation ($id: ID!) { resumeUpload(uploadId: $id) { ${TYPE} } }`;
  const FINISH = `mutation ($id: ID!) { finishUpload(uploadId: $id) { ${TYPE} ... on UploadFileSuccess { file { id name } } } }`;
  const DELETE_FILE = `mutation ($id: ID!) { deleteFile(id: $id) { ${TYPE} } }`;
  const ATTACH = `mutation ($f: ID!, $a: ID!) { attachFile(fileId: $f, appointmentId: $a) { ${TYPE} ... on AttachFileSuccess { file { id } } } }`;
  const DETACH = `mutation ($f: ID!, $a: ID!) { detachFile(fileId: $f, appointmentId: $a) { ${TYPE} ... on DetachFileSuccess { file { id } } } }`;
  const ROTATE = 'mutation ($c: String!, $n: Boolean) { rotateKeys(city: $c, newKey: $n) { city kind } }';
  const SCRUB = 'mutation ($c: String!) { scrubFiles(city: $c) { city kind } }';
  const PERSON = 'query ($id: ID!) { patient(id: $id) { name { text } birthDate } }';
  const ENTRY = 'query ($id: ID!) { auditEvent(id: $id) { act } }';
  const FOLLOW = 'subscription ($id: ID!) { appointmentChanged(patientId: $id) { kind appointment { id status } } }';
  const newSlot = (over: Record<string, unknown> = {}): Record<string, unknown> => {
    const start = new Date(Date.now() + (400 + Math.floor(Math.random() * 20_000)) * 3_600_000);
    return {
      input: {
        appointmentType: 'PHYSICIAN',
        capacity: 1,
        start: start.toISOString(),
        end: new Date(start.getTime() + 1_800_000).toISOString(),
        ...over,
      },
    };
  };
  const thePatient = () => ids.patient;
  const practitionerOf = async (name: string) => (await tell(name)).practitionerId;

  return [
    {
      root: 'Query.node',
      ending: 'done',
      as: PATIENT,
      query: 'query ($id: ID!) { node(id: $id) { id ... on Patient { birthDate } } }',
      prepare: one(ids.patient),
      of: thePatient,
      leaves: ['MTL node READ SUCCESS PATIENT/PATRQT [Patient#]'],
    },
    {
      root: 'Query.node',
      ending: 'denied',
      as: STRANGER,
      query: 'query ($id: ID!) { node(id: $id) { id } }',
      prepare: one(ids.patient),
      of: thePatient,
      code: 'NOT_FOUND',
      leaves: ['MTL node READ SERIOUS_FAILURE(NOT_FOUND) PATIENT/PATRQT [Patient]'],
    },
    {
      root: 'Query.node',
      ending: 'denied',
      what: 'none',
      as: STRANGER,
      query: 'query ($id: ID!) { node(id: $id) { id } }',
      prepare: one('nonsense'),
      code: 'NOT_FOUND',
      of: () => 'MTL-pat-00000000000000000000000000',
      leaves: ['MTL node READ SERIOUS_FAILURE(NOT_FOUND) PATIENT/PATRQT [Patient]'],
    },
    {
      root: 'Query.patient',
      ending: 'done',
      as: DOCTOR,
      query: PERSON,
      prepare: one(ids.patient),
      of: thePatient,
      leaves: ['MTL patient READ SUCCESS PRACTITIONER/TREAT [Patient#]'],
    },
    {
      root: 'Query.patient',
      ending: 'denied',
      as: STRANGER,
      query: PERSON,
      prepare: one(ids.patient),
      of: thePatient,
      code: 'NOT_FOUND',
      leaves: ['MTL patient READ SERIOUS_FAILURE(NOT_FOUND) PATIENT/PATRQT [Patient]'],
    },
    {
      root: 'Query.patient',
      ending: 'denied',
      what: 'there is none',
      as: STRANGER,
      query: PERSON,
      prepare: one(NOBODY),
      of: () => NOBODY,
      code: 'NOT_FOUND',
      leaves: ['MTL patient READ SERIOUS_FAILURE(NOT_FOUND) PATIENT/PATRQT [Patient]'],
    },
    {
      root: 'Query.patient',
      ending: 'denied',
      what: 'beyond the name',
      as: FOREIGN_ADMIN,
      query: PERSON,
      prepare: async () => {
        await ask(PATIENT, BOOK, { s: await world.slotOf('QUE'), k: randomUUID() });
        return { id: ids.patient };
      },
      of: thePatient,
      code: 'FORBIDDEN',
      leaves: ['MTL patient READ SUCCESS ADMIN/HOPERAT [Patient#]', 'MTL patient READ SERIOUS_FAILURE(FORBIDDEN) ADMIN/HOPERAT [Patient]'],
    },
    {
      root: 'Query.patients',
      ending: 'done',
      as: PATIENT,
      query: '{ patients { nodes { birthDate } } }',
      of: thePatient,
      leaves: ['MTL patients READ SUCCESS PATIENT/PATRQT [Patient#]'],
    },
    {
      root: 'Query.patients',
      ending: 'done',
      what: 'that finds nobody',
      as: DOCTOR,
      query: '{ patients(filter: { name: "Xyzzy" }) { nodes { birthDate } } }',
      leaves: ['MTL patients READ SUCCESS PRACTITIONER/TREAT []'],
    },
    {
      root: 'Query.patients',
      ending: 'denied',
      as: AUDITOR,
      query: '{ patients { nodes { birthDate } } }',
      leaves: ['MTL patients READ SERIOUS_FAILURE(NOT_FOUND) AUDITOR/HCOMPL []'],
    },
    {
      root: 'Query.appointment',
      ending: 'done',
      as: PATIENT,
      query: 'query ($id: ID!) { appointment(id: $id) { status } }',
      prepare: one(ids.appointment),
      of: thePatient,
      leaves: ['MTL appointment READ SUCCESS PATIENT/PATRQT [Appointment#]'],
    },
    {
      root: 'Query.appointment',
      ending: 'denied',
      as: STRANGER,
      query: 'query ($id: ID!) { appointment(id: $id) { status } }',
      prepare: one(ids.appointment),
      of: thePatient,
      code: 'NOT_FOUND',
      leaves: ['MTL appointment READ SERIOUS_FAILURE(NOT_FOUND) PATIENT/PATRQT [Appointment]'],
    },
    {
      root: 'Query.appointment',
      ending: 'refused',
      as: STRANGER,
      query: 'query ($id: ID!) { appointment(id: $id) { status } }',
      prepare: one(NO_APPOINTMENT),
      code: 'NOT_FOUND',
      leaves: ['MTL appointment READ MINOR_FAILURE(NOT_FOUND) PATIENT/PATRQT [Appointment]'],
    },
    {
      root: 'Query.file',
      ending: 'done',
      as: DOCTOR,
      query: 'query ($id: ID!) { file(id: $id) { name content } }',
      prepare: one(ids.file),
      of: thePatient,
      leaves: ['MTL file READ SUCCESS PRACTITIONER/TREAT [MedicalFile#]', 'MTL content READ SUCCESS PRACTITIONER/TREAT [MedicalFile#]'],
    },
    {
      root: 'Query.file',
      ending: 'denied',
      as: STRANGER,
      query: 'query ($id: ID!) { file(id: $id) { name } }',
      prepare: one(ids.file),
      of: thePatient,
      code: 'NOT_FOUND',
      leaves: ['MTL file READ SERIOUS_FAILURE(NOT_FOUND) PATIENT/PATRQT [MedicalFile]'],
    },
    {
      root: 'Query.file',
      ending: 'refused',
      as: STRANGER,
      query: 'query ($id: ID!) { file(id: $id) { name } }',
      prepare: one(NO_FILE),
      code: 'NOT_FOUND',
      leaves: ['MTL file READ MINOR_FAILURE(NOT_FOUND) PATIENT/PATRQT [MedicalFile]'],
    },
    {
      root: 'Query.file',
      ending: 'failed',
      as: DOCTOR,
      query: 'query ($id: ID!) { file(id: $id) { content } }',
      prepare: async () => ({ id: await world.file(PATIENT, ids.patient) }),
      of: thePatient,
      breaking: () => world.breakStores(),
      code: 'INTEGRITY_ERROR',
      leaves: [
        'MTL file READ SUCCESS PRACTITIONER/TREAT [MedicalFile#]',
        'MTL content READ MAJOR_FAILURE(INTEGRITY_ERROR) PRACTITIONER/TREAT [MedicalFile#]',
      ],
    },
    {
      root: 'Query.fileTasks',
      ending: 'done',
      as: ADMIN,
      query: '{ fileTasks(city: "MTL") { kind } }',
      leaves: ['MTL fileTasks READ SUCCESS ADMIN/HOPERAT []'],
    },
    {
      root: 'Query.fileTasks',
      ending: 'denied',
      as: DOCTOR,
      query: '{ fileTasks(city: "MTL") { kind } }',
      code: 'FORBIDDEN',
      leaves: ['MTL fileTasks READ SERIOUS_FAILURE(FORBIDDEN) PRACTITIONER/TREAT []'],
    },
    {
      root: 'Query.auditEvents',
      ending: 'done',
      as: AUDITOR,
      query: '{ auditEvents(first: 2) { nodes { act } } }',
      leaves: ['MTL auditEvents READ SUCCESS AUDITOR/HCOMPL [AuditEvent# AuditEvent#]'],
    },
    {
      root: 'Query.auditEvents',
      ending: 'denied',
      as: DOCTOR,
      query: '{ auditEvents(first: 2) { nodes { act } } }',
      code: 'FORBIDDEN',
      leaves: ['MTL auditEvents READ SERIOUS_FAILURE(FORBIDDEN) PRACTITIONER/TREAT []'],
    },
    {
      root: 'Query.auditExport',
      ending: 'done',
      as: AUDITOR,
      query: '{ auditExport(limit: 3) { ndjson count } }',
      leaves: ['MTL auditExport READ SUCCESS AUDITOR/HCOMPL [AuditExport# AuditEvent# AuditEvent#]'],
    },
    {
      root: 'Query.auditExport',
      ending: 'denied',
      as: DOCTOR,
      query: '{ auditExport(limit: 3) { ndjson count } }',
      code: 'FORBIDDEN',
      leaves: ['MTL auditExport READ SERIOUS_FAILURE(FORBIDDEN) PRACTITIONER/TREAT []'],
    },
    {
      root: 'Query.verifyAuditLog',
      ending: 'done',
      as: AUDITOR,
      query: '{ verifyAuditLog(city: "MTL") { state } }',
      leaves: ['MTL verifyAuditLog READ SUCCESS AUDITOR/HCOMPL [AuditLog]'],
    },
    {
      root: 'Query.verifyAuditLog',
      ending: 'denied',
      as: DOCTOR,
      query: '{ verifyAuditLog(city: "MTL") { state } }',
      code: 'FORBIDDEN',
      leaves: ['MTL verifyAuditLog READ SERIOUS_FAILURE(FORBIDDEN) PRACTITIONER/TREAT [AuditLog]'],
    },
    {
      root: 'Query.verifyAuditLog',
      ending: 'refused',
      as: AUDITOR,
      query: '{ verifyAuditLog(city: "XXX") { state } }',
      code: 'BAD_USER_INPUT',
      leaves: ['MTL verifyAuditLog READ MINOR_FAILURE(BAD_USER_INPUT) AUDITOR/HCOMPL []'],
    },
    {
      root: 'Query.auditEvent',
      ending: 'done',
      as: AUDITOR,
      query: ENTRY,
      prepare: async () => ({ id: await world.entry() }),
      leaves: ['MTL auditEvent READ SUCCESS AUDITOR/HCOMPL [AuditEvent#]'],
    },
    {
      root: 'Query.auditEvent',
      ending: 'denied',
      as: PATIENT,
      query: ENTRY,
      prepare: async () => ({ id: await world.entry() }),
      code: 'NOT_FOUND',
      leaves: ['MTL auditEvent READ SERIOUS_FAILURE(NOT_FOUND) PATIENT/PATRQT [AuditEvent]'],
    },
    {
      root: 'Query.auditEvent',
      ending: 'refused',
      as: AUDITOR,
      query: ENTRY,
      prepare: one(NO_EVENT),
      code: 'NOT_FOUND',
      leaves: ['MTL auditEvent READ MINOR_FAILURE(NOT_FOUND) AUDITOR/HCOMPL [AuditEvent]'],
    },

    {
      root: 'Mutation.login',
      ending: 'done',
      as: null,
      query: LOGIN,
      prepare: () => ({ u: 'MTLP0030', p: DEMO_PASSWORD }),
      of: () => world.patientOf('MTLP0030'),
      leaves: ['MTL login EXECUTE SUCCESS PATIENT/PATRQT [Account]'],
    },
    {
      root: 'Mutation.login',
      ending: 'refused',
      what: 'a wrong password',
      as: null,
      query: LOGIN,
      prepare: () => ({ u: 'MTLP0031', p: 'wrong-password-1' }),
      says: 'InvalidCredentials',
      of: () => world.patientOf('MTLP0031'),
      leaves: ['MTL login EXECUTE MINOR_FAILURE(InvalidCredentials) ANONYMOUS/PATRQT [Account]'],
    },
    {
      root: 'Mutation.login',
      ending: 'refused',
      what: 'no such name',
      as: null,
      query: LOGIN,
      prepare: () => ({ u: 'nobody', p: 'wrong-password-1' }),
      says: 'InvalidCredentials',
      leaves: ['MTL login EXECUTE MINOR_FAILURE(InvalidCredentials) ANONYMOUS/PATRQT [Account]'],
    },
    {
      root: 'Mutation.login',
      ending: 'refused',
      what: 'too many tries',
      as: null,
      query: LOGIN,
      prepare: async () => {
        for (let i = 0; i < 6; i++) await ask(null, LOGIN, { u: 'MTLP0032', p: `wrong-password-${i}` });
        return { u: 'MTLP0032', p: DEMO_PASSWORD };
      },
      says: 'InvalidCredentials',
      of: () => world.patientOf('MTLP0032'),
      leaves: ['MTL login EXECUTE MINOR_FAILURE(TooManyTries) ANONYMOUS/PATRQT [Account]'],
    },
    {
      root: 'Mutation.refreshSession',
      ending: 'done',
      as: null,
      query: REFRESH,
      prepare: async () => ({ t: (await session('MTLP0033')).refreshToken }),
      leaves: ['MTL refreshSession EXECUTE SUCCESS PATIENT/PATRQT [Session Account]'],
    },
    {
      root: 'Mutation.refreshSession',
      ending: 'refused',
      what: 'used before: all that came from it ends',
      as: null,
      query: REFRESH,
      prepare: async () => {
        const { refreshToken: t } = await session('MTLP0034');
        await ask(null, REFRESH, { t });
        return { t };
      },
      says: 'InvalidRefreshToken',
      leaves: ['MTL refreshSession EXECUTE MINOR_FAILURE(RefreshTokenReused) ANONYMOUS/PATRQT [Session Account]'],
    },
    {
      root: 'Mutation.refreshSession',
      ending: 'refused',
      what: 'unknown',
      as: null,
      query: REFRESH,
      prepare: () => ({ t: `SHE.${'A'.repeat(43)}` }),
      says: 'InvalidRefreshToken',
      leaves: ['SHE refreshSession EXECUTE MINOR_FAILURE(InvalidRefreshToken) ANONYMOUS/PATRQT []'],
    },
    {
      root: 'Mutation.refreshSession',
      ending: 'refused',
      what: 'no token',
      as: null,
      query: REFRESH,
      prepare: () => ({ t: 'nonsense' }),
      says: 'InvalidRefreshToken',
      leaves: ['MTL refreshSession EXECUTE MINOR_FAILURE(InvalidRefreshToken) ANONYMOUS/PATRQT []'],
    },
    {
      root: 'Mutation.logout',
      ending: 'done',
      as: 'MTLP0035',
      query: 'mutation { logout { username } }',
      of: () => world.patientOf('MTLP0035'),
      leaves: ['MTL logout EXECUTE SUCCESS PATIENT/PATRQT [Session]'],
    },
    {
      root: 'Mutation.registerPatient',
      ending: 'done',
      as: null,
      query: REGISTER,
      prepare: () => ({ input: { ...person(), city: 'QUE', password: 'a-long-password' } }),
      of: () => expect.stringMatching(/^QUE-pat-/),
      leaves: ['QUE registerPatient CREATE SUCCESS PATIENT/PATRQT [Patient# Account]'],
    },
    {
      root: 'Mutation.registerPatient',
      ending: 'refused',
      as: null,
      query: REGISTER,
      prepare: async () => ({ input: { ...(await identified()), city: 'MTL', password: 'a-long-password' } }),
      says: 'IdentifierAlreadyUsed',
      leaves: ['MTL registerPatient CREATE MINOR_FAILURE(IdentifierAlreadyUsed) ANONYMOUS/PATRQT []'],
    },
    {
      root: 'Mutation.createPatient',
      ending: 'done',
      as: DOCTOR,
      query: CREATE,
      prepare: () => ({ input: person() }),
      of: () => expect.stringMatching(/^MTL-pat-/),
      leaves: ['MTL createPatient CREATE SUCCESS PRACTITIONER/TREAT [Patient#]'],
    },
    {
      root: 'Mutation.createPatient',
      ending: 'denied',
      as: PATIENT,
      query: CREATE,
      prepare: () => ({ input: person() }),
      code: 'FORBIDDEN',
      leaves: ['MTL createPatient CREATE SERIOUS_FAILURE(FORBIDDEN) PATIENT/PATRQT []'],
    },
    {
      root: 'Mutation.createPatient',
      ending: 'refused',
      as: ADMIN,
      query: CREATE,
      prepare: async () => ({ input: await identified() }),
      says: 'IdentifierAlreadyUsed',
      leaves: ['MTL createPatient CREATE MINOR_FAILURE(IdentifierAlreadyUsed) ADMIN/HOPERAT []'],
    },
    {
      root: 'Mutation.updatePatient',
      ending: 'done',
      as: DOCTOR,
      query: UPDATE,
      prepare: async () => ({ input: { id: await world.newPatient(), expectedVersion: 1, birthDate: '1981-02-03' } }),
      of: ({ input }) => (input as { id: string }).id,
      leaves: ['MTL updatePatient UPDATE SUCCESS PRACTITIONER/TREAT [Patient#]'],
    },
    {
      root: 'Mutation.updatePatient',
      ending: 'denied',
      as: STRANGER,
      query: UPDATE,
      prepare: () => ({ input: { id: ids.patient, expectedVersion: 1, birthDate: '1981-02-03' } }),
      says: 'PatientNotFound',
      of: thePatient,
      leaves: ['MTL updatePatient UPDATE SERIOUS_FAILURE(PatientNotFound) PATIENT/PATRQT [Patient]'],
    },
    {
      root: 'Mutation.updatePatient',
      ending: 'denied',
      what: 'staff of another city',
      as: FOREIGN_ADMIN,
      query: UPDATE,
      prepare: () => ({ input: { id: ids.patient, expectedVersion: 1, birthDate: '1981-02-03' } }),
      code: 'FORBIDDEN',
      of: thePatient,
      leaves: ['MTL updatePatient UPDATE SERIOUS_FAILURE(FORBIDDEN) ADMIN/HOPERAT [Patient]'],
    },
    {
      root: 'Mutation.updatePatient',
      ending: 'refused',
      as: DOCTOR,
      query: UPDATE,
      prepare: async () => ({ input: { id: await world.newPatient(), expectedVersion: 9, birthDate: '1981-02-03' } }),
      says: 'VersionConflict',
      of: ({ input }) => (input as { id: string }).id,
      leaves: ['MTL updatePatient UPDATE MINOR_FAILURE(VersionConflict) PRACTITIONER/TREAT [Patient#]'],
    },
    {
      root: 'Mutation.updatePatient',
      ending: 'refused',
      what: 'an identifier of somebody else',
      as: DOCTOR,
      query: UPDATE,
      prepare: async () => ({
        input: { id: await world.newPatient(), expectedVersion: 1, identifiers: (await identified())['identifiers'] },
      }),
      says: 'IdentifierAlreadyUsed',
      of: ({ input }) => (input as { id: string }).id,
      leaves: ['MTL updatePatient UPDATE MINOR_FAILURE(IdentifierAlreadyUsed) PRACTITIONER/TREAT [Patient]'],
    },
    {
      root: 'Mutation.deletePatient',
      ending: 'done',
      as: ADMIN,
      query: DELETE,
      prepare: async () => ({ id: await world.newPatient() }),
      of: ({ id }) => id,
      leaves: ['MTL deletePatient DELETE SUCCESS ADMIN/HOPERAT [Patient#]'],
    },
    {
      root: 'Mutation.deletePatient',
      ending: 'denied',
      as: DOCTOR,
      query: DELETE,
      prepare: one(ids.patient),
      code: 'FORBIDDEN',
      of: thePatient,
      leaves: ['MTL deletePatient DELETE SERIOUS_FAILURE(FORBIDDEN) PRACTITIONER/TREAT [Patient]'],
    },
    {
      root: 'Mutation.deletePatient',
      ending: 'denied',
      what: 'there is none',
      as: ADMIN,
      query: DELETE,
      prepare: one(NOBODY),
      says: 'PatientNotFound',
      of: () => NOBODY,
      leaves: ['MTL deletePatient DELETE SERIOUS_FAILURE(PatientNotFound) ADMIN/HOPERAT [Patient]'],
    },
    {
      root: 'Mutation.deletePatient',
      ending: 'refused',
      as: ADMIN,
      query: DELETE,
      prepare: async () => ({ id: await world.newPatient(), v: 9 }),
      says: 'VersionConflict',
      of: ({ id }) => id,
      leaves: ['MTL deletePatient DELETE MINOR_FAILURE(VersionConflict) ADMIN/HOPERAT [Patient#]'],
    },
    {
      root: 'Mutation.setRole',
      ending: 'done',
      as: ADMIN,
      query: SET_ROLE,
      prepare: () => ({ u: 'MTLP0040', r: 'AUDITOR' }),
      of: () => world.patientOf('MTLP0040'),
      leaves: ['MTL setRole UPDATE SUCCESS ADMIN/HOPERAT [Account]'],
    },
    {
      root: 'Mutation.setRole',
      ending: 'done',
      what: 'the one that it has',
      as: ADMIN,
      query: SET_ROLE,
      prepare: () => ({ u: 'MTLP0041', r: 'PATIENT' }),
      of: () => world.patientOf('MTLP0041'),
      leaves: ['MTL setRole UPDATE SUCCESS ADMIN/HOPERAT [Account]'],
    },
    {
      root: 'Mutation.setRole',
      ending: 'denied',
      as: DOCTOR,
      query: SET_ROLE,
      prepare: () => ({ u: 'MTLP0041', r: 'ADMIN' }),
      code: 'FORBIDDEN',
      leaves: ['MTL setRole UPDATE SERIOUS_FAILURE(FORBIDDEN) PRACTITIONER/TREAT []'],
    },
    {
      root: 'Mutation.setRole',
      ending: 'denied',
      what: 'their own',
      as: ADMIN,
      query: SET_ROLE,
      prepare: () => ({ u: ADMIN, r: 'AUDITOR' }),
      code: 'FORBIDDEN',
      leaves: ['MTL setRole UPDATE SERIOUS_FAILURE(FORBIDDEN) ADMIN/HOPERAT []'],
    },
    {
      root: 'Mutation.setRole',
      ending: 'refused',
      as: ADMIN,
      query: SET_ROLE,
      prepare: () => ({ u: 'MTLP9999', r: 'AUDITOR' }),
      says: 'AccountNotFound',
      leaves: ['MTL setRole UPDATE MINOR_FAILURE(AccountNotFound) ADMIN/HOPERAT []'],
    },
    {
      root: 'Mutation.setRole',
      ending: 'refused',
      what: 'that does not fit the account',
      as: ADMIN,
      query: SET_ROLE,
      prepare: () => ({ u: AUDITOR, r: 'PATIENT' }),
      code: 'BAD_USER_INPUT',
      leaves: ['MTL setRole UPDATE MINOR_FAILURE(BAD_USER_INPUT) ADMIN/HOPERAT []'],
    },
    {
      root: 'Mutation.grantAccess',
      ending: 'done',
      as: PATIENT,
      query: GRANT,
      prepare: async () => ({ p: ids.patient, d: await practitionerOf('QUED0001') }),
      of: thePatient,
      leaves: ['MTL grantAccess CREATE SUCCESS PATIENT/PATRQT [Patient Practitioner]'],
    },
    {
      root: 'Mutation.grantAccess',
      ending: 'denied',
      as: DOCTOR,
      query: GRANT,
      prepare: async () => ({ p: ids.patient, d: await practitionerOf('QUED0001') }),
      of: thePatient,
      code: 'FORBIDDEN',
      leaves: ['MTL grantAccess CREATE SERIOUS_FAILURE(FORBIDDEN) PRACTITIONER/TREAT [Patient]'],
    },
    {
      root: 'Mutation.grantAccess',
      ending: 'refused',
      as: PATIENT,
      query: GRANT,
      prepare: () => ({ p: ids.patient, d: 'QUE-prc-0zzzzzzzzzzzzzzzzzzzzzzzzz' }),
      of: thePatient,
      says: 'PractitionerNotFound',
      leaves: ['MTL grantAccess CREATE MINOR_FAILURE(PractitionerNotFound) PATIENT/PATRQT [Patient]'],
    },
    {
      root: 'Mutation.revokeAccess',
      ending: 'done',
      as: PATIENT,
      query: REVOKE,
      prepare: async () => {
        const d = await practitionerOf('QUED0002');
        await ask(PATIENT, GRANT, { p: ids.patient, d });
        return { p: ids.patient, d };
      },
      of: thePatient,
      leaves: ['MTL revokeAccess DELETE SUCCESS PATIENT/PATRQT [Patient Practitioner]'],
    },
    {
      root: 'Mutation.revokeAccess',
      ending: 'refused',
      what: 'which there is not',
      as: PATIENT,
      query: REVOKE,
      prepare: () => ({ p: ids.patient, d: 'Dre Tremblay, 514 555 0199' }),
      of: thePatient,
      says: 'PractitionerNotFound',
      leaves: ['MTL revokeAccess DELETE MINOR_FAILURE(PractitionerNotFound) PATIENT/PATRQT [Patient]'],
    },
    {
      root: 'Mutation.revokeAccess',
      ending: 'denied',
      as: STRANGER,
      query: REVOKE,
      prepare: async () => ({ p: ids.patient, d: await practitionerOf('QUED0002') }),
      of: thePatient,
      says: 'PatientNotFound',
      leaves: ['MTL revokeAccess DELETE SERIOUS_FAILURE(PatientNotFound) PATIENT/PATRQT [Patient]'],
    },

    {
      root: 'Mutation.addSlot',
      ending: 'done',
      as: ADMIN,
      query: ADD_SLOT,
      prepare: () => newSlot(),
      leaves: ['MTL addSlot CREATE SUCCESS ADMIN/HOPERAT [Slot#]'],
    },
    {
      root: 'Mutation.addSlot',
      ending: 'denied',
      as: DOCTOR,
      query: ADD_SLOT,
      prepare: () => newSlot(),
      code: 'FORBIDDEN',
      leaves: ['MTL addSlot CREATE SERIOUS_FAILURE(FORBIDDEN) PRACTITIONER/TREAT []'],
    },
    {
      root: 'Mutation.addSlot',
      ending: 'refused',
      as: ADMIN,
      query: ADD_SLOT,
      prepare: () => newSlot({ appointmentType: 'MAGIC' }),
      says: 'UnknownAppointmentType',
      leaves: ['MTL addSlot CREATE MINOR_FAILURE(UnknownAppointmentType) ADMIN/HOPERAT []'],
    },
    {
      root: 'Mutation.addSlot',
      ending: 'refused',
      what: 'one that there is',
      as: ADMIN,
      query: ADD_SLOT,
      prepare: async () => {
        const slot = newSlot();
        await ask(ADMIN, ADD_SLOT, slot);
        return slot;
      },
      says: 'SlotAlreadyExists',
      leaves: ['MTL addSlot CREATE MINOR_FAILURE(SlotAlreadyExists) ADMIN/HOPERAT []'],
    },
    {
      root: 'Mutation.bookAppointment',
      ending: 'done',
      as: PATIENT,
      query: BOOK,
      prepare: async () => ({ s: await world.slot(), k: randomUUID() }),
      of: thePatient,
      leaves: ['MTL bookAppointment CREATE SUCCESS PATIENT/PATRQT [Slot Appointment#]'],
    },
    {
      root: 'Mutation.bookAppointment',
      ending: 'done',
      what: 'in another city',
      as: 'QUEP0002',
      query: BOOK,
      prepare: async () => ({ s: await world.slot(), k: randomUUID() }),
      of: () => world.patientOf('QUEP0002'),
      leaves: ['MTL bookAppointment CREATE SUCCESS PATIENT/PATRQT [Slot Appointment#]'],
    },
    {
      root: 'Mutation.bookAppointment',
      ending: 'done',
      what: 'the same once more',
      as: PATIENT,
      query: BOOK,
      prepare: async () => {
        const again = { s: await world.slot(), k: randomUUID() };
        await ask(PATIENT, BOOK, again);
        return again;
      },
      of: thePatient,
      leaves: ['MTL bookAppointment READ SUCCESS PATIENT/PATRQT [Slot Appointment#]'],
    },
    {
      root: 'Mutation.bookAppointment',
      ending: 'denied',
      as: DOCTOR,
      query: BOOK,
      prepare: async () => ({ s: await world.slot(), k: randomUUID(), p: ids.patient }),
      of: thePatient,
      says: 'PatientNotFound',
      leaves: ['MTL bookAppointment CREATE SERIOUS_FAILURE(PatientNotFound) PRACTITIONER/TREAT []'],
    },
    {
      root: 'Mutation.bookAppointment',
      ending: 'refused',
      as: PATIENT,
      query: BOOK,
      prepare: () => ({ s: NO_SLOT, k: randomUUID() }),
      of: thePatient,
      says: 'SlotNotFound',
      leaves: ['MTL bookAppointment CREATE MINOR_FAILURE(SlotNotFound) PATIENT/PATRQT [Slot]'],
    },
    {
      root: 'Mutation.bookAppointment',
      ending: 'refused',
      what: 'the same once more',
      as: PATIENT,
      query: BOOK,
      prepare: async () => {
        const again = { s: NO_SLOT, k: randomUUID() };
        await ask(PATIENT, BOOK, again);
        return again;
      },
      of: thePatient,
      says: 'SlotNotFound',
      leaves: ['MTL bookAppointment READ MINOR_FAILURE(SlotNotFound) PATIENT/PATRQT [Slot]'],
    },
    {
      root: 'Mutation.bookAppointment',
      ending: 'refused',
      what: 'a place in that slot already',
      as: PATIENT,
      query: BOOK,
      prepare: async () => {
        const s = await world.slot();
        await world.appointment(PATIENT, s);
        return { s, k: randomUUID() };
      },
      of: thePatient,
      says: 'AlreadyBooked',
      leaves: ['MTL bookAppointment CREATE MINOR_FAILURE(AlreadyBooked) PATIENT/PATRQT [Slot]'],
    },
    {
      root: 'Mutation.bookAppointment',
      ending: 'failed',
      as: 'MTLP0050',
      query: BOOK,
      prepare: async () => ({ s: await world.slotOf('QUE', 1), k: randomUUID() }),
      of: () => world.patientOf('MTLP0050'),
      breaking: () => world.blockSlots('QUE'),
      says: 'CityUnavailable',
      leaves: ['MTL bookAppointment CREATE MAJOR_FAILURE(CityUnavailable) PATIENT/PATRQT [Slot]'],
    },
    {
      root: 'Mutation.cancelAppointment',
      ending: 'done',
      as: PATIENT,
      query: CANCEL,
      prepare: async () => ({ id: await world.appointment(PATIENT) }),
      of: thePatient,
      leaves: ['MTL cancelAppointment UPDATE SUCCESS PATIENT/PATRQT [Appointment#]'],
    },
    {
      root: 'Mutation.cancelAppointment',
      ending: 'done',
      what: 'once more',
      as: PATIENT,
      query: CANCEL,
      prepare: async () => {
        const id = await world.appointment(PATIENT);
        await ask(PATIENT, CANCEL, { id });
        return { id };
      },
      of: thePatient,
      leaves: ['MTL appointment READ SUCCESS PATIENT/PATRQT [Appointment#]'],
    },
    {
      root: 'Mutation.cancelAppointment',
      ending: 'denied',
      as: STRANGER,
      query: CANCEL,
      prepare: one(ids.appointment),
      of: thePatient,
      says: 'AppointmentNotFound',
      leaves: ['MTL cancelAppointment UPDATE SERIOUS_FAILURE(AppointmentNotFound) PATIENT/PATRQT [Appointment]'],
    },
    {
      root: 'Mutation.cancelAppointment',
      ending: 'refused',
      as: PATIENT,
      query: CANCEL,
      prepare: one(NO_APPOINTMENT),
      says: 'AppointmentNotFound',
      leaves: ['MTL cancelAppointment UPDATE MINOR_FAILURE(AppointmentNotFound) PATIENT/PATRQT [Appointment]'],
    },
    {
      root: 'Mutation.cancelAppointment',
      ending: 'refused',
      what: 'too late',
      as: 'MTLP0042',
      query: CANCEL,
      prepare: async () => ({ id: await world.appointment('MTLP0042', await world.slot({ appointmentType: 'SURGEON' }, 5)) }),
      says: 'NoticeWindowPassed',
      of: () => world.patientOf('MTLP0042'),
      leaves: ['MTL cancelAppointment UPDATE MINOR_FAILURE(NoticeWindowPassed) PATIENT/PATRQT [Appointment#]'],
    },

    {
      root: 'Mutation.uploadFile',
      ending: 'done',
      as: PATIENT,
      query: UPLOAD,
      prepare: () => small(ids.patient),
      of: thePatient,
      leaves: ['MTL uploadFile CREATE SUCCESS PATIENT/PATRQT [MedicalFile#]'],
    },
    {
      root: 'Mutation.uploadFile',
      ending: 'denied',
      as: STRANGER,
      query: UPLOAD,
      prepare: () => small(ids.patient),
      of: thePatient,
      says: 'PatientNotFound',
      leaves: ['MTL uploadFile CREATE SERIOUS_FAILURE(PatientNotFound) PATIENT/PATRQT []'],
    },
    {
      root: 'Mutation.uploadFile',
      ending: 'refused',
      as: PATIENT,
      query: UPLOAD,
      prepare: () => small(ids.patient, { contentType: 'text/x-unknown' }),
      of: thePatient,
      says: 'ContentRefused',
      leaves: ['MTL uploadFile CREATE MINOR_FAILURE(TYPE_NOT_ALLOWED) PATIENT/PATRQT []'],
    },
    {
      root: 'Mutation.uploadFile',
      ending: 'failed',
      as: PATIENT,
      query: UPLOAD,
      prepare: () => small(ids.patient),
      of: thePatient,
      breaking: () => world.closeStores(),
      code: 'SUBGRAPH_UNAVAILABLE',
      leaves: ['MTL uploadFile CREATE MAJOR_FAILURE(SUBGRAPH_UNAVAILABLE) PATIENT/PATRQT [MedicalFile#]'],
    },
    {
      root: 'Mutation.requestUpload',
      ending: 'done',
      as: PATIENT,
      query: REQUEST,
      prepare: () => large(ids.patient),
      of: thePatient,
      leaves: ['MTL requestUpload CREATE SUCCESS PATIENT/PATRQT [MedicalFile#]'],
    },
    {
      root: 'Mutation.requestUpload',
      ending: 'denied',
      as: AUDITOR,
      query: REQUEST,
      prepare: () => large(ids.patient),
      of: thePatient,
      code: 'FORBIDDEN',
      leaves: ['MTL requestUpload CREATE SERIOUS_FAILURE(FORBIDDEN) AUDITOR/HCOMPL []'],
    },
    {
      root: 'Mutation.requestUpload',
      ending: 'refused',
      as: PATIENT,
      query: REQUEST,
      prepare: () => large(ids.patient, { appointmentId: NO_APPOINTMENT }),
      of: thePatient,
      says: 'AppointmentNotFound',
      leaves: ['MTL requestUpload CREATE MINOR_FAILURE(AppointmentNotFound) PATIENT/PATRQT []'],
    },
    {
      root: 'Mutation.resumeUpload',
      ending: 'done',
      as: PATIENT,
      query: RESUME,
      prepare: async () => ({ id: await upload(PATIENT, false) }),
      of: thePatient,
      leaves: ['MTL resumeUpload UPDATE SUCCESS PATIENT/PATRQT [MedicalFile#]'],
    },
    {
      root: 'Mutation.resumeUpload',
      ending: 'refused',
      as: STRANGER,
      query: RESUME,
      prepare: async () => ({ id: await upload(PATIENT, false) }),
      says: 'UploadNotFound',
      leaves: ['MTL resumeUpload UPDATE MINOR_FAILURE(UploadNotFound) PATIENT/PATRQT []'],
    },
    {
      root: 'Mutation.finishUpload',
      ending: 'done',
      as: PATIENT,
      query: FINISH,
      prepare: async () => ({ id: await upload(PATIENT, true) }),
      of: thePatient,
      leaves: ['MTL finishUpload CREATE SUCCESS PATIENT/PATRQT [MedicalFile#]'],
    },
    {
      root: 'Mutation.finishUpload',
      ending: 'done',
      what: 'once more',
      as: PATIENT,
      query: FINISH,
      prepare: async () => {
        const id = await upload(PATIENT, true);
        await ask(PATIENT, FINISH, { id });
        return { id };
      },
      of: thePatient,
      leaves: ['MTL finishUpload READ SUCCESS PATIENT/PATRQT [MedicalFile#]'],
    },
    {
      root: 'Mutation.finishUpload',
      ending: 'refused',
      as: PATIENT,
      query: FINISH,
      prepare: async () => ({ id: await upload(PATIENT, false) }),
      of: thePatient,
      says: 'UploadIncomplete',
      leaves: ['MTL finishUpload CREATE MINOR_FAILURE(UploadIncomplete) PATIENT/PATRQT []'],
    },
    {
      root: 'Mutation.finishUpload',
      ending: 'refused',
      what: 'there is none',
      as: PATIENT,
      query: FINISH,
      prepare: one(NO_UPLOAD),
      says: 'UploadNotFound',
      leaves: ['MTL finishUpload CREATE MINOR_FAILURE(UploadNotFound) PATIENT/PATRQT []'],
    },
    {
      root: 'Mutation.deleteFile',
      ending: 'done',
      as: DOCTOR,
      query: DELETE_FILE,
      prepare: async () => ({ id: await world.file(PATIENT, ids.patient) }),
      of: thePatient,
      leaves: ['MTL deleteFile DELETE SUCCESS PRACTITIONER/TREAT [MedicalFile#]'],
    },
    {
      root: 'Mutation.deleteFile',
      ending: 'denied',
      as: STRANGER,
      query: DELETE_FILE,
      prepare: one(ids.file),
      of: thePatient,
      says: 'FileNotFound',
      leaves: ['MTL deleteFile DELETE SERIOUS_FAILURE(FileNotFound) PATIENT/PATRQT [MedicalFile]'],
    },
    {
      root: 'Mutation.deleteFile',
      ending: 'denied',
      what: 'an auditor',
      as: AUDITOR,
      query: DELETE_FILE,
      prepare: one(ids.file),
      code: 'FORBIDDEN',
      leaves: ['MTL deleteFile DELETE SERIOUS_FAILURE(FORBIDDEN) AUDITOR/HCOMPL [MedicalFile]'],
    },
    {
      root: 'Mutation.deleteFile',
      ending: 'refused',
      as: DOCTOR,
      query: DELETE_FILE,
      prepare: one(NO_FILE),
      says: 'FileNotFound',
      leaves: ['MTL deleteFile DELETE MINOR_FAILURE(FileNotFound) PRACTITIONER/TREAT [MedicalFile]'],
    },
    {
      root: 'Mutation.attachFile',
      ending: 'done',
      as: PATIENT,
      query: ATTACH,
      prepare: async () => ({ f: await world.file(PATIENT, ids.patient), a: ids.appointment }),
      of: thePatient,
      leaves: ['MTL attachFile UPDATE SUCCESS PATIENT/PATRQT [MedicalFile#]'],
    },
    {
      root: 'Mutation.attachFile',
      ending: 'denied',
      as: STRANGER,
      query: ATTACH,
      prepare: () => ({ f: ids.file, a: ids.appointment }),
      of: thePatient,
      says: 'FileNotFound',
      leaves: ['MTL attachFile UPDATE SERIOUS_FAILURE(FileNotFound) PATIENT/PATRQT [MedicalFile]'],
    },
    {
      root: 'Mutation.attachFile',
      ending: 'refused',
      as: PATIENT,
      query: ATTACH,
      prepare: () => ({ f: ids.file, a: NO_APPOINTMENT }),
      of: thePatient,
      says: 'AppointmentNotFound',
      leaves: ['MTL attachFile UPDATE MINOR_FAILURE(AppointmentNotFound) PATIENT/PATRQT [MedicalFile#]'],
    },
    {
      root: 'Mutation.detachFile',
      ending: 'done',
      as: PATIENT,
      query: DETACH,
      prepare: async () => {
        const f = await world.file(PATIENT, ids.patient);
        await ask(PATIENT, ATTACH, { f, a: ids.appointment });
        return { f, a: ids.appointment };
      },
      of: thePatient,
      leaves: ['MTL detachFile UPDATE SUCCESS PATIENT/PATRQT [MedicalFile#]'],
    },
    {
      root: 'Mutation.detachFile',
      ending: 'denied',
      as: STRANGER,
      query: DETACH,
      prepare: () => ({ f: ids.file, a: ids.appointment }),
      of: thePatient,
      says: 'FileNotFound',
      leaves: ['MTL detachFile UPDATE SERIOUS_FAILURE(FileNotFound) PATIENT/PATRQT [MedicalFile]'],
    },
    {
      root: 'Mutation.detachFile',
      ending: 'refused',
      as: PATIENT,
      query: DETACH,
      prepare: () => ({ f: NO_FILE, a: ids.appointment }),
      says: 'FileNotFound',
      leaves: ['MTL detachFile UPDATE MINOR_FAILURE(FileNotFound) PATIENT/PATRQT [MedicalFile]'],
    },
    {
      root: 'Mutation.detachFile',
      ending: 'refused',
      what: 'from an appointment that does not refer to it',
      as: PATIENT,
      query: DETACH,
      prepare: () => ({ f: ids.file, a: NO_APPOINTMENT }),
      of: thePatient,
      says: 'AppointmentNotFound',
      leaves: ['MTL detachFile UPDATE MINOR_FAILURE(AppointmentNotFound) PATIENT/PATRQT [MedicalFile#]'],
    },
    {
      root: 'Mutation.rotateKeys',
      ending: 'done',
      as: ADMIN,
      query: ROTATE,
      prepare: () => ({ c: 'MTL', n: true }),
      leaves: ['MTL makeKey CREATE SUCCESS ADMIN/HOPERAT []', 'MTL rotateKeys EXECUTE SUCCESS ADMIN/HOPERAT [KeyEncryptionKey]'],
    },
    {
      root: 'Mutation.rotateKeys',
      ending: 'denied',
      as: FOREIGN_ADMIN,
      query: ROTATE,
      prepare: () => ({ c: 'MTL', n: false }),
      code: 'FORBIDDEN',
      leaves: ['QUE rotateKeys EXECUTE SERIOUS_FAILURE(FORBIDDEN) ADMIN/HOPERAT []'],
    },
    {
      root: 'Mutation.scrubFiles',
      ending: 'done',
      as: ADMIN,
      query: SCRUB,
      prepare: () => ({ c: 'MTL' }),
      leaves: ['MTL scrubFiles EXECUTE SUCCESS ADMIN/HOPERAT []'],
    },
    {
      root: 'Mutation.scrubFiles',
      ending: 'denied',
      as: DOCTOR,
      query: SCRUB,
      prepare: () => ({ c: 'MTL' }),
      code: 'FORBIDDEN',
      leaves: ['MTL scrubFiles EXECUTE SERIOUS_FAILURE(FORBIDDEN) PRACTITIONER/TREAT []'],
    },
    {
      root: 'Subscription.appointmentChanged',
      ending: 'done',
      as: PATIENT,
      query: FOLLOW,
      prepare: one(ids.patient),
      of: thePatient,
      leaves: ['MTL appointmentChanged READ SUCCESS PATIENT/PATRQT []'],
    },
    {
      root: 'Subscription.appointmentChanged',
      ending: 'denied',
      as: STRANGER,
      query: FOLLOW,
      prepare: one(ids.patient),
      of: thePatient,
      code: 'FORBIDDEN',
      leaves: ['MTL appointmentChanged READ SERIOUS_FAILURE(FORBIDDEN) PATIENT/PATRQT []'],
    },
  ];
};
