/**
 * What the fields of the graph owe the audit log. A field of an object that is listed nowhere here fails the test by its name, and so does an
 * entry here whose field is gone.
 */

/** Objects that tell something of a person. Each of their fields is asked for by every way there is, and has to leave the entries of that way. */
export const PERSONAL = ['Patient', 'Coverage', 'Appointment', 'MedicalFile', 'MedicalFileVersion', 'AuditEvent'] as const;
export type Personal = (typeof PERSONAL)[number];

/** Parts of those objects, that can be had with them alone: checked in the schema. Their fields are asked for together with the part. */
export const PARTS = [
  'HumanName',
  'Contact',
  'Address',
  'Identifier',
  'FileCopy',
  'FileDownload',
  'AuditAgent',
  'AuditEntity',
  'AuditProof',
];

/** Objects between a field and what it is about: pages, edges, successes, refusals. They hold nothing of a person themselves. */
const PAGE = 'where a page stands; what is on the page is recorded';
const CITIES = 'how complete an answer is; no personal data';
const TOLD = 'the end of an act that is recorded';
const REFUSED = 'why an act was refused; the refusal is recorded';
const OWN = 'the caller’s own login, as their token and password name it';
const PLACE = 'a city of the network; no personal data';
const STAFF = 'who works where is open to everybody who is logged in';
const TIMES = 'the offer of places; of who takes them it tells nothing';
const LOG = 'the log as anybody may fetch it: hashes and signatures';
const EXPORT = 'a part of an export is recorded as one act, with the hash of what it held';
const TASK = 'counts over all files of a city; the list that gave it is recorded';

/** Fields that leave no entry of their own, with the reason. `Type: [[fields, reason] …]`. */
export const REASONS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  PatientConnection: [
    ['edges nodes', TOLD],
    ['pageInfo', PAGE],
    ['cityStates', CITIES],
  ],
  AuditExportPage: [
    ['ndjson count endCursor hasNextPage', EXPORT],
    ['cityStates', CITIES],
  ],
  PatientEdge: [
    ['cursor', PAGE],
    ['node', TOLD],
  ],
  AppointmentConnection: [
    ['edges nodes', TOLD],
    ['pageInfo asOf', PAGE],
  ],
  AppointmentEdge: [
    ['cursor', PAGE],
    ['node', TOLD],
  ],
  MedicalFileConnection: [
    ['edges nodes', TOLD],
    ['pageInfo asOf', PAGE],
  ],
  MedicalFileEdge: [
    ['cursor', PAGE],
    ['node', TOLD],
  ],
  MedicalFileVersionConnection: [
    ['edges nodes', TOLD],
    ['pageInfo', PAGE],
  ],
  MedicalFileVersionEdge: [
    ['cursor', PAGE],
    ['node', TOLD],
  ],
  AuditEventConnection: [
    ['edges nodes', TOLD],
    ['pageInfo', PAGE],
    ['cityStates', CITIES],
  ],
  AuditEventEdge: [
    ['cursor', PAGE],
    ['node', TOLD],
  ],
  PageInfo: [['hasNextPage hasPreviousPage startCursor endCursor', PAGE]],
  CityState: [['city state asOf', CITIES]],
  City: [
    ['code name timeZone', PLACE],
    ['checkpoint', LOG],
  ],
  Account: [
    ['username role city', OWN],
    ['patient', 'recorded as the reading of a patient'],
    ['practitioner', STAFF],
  ],
  Session: [
    ['token refreshToken expiresAt', 'the end of a login, a refresh or a registration, each recorded'],
    ['account', OWN],
  ],
  Practitioner: [
    ['id city name specialties', STAFF],
    ['slots', TIMES],
    ['fees', 'a list of prices; no personal data'],
  ],
  PractitionerConnection: [
    ['edges nodes', STAFF],
    ['pageInfo', PAGE],
    ['cityStates', CITIES],
  ],
  PractitionerEdge: [
    ['cursor', PAGE],
    ['node', STAFF],
  ],
  Fee: [['appointmentType plan amount planPays', 'a list of prices; no personal data']],
  Money: [['cents currency', 'a list of prices; no personal data']],
  Slot: [
    ['id code city appointmentType start end capacity booked available status', TIMES],
    ['practitioner', STAFF],
    ['appointments', 'recorded as the reading of each appointment'],
  ],
  SlotConnection: [
    ['edges nodes feedCursor', TIMES],
    ['pageInfo', PAGE],
    ['cityStates', CITIES],
  ],
  SlotEdge: [['cursor node', TIMES]],
  SlotChange: [['cursor kind city slotId slot at', TIMES]],
  AppointmentChange: [
    ['cursor kind appointmentId at', 'recorded when the following begins'],
    ['appointment', 'recorded as the reading of an appointment, at each change'],
  ],
  ServerKey: [['kid jwk algorithms', 'a public key']],
  FileTask: [['city kind running startedAt total checked damaged repaired lost waiting', TASK]],
  FileUpload: [['id url expiresAt offsetBytes sizeBytes', TOLD]],
  AuditCheckpoint: [['city shard origin size root note signedAt witnesses isWitnessed cosignedAt', LOG]],
  AuditWitness: [['name at', LOG]],
  AuditShard: [['shard origin key beganAt closedAt size checkpoint isRetired', LOG]],
  ConsistencyProof: [['fromSize toSize hashes checkpoint', LOG]],
  AuditVerification: [
    ['city state size checked shard firstBadIndex fault unplaced firstUnplaced startedAt finishedAt checkpoint isStale', LOG],
  ],
  LogoutSuccess: [['username', OWN]],
  RegisterPatientSuccess: [['username session', TOLD]],
  CreatePatientSuccess: [['patient', TOLD]],
  UpdatePatientSuccess: [['patient', TOLD]],
  DeletePatientSuccess: [['id', TOLD]],
  SetRoleSuccess: [['username role', TOLD]],
  GrantAccessSuccess: [['patientId practitionerId until', TOLD]],
  RevokeAccessSuccess: [['patientId practitionerId', TOLD]],
  AddSlotSuccess: [['slot', TOLD]],
  BookAppointmentSuccess: [['appointment replayed', TOLD]],
  CancelAppointmentSuccess: [['appointment', TOLD]],
  UploadFileSuccess: [['file', TOLD]],
  RequestUploadSuccess: [['upload', TOLD]],
  DeleteFileSuccess: [['id', TOLD]],
  AttachFileSuccess: [['file', TOLD]],
  DetachFileSuccess: [['file', TOLD]],
  InvalidCredentials: [['message', REFUSED]],
  InvalidRefreshToken: [['message', REFUSED]],
  PatientNotFound: [['message', REFUSED]],
  IdentifierAlreadyUsed: [['message system', REFUSED]],
  VersionConflict: [['message current', REFUSED]],
  AccountNotFound: [['message', REFUSED]],
  PractitionerNotFound: [['message', REFUSED]],
  CityUnavailable: [['message city retryAfterSeconds', REFUSED]],
  SlotNotFound: [['message', REFUSED]],
  SlotRemoved: [['message', REFUSED]],
  SlotAlreadyStarted: [['message', REFUSED]],
  SlotAlreadyExists: [['message existing', REFUSED]],
  UnknownAppointmentType: [['message known', REFUSED]],
  SlotFull: [['message alternatives', REFUSED]],
  IdempotencyMismatch: [['message', REFUSED]],
  AlreadyBooked: [['message', REFUSED]],
  SameTypeSameDay: [['message', REFUSED]],
  OverlappingAppointment: [['message', REFUSED]],
  WeeklyLimitReached: [['message week limit', REFUSED]],
  AppointmentNotFound: [['message', REFUSED]],
  NoticeWindowPassed: [['message noticeMinutes', REFUSED]],
  FileNotFound: [['message', REFUSED]],
  UploadNotFound: [['message', REFUSED]],
  UploadIncomplete: [['message offsetBytes sizeBytes', REFUSED]],
  QuotaExceeded: [['message usedBytes limitBytes', REFUSED]],
  ContentRefused: [['message reason allowed', REFUSED]],
};

/** Fields of personal objects that are an act of their own, with its name. */
export const OWN_ACTS: Readonly<Record<string, string>> = {
  'MedicalFile.content': 'content',
  'MedicalFile.sealedContent': 'sealedContent',
  'MedicalFile.downloadUrl': 'downloadUrl',
  'MedicalFile.download': 'downloadUrl',
  'MedicalFileVersion.content': 'content',
  'MedicalFileVersion.sealedContent': 'sealedContent',
  'MedicalFileVersion.downloadUrl': 'downloadUrl',
  'MedicalFileVersion.download': 'downloadUrl',
};

/** A way to a personal object: who goes it, the selection around it, and the acts that it is recorded as. */
export type Way = {
  readonly to: Personal;
  readonly as: 'PATIENT' | 'DOCTOR' | 'AUDITOR';
  /** The selection, with `…` where that of the object goes. `$patient`, `$appointment`, `$slot`, `$file`, `$coverage`, `$event` are known. */
  readonly by: string;
  readonly acts: readonly string[];
  /** The acts where the id alone is asked for, which the record before it has told already. */
  readonly forId?: readonly string[];
};

/**
 * Every field that leads to a personal object, and how it is gone. `act`: the field belongs to a mutation or subscription, whose own test in
 * `acts.test.ts` selects the object. The test finds the fields in the schema; one that is missing here fails it by name.
 */
export const WAYS: Readonly<Record<string, readonly Way[] | 'act'>> = {
  'Query.node': [
    { to: 'Patient', as: 'DOCTOR', by: 'node(id: $patient) { ... on Patient { … } }', acts: ['node'] },
    { to: 'Coverage', as: 'PATIENT', by: 'node(id: $coverage) { ... on Coverage { … } }', acts: ['coverage'] },
    { to: 'Appointment', as: 'DOCTOR', by: 'node(id: $appointment) { ... on Appointment { … } }', acts: ['appointment'] },
    { to: 'MedicalFile', as: 'PATIENT', by: 'node(id: $file) { ... on MedicalFile { … } }', acts: ['node'] },
    { to: 'AuditEvent', as: 'AUDITOR', by: 'node(id: $event) { ... on AuditEvent { … } }', acts: ['auditEvent'] },
  ],
  'Query.patient': [{ to: 'Patient', as: 'DOCTOR', by: 'patient(id: $patient) { … }', acts: ['patient'] }],
  'Query.patients': [
    { to: 'Patient', as: 'PATIENT', by: 'patients { nodes { … } }', acts: ['patients'] },
    { to: 'Patient', as: 'PATIENT', by: 'patients { edges { node { … } } }', acts: ['patients'] },
  ],
  'Query.appointment': [{ to: 'Appointment', as: 'PATIENT', by: 'appointment(id: $appointment) { … }', acts: ['appointment'] }],
  'Query.file': [{ to: 'MedicalFile', as: 'DOCTOR', by: 'file(id: $file) { … }', acts: ['file'] }],
  'Query.auditEvent': [{ to: 'AuditEvent', as: 'AUDITOR', by: 'auditEvent(id: $event) { … }', acts: ['auditEvent'] }],
  'Query.auditEvents': [
    { to: 'AuditEvent', as: 'AUDITOR', by: 'auditEvents(first: 1) { nodes { … } }', acts: ['auditEvents'] },
    { to: 'AuditEvent', as: 'AUDITOR', by: 'auditEvents(first: 1) { edges { node { … } } }', acts: ['auditEvents'] },
  ],
  'Account.patient': [{ to: 'Patient', as: 'PATIENT', by: 'me { patient { … } }', acts: ['patient'] }],
  'Patient.coverages': [{ to: 'Coverage', as: 'PATIENT', by: 'patient(id: $patient) { coverages { … } }', acts: ['patient'] }],
  'Patient.appointments': [
    {
      to: 'Appointment',
      as: 'PATIENT',
      by: 'patient(id: $patient) { appointments(first: 1) { nodes { … } } }',
      acts: ['patient', 'appointments'],
    },
    {
      to: 'Appointment',
      as: 'PATIENT',
      by: 'me { patient { appointments(first: 1) { edges { node { … } } } } }',
      acts: ['patient', 'appointments'],
    },
  ],
  'Patient.files': [
    { to: 'MedicalFile', as: 'PATIENT', by: 'patient(id: $patient) { files(first: 1) { nodes { … } } }', acts: ['patient', 'files'] },
    {
      to: 'MedicalFile',
      as: 'PATIENT',
      by: 'patient(id: $patient) { files(first: 1) { edges { node { … } } } }',
      acts: ['patient', 'files'],
    },
  ],
  'Patient.auditTrail': [
    {
      to: 'AuditEvent',
      as: 'PATIENT',
      by: 'patient(id: $patient) { auditTrail(first: 1) { nodes { … } } }',
      acts: ['patient', 'Patient.auditTrail'],
    },
    {
      to: 'AuditEvent',
      as: 'PATIENT',
      by: 'patient(id: $patient) { auditTrail(first: 1) { edges { node { … } } } }',
      acts: ['patient', 'Patient.auditTrail'],
    },
  ],
  'Slot.appointments': [
    { to: 'Appointment', as: 'DOCTOR', by: 'slot(id: $slot) { appointments { nodes { … } } }', acts: ['Slot.appointments'] },
    { to: 'Appointment', as: 'DOCTOR', by: 'slot(id: $slot) { appointments { edges { node { … } } } }', acts: ['Slot.appointments'] },
  ],
  'Appointment.patient': [
    {
      to: 'Patient',
      as: 'DOCTOR',
      by: 'appointment(id: $appointment) { patient { … } }',
      acts: ['appointment', 'patient'],
      forId: ['appointment'],
    },
    {
      to: 'Patient',
      as: 'DOCTOR',
      by: 'slot(id: $slot) { appointments { nodes { patient { … } } } }',
      acts: ['Slot.appointments', 'patient'],
      forId: ['Slot.appointments'],
    },
  ],
  'Appointment.files': [
    {
      to: 'MedicalFile',
      as: 'PATIENT',
      by: 'appointment(id: $appointment) { files(first: 1) { nodes { … } } }',
      acts: ['appointment', 'appointment.files'],
    },
    {
      to: 'MedicalFile',
      as: 'PATIENT',
      by: 'appointment(id: $appointment) { files(first: 1) { edges { node { … } } } }',
      acts: ['appointment', 'appointment.files'],
    },
  ],
  'MedicalFile.patient': [
    { to: 'Patient', as: 'DOCTOR', by: 'file(id: $file) { patient { … } }', acts: ['file', 'patient'], forId: ['file'] },
  ],
  'MedicalFile.versions': [
    { to: 'MedicalFileVersion', as: 'DOCTOR', by: 'file(id: $file) { versions(first: 1) { nodes { … } } }', acts: ['file', 'versions'] },
    {
      to: 'MedicalFileVersion',
      as: 'DOCTOR',
      by: 'file(id: $file) { versions(first: 1) { edges { node { … } } } }',
      acts: ['file', 'versions'],
    },
  ],
  'AuditEvent.patient': [
    {
      to: 'Patient',
      as: 'PATIENT',
      by: 'patient(id: $patient) { auditTrail(first: 1) { nodes { patient { … } } } }',
      acts: ['patient', 'Patient.auditTrail'],
    },
  ],
  'Mutation.createPatient': 'act',
  'Mutation.updatePatient': 'act',
  'Mutation.deletePatient': 'act',
  'Mutation.bookAppointment': 'act',
  'Mutation.cancelAppointment': 'act',
  'Mutation.uploadFile': 'act',
  'Mutation.finishUpload': 'act',
  'Mutation.attachFile': 'act',
  'Mutation.detachFile': 'act',
  'Subscription.appointmentChanged': 'act',
};

/** Arguments that fields cannot be asked for without. */
export const ARGUMENTS: Readonly<Record<string, string>> = { publicKey: '$publicKey' };
