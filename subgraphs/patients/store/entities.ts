import { EntitySchema } from 'typeorm';

/** A login. */
export type AccountRow = {
  city: string;
  id: string;
  username: string;
  password_hash: string;
  role: string;
  patient_id: string | null;
  practitioner_id: string | null;
};
export const AccountEntity = new EntitySchema<AccountRow>({
  name: 'Account',
  tableName: 'account',
  columns: {
    city: { type: 'text', primary: true },
    id: { type: 'text', primary: true },
    username: { type: 'text' },
    password_hash: { type: 'text' },
    role: { type: 'text' },
    patient_id: { type: 'text', nullable: true },
    practitioner_id: { type: 'text', nullable: true },
  },
});

/** The columns of a person's name that patients and practitioners share. */
type NamedRow = { city: string; id: string; family: string | null; given: string[]; name_text: string };
const named = {
  city: { type: 'text', primary: true },
  id: { type: 'text', primary: true },
  family: { type: 'text', nullable: true },
  given: { type: 'text', array: true },
  name_text: { type: 'text' },
} as const;

/** What erasure and the naming of a new practitioner need of a patient; whole records are read by statement. */
export type PatientRow = NamedRow & { version: number };
export const PatientEntity = new EntitySchema<PatientRow>({
  name: 'Patient',
  tableName: 'patient',
  columns: { ...named, version: { type: 'integer' } },
});

export type PractitionerRow = NamedRow & { specialties: string[]; active: boolean };
export const PractitionerEntity = new EntitySchema<PractitionerRow>({
  name: 'Practitioner',
  tableName: 'practitioner',
  columns: { ...named, specialties: { type: 'text', array: true }, active: { type: 'boolean' } },
});

export type SessionRow = { city: string; id: string; account_id: string; expires_at: Date; revoked_at: Date | null };
export const SessionEntity = new EntitySchema<SessionRow>({
  name: 'Session',
  tableName: 'session',
  columns: {
    city: { type: 'text', primary: true },
    id: { type: 'text', primary: true },
    account_id: { type: 'text' },
    expires_at: { type: 'timestamptz' },
    revoked_at: { type: 'timestamptz', nullable: true },
  },
});

export type AccessGrantRow = { city: string; patient_id: string; practitioner_id: string; granted_by: string; until: Date };
export const AccessGrantEntity = new EntitySchema<AccessGrantRow>({
  name: 'AccessGrant',
  tableName: 'access_grant',
  columns: {
    city: { type: 'text', primary: true },
    patient_id: { type: 'text', primary: true },
    practitioner_id: { type: 'text', primary: true },
    granted_by: { type: 'text' },
    until: { type: 'timestamptz' },
  },
});

/** What the patients subgraph keeps and treats through TypeORM. */
export const PATIENT_ENTITIES = [AccountEntity, PatientEntity, PractitionerEntity, SessionEntity, AccessGrantEntity] as EntitySchema[];
