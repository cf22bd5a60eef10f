// Written by "npm run codegen" from schema/patients.graphql; change that file and run it again.
import type { GraphQLResolveInfo, GraphQLScalarType, GraphQLScalarTypeConfig } from 'graphql';
import type { NodeView } from '../domain/node.ts';
import type { SeenPatient, Practitioner as PractitionerRecord, Coverage as CoverageRecord } from '../domain/patient.ts';
import type { CityView } from '../domain/city.ts';
import type { Account as AccountRecord } from '../domain/account.ts';
import type { Context } from '../context.ts';
export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
export type Omit<T, K extends keyof T> = Pick<T, Exclude<keyof T, K>>;
export type RequireFields<T, K extends keyof T> = Omit<T, K> & { [P in K]-?: NonNullable<T[P]> };
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** An instant, RFC 3339 with an offset. Without an offset: `BAD_USER_INPUT`. */
  DateTime: { input: Date; output: Date; }
  /** A calendar day, `YYYY-MM-DD`. */
  Date: { input: string; output: string; }
  _FieldSet: { input: string; output: string; }
};

/** Anything that has an id. */
export type Node = {
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
};

/** A refusal: an answer the caller can act on. */
export type Refusal = {
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** Where a page stands in its list. https://relay.dev/graphql/connections.htm */
export type PageInfo = {
  readonly __typename?: 'PageInfo';
  /** Whether more follows. */
  readonly hasNextPage: Scalars['Boolean']['output'];
  /** Whether something comes before. */
  readonly hasPreviousPage: Scalars['Boolean']['output'];
  /** Cursor of the first edge. */
  readonly startCursor?: Maybe<Scalars['String']['output']>;
  /** Cursor of the last edge. */
  readonly endCursor?: Maybe<Scalars['String']['output']>;
};

/** How complete the part of an answer is that one city gave. */
export type CityStateKind =
  /** The city answered from its primary. */
  | 'COMPLETE'
  /** The city answered from a replica; `asOf` tells when this was true. */
  | 'STALE'
  /** The city did not answer in time; its rows are missing. */
  | 'UNAVAILABLE';

/** The part that one city had in an answer. */
export type CityState = {
  readonly __typename?: 'CityState';
  /** Code of the city. */
  readonly city: Scalars['String']['output'];
  /** How complete its part is. */
  readonly state: CityStateKind;
  /** When the rows were true; null unless the state is `STALE`. */
  readonly asOf?: Maybe<Scalars['DateTime']['output']>;
};

/** A city of the network: one home of records. */
export type City = {
  readonly __typename?: 'City';
  /** Three capitals, such as `MTL`. */
  readonly code: Scalars['String']['output'];
  /** Name in the caller's language (`accept-language`: en or fr). */
  readonly name: Scalars['String']['output'];
  /** IANA time zone, such as `America/Toronto`. */
  readonly timeZone: Scalars['String']['output'];
};

/** What an account may do; given by an admin, never chosen. */
export type Role =
  /** Own record; books for themself. */
  | 'PATIENT'
  /** Records of patients in care; own schedule. */
  | 'PRACTITIONER'
  /** Slots and patients of the own city. */
  | 'ADMIN'
  /** Audit events of every city; nothing clinical. */
  | 'AUDITOR';

/** Administrative gender. https://hl7.org/fhir/R4/valueset-administrative-gender.html */
export type AdministrativeGender =
  /** `male`. */
  | 'MALE'
  /** `female`. */
  | 'FEMALE'
  /** `other`. */
  | 'OTHER'
  /** `unknown`: it was asked for or could not be. */
  | 'UNKNOWN';

/** Kind of a contact point. https://hl7.org/fhir/R4/valueset-contact-point-system.html */
export type ContactSystem =
  /** A telephone number. */
  | 'PHONE'
  /** An e-mail address. */
  | 'EMAIL'
  /** Any other way; `value` says it. */
  | 'OTHER';

/** Name of a person. https://hl7.org/fhir/R4/datatypes.html#HumanName */
export type HumanName = {
  readonly __typename?: 'HumanName';
  /** The name as one writes it. */
  readonly text: Scalars['String']['output'];
  /** Family name. */
  readonly family?: Maybe<Scalars['String']['output']>;
  /** Given names, in order. */
  readonly given: ReadonlyArray<Scalars['String']['output']>;
};

/** A way to reach a person. https://hl7.org/fhir/R4/datatypes.html#ContactPoint */
export type Contact = {
  readonly __typename?: 'Contact';
  /** Kind of the contact point. */
  readonly system: ContactSystem;
  /** The number or address, as given. */
  readonly value: Scalars['String']['output'];
  /** `home`, `work`, `mobile` … */
  readonly use?: Maybe<Scalars['String']['output']>;
};

/** A postal address. https://hl7.org/fhir/R4/datatypes.html#Address */
export type Address = {
  readonly __typename?: 'Address';
  /** Street, number, floor; one entry a line. */
  readonly lines: ReadonlyArray<Scalars['String']['output']>;
  /** Name of the town. */
  readonly city?: Maybe<Scalars['String']['output']>;
  /** Province or state. */
  readonly state?: Maybe<Scalars['String']['output']>;
  /** Postal code, as given. */
  readonly postalCode?: Maybe<Scalars['String']['output']>;
  /** Country, name or code as given. */
  readonly country?: Maybe<Scalars['String']['output']>;
};

/** An identifier given by some register. https://hl7.org/fhir/R4/datatypes.html#Identifier */
export type Identifier = {
  readonly __typename?: 'Identifier';
  /** URI of the register. */
  readonly system: Scalars['String']['output'];
  /** The identifier itself, unique in its register. */
  readonly value: Scalars['String']['output'];
  /** Code of its kind, HL7 v2-0203: `JHN` (health number), `MR`, `SS` … */
  readonly type?: Maybe<Scalars['String']['output']>;
};

/** An insurance plan that pays for a patient. https://hl7.org/fhir/R4/coverage.html */
export type Coverage = Node & {
  readonly __typename?: 'Coverage';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** Code of the plan, such as `RAMQ`. */
  readonly plan: Scalars['String']['output'];
  /** Who pays. */
  readonly payor: Scalars['String']['output'];
  /** Number of the insured. */
  readonly memberId?: Maybe<Scalars['String']['output']>;
  /** `active`, `cancelled`, `draft` or `entered-in-error`. */
  readonly status: Scalars['String']['output'];
};

/** A person who receives care. https://hl7.org/fhir/R4/patient.html */
export type Patient = Node & {
  readonly __typename?: 'Patient';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** Home city: where the record is kept. */
  readonly city?: Maybe<City>;
  /** Name; the only thing that admins of a city the patient visits see. */
  readonly name?: Maybe<HumanName>;
  /** Day of birth. */
  readonly birthDate?: Maybe<Scalars['Date']['output']>;
  /** Administrative gender. */
  readonly gender?: Maybe<AdministrativeGender>;
  /** Telephone numbers and e-mail addresses. */
  readonly contacts?: Maybe<ReadonlyArray<Contact>>;
  /** Postal addresses. */
  readonly addresses?: Maybe<ReadonlyArray<Address>>;
  /** Identifiers given by registers, such as the health number. */
  readonly identifiers?: Maybe<ReadonlyArray<Identifier>>;
  /** Insurance plans that pay for this patient. */
  readonly coverages?: Maybe<ReadonlyArray<Coverage>>;
  /** Grows by one with every change; give it back as `expectedVersion`. */
  readonly version?: Maybe<Scalars['Int']['output']>;
  /** When this was true, where a replica gave it while the city's primary is down; null from the primary. */
  readonly asOf?: Maybe<Scalars['DateTime']['output']>;
};

/** A person who gives care. https://hl7.org/fhir/R4/practitioner.html */
export type Practitioner = Node & {
  readonly __typename?: 'Practitioner';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** The city they work in. */
  readonly city?: Maybe<City>;
  /** Name, as patients see it. */
  readonly name?: Maybe<HumanName>;
  /** Appointment types they give. */
  readonly specialties?: Maybe<ReadonlyArray<Scalars['String']['output']>>;
};

/** Time in which a type of appointment can be had. https://hl7.org/fhir/R4/slot.html */
export type Slot = Node & {
  readonly __typename?: 'Slot';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** The same id, as the key by which `node` finds the owner of the record; not shown to callers. */
  readonly nodeId: Scalars['ID']['output'];
};

/** A place in a slot, taken by a patient. https://hl7.org/fhir/R4/appointment.html */
export type Appointment = Node & {
  readonly __typename?: 'Appointment';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** The same id, as the key by which `node` finds the owner of the record; not shown to callers. */
  readonly nodeId: Scalars['ID']['output'];
};

/** One act, as it was recorded when it happened. Shape after IHE BALP and https://hl7.org/fhir/R4/auditevent.html */
export type AuditEvent = Node & {
  readonly __typename?: 'AuditEvent';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** The same id, as the key by which `node` finds the owner of the record; not shown to callers. */
  readonly nodeId: Scalars['ID']['output'];
};

/** A document about a patient, with all its versions. https://hl7.org/fhir/R4/documentreference.html */
export type MedicalFile = Node & {
  readonly __typename?: 'MedicalFile';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** The same id, as the key by which `node` finds the owner of the record; not shown to callers. */
  readonly nodeId: Scalars['ID']['output'];
};

/** A login of the network. */
export type Account = {
  readonly __typename?: 'Account';
  /** City, letter of the role, at least four digits: `MTLP0001`. */
  readonly username: Scalars['String']['output'];
  /** What the account may do. */
  readonly role: Role;
  /** City of the account. */
  readonly city: City;
  /** The patient this account is for. */
  readonly patient?: Maybe<Patient>;
  /** The practitioner this account is for. */
  readonly practitioner?: Maybe<Practitioner>;
};

/** A login that stands. */
export type Session = {
  readonly __typename?: 'Session';
  /** Bearer token for `authorization`; short-lived. */
  readonly token: Scalars['String']['output'];
  /** Single use: give it to `refreshSession` for the next pair. */
  readonly refreshToken: Scalars['String']['output'];
  /** When `token` ends. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** Whose session it is. */
  readonly account: Account;
};

/** Name or password is wrong, or too many tries were made: one answer for all. */
export type InvalidCredentials = Refusal & {
  readonly __typename?: 'InvalidCredentials';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** The refresh token is unknown, used, or ended; log in again. */
export type InvalidRefreshToken = Refusal & {
  readonly __typename?: 'InvalidRefreshToken';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** No such patient, or none for whom the caller may do this. */
export type PatientNotFound = Refusal & {
  readonly __typename?: 'PatientNotFound';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** Another patient has this identifier. */
export type IdentifierAlreadyUsed = Refusal & {
  readonly __typename?: 'IdentifierAlreadyUsed';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
  /** URI of the register. */
  readonly system: Scalars['String']['output'];
};

/** The record changed since it was read; `current` is what stands now. */
export type VersionConflict = Refusal & {
  readonly __typename?: 'VersionConflict';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
  /** The record as it stands now. */
  readonly current?: Maybe<Patient>;
};

/** No such account, or none that the caller may change. */
export type AccountNotFound = Refusal & {
  readonly __typename?: 'AccountNotFound';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** No such practitioner, or none of whom this can be done: of that city, of another one, with a grant that lasts. */
export type PractitionerNotFound = Refusal & {
  readonly __typename?: 'PractitionerNotFound';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** The city that has to decide cannot be reached now; nothing was done, or what was begun will be undone. */
export type CityUnavailable = Refusal & {
  readonly __typename?: 'CityUnavailable';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
  /** Code of the city. */
  readonly city: Scalars['String']['output'];
  /** How long to wait before another try, in seconds. */
  readonly retryAfterSeconds: Scalars['Int']['output'];
};

/** What a login comes to. */
export type LoginResult = Session | InvalidCredentials;

/** What a refresh comes to. */
export type RefreshSessionResult = Session | InvalidRefreshToken;

/** What signing up comes to. */
export type RegisterPatientResult = RegisterPatientSuccess | IdentifierAlreadyUsed | CityUnavailable;

/** What creating a patient comes to. */
export type CreatePatientResult = CreatePatientSuccess | IdentifierAlreadyUsed | CityUnavailable;

/** What changing a patient's record comes to. */
export type UpdatePatientResult = UpdatePatientSuccess | PatientNotFound | VersionConflict | IdentifierAlreadyUsed | CityUnavailable;

/** What erasing a patient comes to. */
export type DeletePatientResult = DeletePatientSuccess | PatientNotFound | VersionConflict | CityUnavailable;

/** What giving a role comes to. */
export type SetRoleResult = SetRoleSuccess | AccountNotFound | CityUnavailable;

/** What opening a record to a practitioner comes to. */
export type GrantAccessResult = GrantAccessSuccess | PatientNotFound | PractitionerNotFound | CityUnavailable;

/** What ending a grant comes to. */
export type RevokeAccessResult = RevokeAccessSuccess | PatientNotFound | PractitionerNotFound | CityUnavailable;

/** The session has ended; its tokens are worth nothing within a minute. */
export type LogoutSuccess = {
  readonly __typename?: 'LogoutSuccess';
  /** Login name of the account that was logged in. */
  readonly username: Scalars['String']['output'];
};

/** The patient exists now and can log in with this name. */
export type RegisterPatientSuccess = {
  readonly __typename?: 'RegisterPatientSuccess';
  /** The new login name. */
  readonly username: Scalars['String']['output'];
  /** A first session. */
  readonly session: Session;
};

/** The record exists now. */
export type CreatePatientSuccess = {
  readonly __typename?: 'CreatePatientSuccess';
  /** The new record. */
  readonly patient: Patient;
};

/** The record is changed. */
export type UpdatePatientSuccess = {
  readonly __typename?: 'UpdatePatientSuccess';
  /** The record as it stands now. */
  readonly patient: Patient;
};

/** The record is gone. */
export type DeletePatientSuccess = {
  readonly __typename?: 'DeletePatientSuccess';
  /** Id of the record that was. */
  readonly id: Scalars['ID']['output'];
};

/** The account has the role now; its earlier sessions have ended. */
export type SetRoleSuccess = {
  readonly __typename?: 'SetRoleSuccess';
  /** The new login name; the letter tells the role. */
  readonly username: Scalars['String']['output'];
  /** The role that it has now. */
  readonly role: Role;
};

/** The practitioner may read and change this patient until then. */
export type GrantAccessSuccess = {
  readonly __typename?: 'GrantAccessSuccess';
  /** Whose record is open. */
  readonly patientId: Scalars['ID']['output'];
  /** To whom. */
  readonly practitionerId: Scalars['ID']['output'];
  /** First instant at which it is closed again. */
  readonly until: Scalars['DateTime']['output'];
};

/** The grant has ended. */
export type RevokeAccessSuccess = {
  readonly __typename?: 'RevokeAccessSuccess';
  /** Whose record was open. */
  readonly patientId: Scalars['ID']['output'];
  /** To whom it was. */
  readonly practitionerId: Scalars['ID']['output'];
};

/** Name of a person. */
export type HumanNameInput = {
  /** 1–100 characters. */
  readonly family: Scalars['String']['input'];
  /** 1–10 names of 1–100 characters. */
  readonly given: ReadonlyArray<Scalars['String']['input']>;
};

/** A way to reach a person. */
export type ContactInput = {
  /** Kind of the contact point. */
  readonly system: ContactSystem;
  /** 1–200 characters. */
  readonly value: Scalars['String']['input'];
  /** `home`, `work`, `mobile` … */
  readonly use?: InputMaybe<Scalars['String']['input']>;
};

/** A postal address. */
export type AddressInput = {
  /** Street, number, floor; one entry a line. */
  readonly lines: ReadonlyArray<Scalars['String']['input']>;
  /** Name of the town. */
  readonly city?: InputMaybe<Scalars['String']['input']>;
  /** Province or state. */
  readonly state?: InputMaybe<Scalars['String']['input']>;
  /** Postal code. */
  readonly postalCode?: InputMaybe<Scalars['String']['input']>;
  /** Country, name or code. */
  readonly country?: InputMaybe<Scalars['String']['input']>;
};

/** An identifier given by some register. */
export type IdentifierInput = {
  /** URI of the register. `http://hl7.org/fhir/sid/ca-ramq` is checked for the form of a RAMQ number. */
  readonly system: Scalars['String']['input'];
  /** The identifier itself. */
  readonly value: Scalars['String']['input'];
  /** Code of its kind, HL7 v2-0203: `JHN` (health number), `MR`, `SS` … */
  readonly type?: InputMaybe<Scalars['String']['input']>;
};

/** An insurance plan that pays for a patient. */
export type CoverageInput = {
  /** Code of the plan, such as `RAMQ`. */
  readonly plan: Scalars['String']['input'];
  /** Who pays. */
  readonly payor: Scalars['String']['input'];
  /** Number of the insured. */
  readonly memberId?: InputMaybe<Scalars['String']['input']>;
};

/** What a person gives to sign up as a patient. */
export type RegisterPatientInput = {
  /** Code of the home city. */
  readonly city: Scalars['String']['input'];
  /** At least 12 characters, not spaces alone. */
  readonly password: Scalars['String']['input'];
  /** Name. */
  readonly name: HumanNameInput;
  /** Day of birth; not in the future. */
  readonly birthDate: Scalars['Date']['input'];
  /** Administrative gender. */
  readonly gender?: InputMaybe<AdministrativeGender>;
  /** Telephone numbers and e-mail addresses. */
  readonly contacts?: InputMaybe<ReadonlyArray<ContactInput>>;
  /** Postal addresses. */
  readonly addresses?: InputMaybe<ReadonlyArray<AddressInput>>;
  /** Identifiers given by registers; one that another patient has is refused. */
  readonly identifiers?: InputMaybe<ReadonlyArray<IdentifierInput>>;
  /** Insurance plans that pay for this patient. */
  readonly coverages?: InputMaybe<ReadonlyArray<CoverageInput>>;
};

/** A new patient of the caller's city. */
export type CreatePatientInput = {
  /** Name. */
  readonly name: HumanNameInput;
  /** Day of birth; not in the future. */
  readonly birthDate: Scalars['Date']['input'];
  /** Administrative gender. */
  readonly gender?: InputMaybe<AdministrativeGender>;
  /** Telephone numbers and e-mail addresses. */
  readonly contacts?: InputMaybe<ReadonlyArray<ContactInput>>;
  /** Postal addresses. */
  readonly addresses?: InputMaybe<ReadonlyArray<AddressInput>>;
  /** Identifiers given by registers; one that another patient has is refused. */
  readonly identifiers?: InputMaybe<ReadonlyArray<IdentifierInput>>;
  /** Insurance plans that pay for this patient. */
  readonly coverages?: InputMaybe<ReadonlyArray<CoverageInput>>;
};

/** What is left out stays as it is; a list that is given replaces the list. */
export type UpdatePatientInput = {
  /** The patient. */
  readonly id: Scalars['ID']['input'];
  /** The version that was read; another one now: `VersionConflict`. */
  readonly expectedVersion: Scalars['Int']['input'];
  /** Name. */
  readonly name?: InputMaybe<HumanNameInput>;
  /** Day of birth; not in the future. */
  readonly birthDate?: InputMaybe<Scalars['Date']['input']>;
  /** Administrative gender. */
  readonly gender?: InputMaybe<AdministrativeGender>;
  /** Telephone numbers and e-mail addresses. */
  readonly contacts?: InputMaybe<ReadonlyArray<ContactInput>>;
  /** Postal addresses. */
  readonly addresses?: InputMaybe<ReadonlyArray<AddressInput>>;
  /** Identifiers given by registers; one that another patient has is refused. */
  readonly identifiers?: InputMaybe<ReadonlyArray<IdentifierInput>>;
  /** Insurance plans that pay for this patient. */
  readonly coverages?: InputMaybe<ReadonlyArray<CoverageInput>>;
};

/** All that is given must hold. */
export type PatientFilter = {
  /** Beginning of any word of the name; accents and case do not matter. Leave it out for any; empty: `BAD_USER_INPUT`. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
  /** Day of birth. */
  readonly birthDate?: InputMaybe<Scalars['Date']['input']>;
  /** Value of an identifier, whole. Leave it out for any; empty: `BAD_USER_INPUT`. */
  readonly identifier?: InputMaybe<Scalars['String']['input']>;
  /** Code of the home city. */
  readonly city?: InputMaybe<Scalars['String']['input']>;
};

/** All that is given must hold. */
export type PractitionerFilter = {
  /** Beginning of any word of the name; accents and case do not matter. Leave it out for any; empty: `BAD_USER_INPUT`. */
  readonly name?: InputMaybe<Scalars['String']['input']>;
  /** Code of the city they work in. */
  readonly city?: InputMaybe<Scalars['String']['input']>;
  /** Appointment type. */
  readonly specialty?: InputMaybe<Scalars['String']['input']>;
};

/** A patient in a list. */
export type PatientEdge = {
  readonly __typename?: 'PatientEdge';
  /** Give it as `after` to continue behind this edge. */
  readonly cursor: Scalars['String']['output'];
  /** The patient. */
  readonly node: Patient;
};

/** A page of patients. */
export type PatientConnection = {
  readonly __typename?: 'PatientConnection';
  /** The entries with their cursors, in order. */
  readonly edges: ReadonlyArray<PatientEdge>;
  /** The entries alone, in order. */
  readonly nodes: ReadonlyArray<Patient>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
  /** What each city gave. */
  readonly cityStates: ReadonlyArray<CityState>;
};

/** A practitioner in a list. */
export type PractitionerEdge = {
  readonly __typename?: 'PractitionerEdge';
  /** Give it as `after` to continue behind this edge. */
  readonly cursor: Scalars['String']['output'];
  /** The practitioner. */
  readonly node: Practitioner;
};

/** A page of practitioners. */
export type PractitionerConnection = {
  readonly __typename?: 'PractitionerConnection';
  /** The entries with their cursors, in order. */
  readonly edges: ReadonlyArray<PractitionerEdge>;
  /** The entries alone, in order. */
  readonly nodes: ReadonlyArray<Practitioner>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
  /** What each city gave. */
  readonly cityStates: ReadonlyArray<CityState>;
};

export type Query = {
  readonly __typename?: 'Query';
  /** Any entity by its id; what the caller may not see is `NOT_FOUND`. */
  readonly node?: Maybe<Node>;
  /** The caller's own account; null without a login. */
  readonly me?: Maybe<Account>;
  /** One patient; what the caller may not see is `NOT_FOUND`. */
  readonly patient?: Maybe<Patient>;
  /** Patients that the caller may see, by family name. */
  readonly patients?: Maybe<PatientConnection>;
  /** Practitioners of the network, by family name. */
  readonly practitioners?: Maybe<PractitionerConnection>;
  /** One practitioner. */
  readonly practitioner?: Maybe<Practitioner>;
  /** Sessions that were ended before their tokens; for the gateway alone. */
  readonly revokedSessions?: Maybe<ReadonlyArray<Scalars['String']['output']>>;
};


export type QueryNodeArgs = {
  id: Scalars['ID']['input'];
};


export type QueryPatientArgs = {
  id: Scalars['ID']['input'];
};


export type QueryPatientsArgs = {
  filter?: InputMaybe<PatientFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


export type QueryPractitionersArgs = {
  filter?: InputMaybe<PractitionerFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


export type QueryPractitionerArgs = {
  id: Scalars['ID']['input'];
};

export type Mutation = {
  readonly __typename?: 'Mutation';
  /** Begins a session. One answer for an unknown name, a wrong password and too many tries. */
  readonly login?: Maybe<LoginResult>;
  /** Changes a refresh token for a new pair. A token used twice ends all sessions that came from it. */
  readonly refreshSession?: Maybe<RefreshSessionResult>;
  /** Ends the caller's session. */
  readonly logout?: Maybe<LogoutSuccess>;
  /** Signs a patient up: record, account and session. */
  readonly registerPatient?: Maybe<RegisterPatientResult>;
  /** Gives an account of the admin's city another role. */
  readonly setRole?: Maybe<SetRoleResult>;
  /** Opens a patient's record to a practitioner of another city, for some days (1–365). By the patient or an admin of the home city. One of the patient's own city may read the record without: `PractitionerNotFound`. */
  readonly grantAccess?: Maybe<GrantAccessResult>;
  /** Ends such a grant; where there is none (any more): `PractitionerNotFound`. */
  readonly revokeAccess?: Maybe<RevokeAccessResult>;
  /** Creates a patient in the caller's city; by admins and practitioners. */
  readonly createPatient?: Maybe<CreatePatientResult>;
  /** Changes a patient's record. What is given as it stands already changes nothing and keeps the version. */
  readonly updatePatient?: Maybe<UpdatePatientResult>;
  /** Erases a patient's record; by an admin of the home city. */
  readonly deletePatient?: Maybe<DeletePatientResult>;
};


export type MutationLoginArgs = {
  username: Scalars['String']['input'];
  password: Scalars['String']['input'];
};


export type MutationRefreshSessionArgs = {
  refreshToken: Scalars['String']['input'];
};


export type MutationRegisterPatientArgs = {
  input: RegisterPatientInput;
};


export type MutationSetRoleArgs = {
  username: Scalars['String']['input'];
  role: Role;
};


export type MutationGrantAccessArgs = {
  patientId: Scalars['ID']['input'];
  practitionerId: Scalars['ID']['input'];
  days: Scalars['Int']['input'];
};


export type MutationRevokeAccessArgs = {
  patientId: Scalars['ID']['input'];
  practitionerId: Scalars['ID']['input'];
};


export type MutationCreatePatientArgs = {
  input: CreatePatientInput;
};


export type MutationUpdatePatientArgs = {
  input: UpdatePatientInput;
};


export type MutationDeletePatientArgs = {
  id: Scalars['ID']['input'];
  expectedVersion?: InputMaybe<Scalars['Int']['input']>;
};



export type ResolverTypeWrapper<T> = Promise<T> | T;

export type ReferenceResolver<TResult, TReference, TContext> = (
      reference: TReference,
      context: TContext,
      info: GraphQLResolveInfo
    ) => Promise<TResult> | TResult;

      type ScalarCheck<T, S> = S extends true ? T : NullableCheck<T, S>;
      type NullableCheck<T, S> = Maybe<T> extends T ? Maybe<ListCheck<NonNullable<T>, S>> : ListCheck<T, S>;
      type ListCheck<T, S> = T extends (infer U)[] ? NullableCheck<U, S>[] : GraphQLRecursivePick<T, S>;
      export type GraphQLRecursivePick<T, S> = { [K in keyof T & keyof S]: ScalarCheck<T[K], S[K]> };
    

export type ResolverWithResolve<TResult, TParent, TContext, TArgs> = {
  resolve: ResolverFn<TResult, TParent, TContext, TArgs>;
};
export type Resolver<TResult, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = ResolverFn<TResult, TParent, TContext, TArgs> | ResolverWithResolve<TResult, TParent, TContext, TArgs>;

export type ResolverFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => Promise<TResult> | TResult;

export type SubscriptionSubscribeFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => AsyncIterable<TResult> | Promise<AsyncIterable<TResult>>;

export type SubscriptionResolveFn<TResult, TParent, TContext, TArgs> = (
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;

export interface SubscriptionSubscriberObject<TResult, TKey extends string, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<{ [key in TKey]: TResult }, TParent, TContext, TArgs>;
  resolve?: SubscriptionResolveFn<TResult, { [key in TKey]: TResult }, TContext, TArgs>;
}

export interface SubscriptionResolverObject<TResult, TParent, TContext, TArgs> {
  subscribe: SubscriptionSubscribeFn<any, TParent, TContext, TArgs>;
  resolve: SubscriptionResolveFn<TResult, any, TContext, TArgs>;
}

export type SubscriptionObject<TResult, TKey extends string, TParent, TContext, TArgs> =
  | SubscriptionSubscriberObject<TResult, TKey, TParent, TContext, TArgs>
  | SubscriptionResolverObject<TResult, TParent, TContext, TArgs>;

export type SubscriptionResolver<TResult, TKey extends string, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> =
  | ((...args: any[]) => SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>)
  | SubscriptionObject<TResult, TKey, TParent, TContext, TArgs>;

export type TypeResolveFn<TTypes, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (
  parent: TParent,
  context: TContext,
  info: GraphQLResolveInfo
) => Maybe<TTypes> | Promise<Maybe<TTypes>>;

export type IsTypeOfResolverFn<T = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>> = (obj: T, context: TContext, info: GraphQLResolveInfo) => boolean | Promise<boolean>;

export type NextResolverFn<T> = () => Promise<T>;

export type DirectiveResolverFn<TResult = Record<PropertyKey, never>, TParent = Record<PropertyKey, never>, TContext = Record<PropertyKey, never>, TArgs = Record<PropertyKey, never>> = (
  next: NextResolverFn<TResult>,
  parent: TParent,
  args: TArgs,
  context: TContext,
  info: GraphQLResolveInfo
) => TResult | Promise<TResult>;

/** Mapping of federation types */
export type FederationTypes = {
  City: City;
  Coverage: Coverage;
  Patient: Patient;
  Practitioner: Practitioner;
};

/** Mapping of federation reference types */
export type FederationReferenceTypes = {
  City:
    ( { __typename: 'City' }
    & GraphQLRecursivePick<FederationTypes['City'], {"code":true}> );
  Coverage:
    ( { __typename: 'Coverage' }
    & GraphQLRecursivePick<FederationTypes['Coverage'], {"id":true}> );
  Patient:
    ( { __typename: 'Patient' }
    & GraphQLRecursivePick<FederationTypes['Patient'], {"id":true}> );
  Practitioner:
    ( { __typename: 'Practitioner' }
    & GraphQLRecursivePick<FederationTypes['Practitioner'], {"id":true}> );
};

/** Mapping of union types */
export type ResolversUnionTypes<_RefType extends Record<string, unknown>> = {
  LoginResult:
    | ( Omit<Session, 'account'> & { account: _RefType['Account'] } )
    | ( InvalidCredentials )
  ;
  RefreshSessionResult:
    | ( Omit<Session, 'account'> & { account: _RefType['Account'] } )
    | ( InvalidRefreshToken )
  ;
  RegisterPatientResult:
    | ( Omit<RegisterPatientSuccess, 'session'> & { session: _RefType['Session'] } )
    | ( IdentifierAlreadyUsed )
    | ( CityUnavailable )
  ;
  CreatePatientResult:
    | ( Omit<CreatePatientSuccess, 'patient'> & { patient: _RefType['Patient'] } )
    | ( IdentifierAlreadyUsed )
    | ( CityUnavailable )
  ;
  UpdatePatientResult:
    | ( Omit<UpdatePatientSuccess, 'patient'> & { patient: _RefType['Patient'] } )
    | ( PatientNotFound )
    | ( Omit<VersionConflict, 'current'> & { current?: Maybe<_RefType['Patient']> } )
    | ( IdentifierAlreadyUsed )
    | ( CityUnavailable )
  ;
  DeletePatientResult:
    | ( DeletePatientSuccess )
    | ( PatientNotFound )
    | ( Omit<VersionConflict, 'current'> & { current?: Maybe<_RefType['Patient']> } )
    | ( CityUnavailable )
  ;
  SetRoleResult:
    | ( SetRoleSuccess )
    | ( AccountNotFound )
    | ( CityUnavailable )
  ;
  GrantAccessResult:
    | ( GrantAccessSuccess )
    | ( PatientNotFound )
    | ( PractitionerNotFound )
    | ( CityUnavailable )
  ;
  RevokeAccessResult:
    | ( RevokeAccessSuccess )
    | ( PatientNotFound )
    | ( PractitionerNotFound )
    | ( CityUnavailable )
  ;
};

/** Mapping of interface types */
export type ResolversInterfaceTypes<_RefType extends Record<string, unknown>> = {
  Node:
    | ( CoverageRecord )
    | ( SeenPatient )
    | ( PractitionerRecord )
    | ( Slot )
    | ( Appointment )
    | ( AuditEvent )
    | ( MedicalFile )
  ;
  Refusal:
    | ( InvalidCredentials )
    | ( InvalidRefreshToken )
    | ( PatientNotFound )
    | ( IdentifierAlreadyUsed )
    | ( Omit<VersionConflict, 'current'> & { current?: Maybe<_RefType['Patient']> } )
    | ( AccountNotFound )
    | ( PractitionerNotFound )
    | ( CityUnavailable )
  ;
};

/** Mapping between all available schema types and the resolvers types */
export type ResolversTypes = {
  DateTime: ResolverTypeWrapper<Scalars['DateTime']['output']>;
  Date: ResolverTypeWrapper<Scalars['Date']['output']>;
  Node: ResolverTypeWrapper<NodeView>;
  ID: ResolverTypeWrapper<Scalars['ID']['output']>;
  Refusal: ResolverTypeWrapper<ResolversInterfaceTypes<ResolversTypes>['Refusal']>;
  String: ResolverTypeWrapper<Scalars['String']['output']>;
  PageInfo: ResolverTypeWrapper<PageInfo>;
  Boolean: ResolverTypeWrapper<Scalars['Boolean']['output']>;
  CityStateKind: CityStateKind;
  CityState: ResolverTypeWrapper<CityState>;
  City: ResolverTypeWrapper<CityView>;
  Role: Role;
  AdministrativeGender: AdministrativeGender;
  ContactSystem: ContactSystem;
  HumanName: ResolverTypeWrapper<HumanName>;
  Contact: ResolverTypeWrapper<Contact>;
  Address: ResolverTypeWrapper<Address>;
  Identifier: ResolverTypeWrapper<Identifier>;
  Coverage: ResolverTypeWrapper<CoverageRecord>;
  Patient: ResolverTypeWrapper<SeenPatient>;
  Int: ResolverTypeWrapper<Scalars['Int']['output']>;
  Practitioner: ResolverTypeWrapper<PractitionerRecord>;
  Slot: ResolverTypeWrapper<Slot>;
  Appointment: ResolverTypeWrapper<Appointment>;
  AuditEvent: ResolverTypeWrapper<AuditEvent>;
  MedicalFile: ResolverTypeWrapper<MedicalFile>;
  Account: ResolverTypeWrapper<AccountRecord>;
  Session: ResolverTypeWrapper<Omit<Session, 'account'> & { account: ResolversTypes['Account'] }>;
  InvalidCredentials: ResolverTypeWrapper<InvalidCredentials>;
  InvalidRefreshToken: ResolverTypeWrapper<InvalidRefreshToken>;
  PatientNotFound: ResolverTypeWrapper<PatientNotFound>;
  IdentifierAlreadyUsed: ResolverTypeWrapper<IdentifierAlreadyUsed>;
  VersionConflict: ResolverTypeWrapper<Omit<VersionConflict, 'current'> & { current?: Maybe<ResolversTypes['Patient']> }>;
  AccountNotFound: ResolverTypeWrapper<AccountNotFound>;
  PractitionerNotFound: ResolverTypeWrapper<PractitionerNotFound>;
  CityUnavailable: ResolverTypeWrapper<CityUnavailable>;
  LoginResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['LoginResult']>;
  RefreshSessionResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['RefreshSessionResult']>;
  RegisterPatientResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['RegisterPatientResult']>;
  CreatePatientResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['CreatePatientResult']>;
  UpdatePatientResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['UpdatePatientResult']>;
  DeletePatientResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['DeletePatientResult']>;
  SetRoleResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['SetRoleResult']>;
  GrantAccessResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['GrantAccessResult']>;
  RevokeAccessResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['RevokeAccessResult']>;
  LogoutSuccess: ResolverTypeWrapper<LogoutSuccess>;
  RegisterPatientSuccess: ResolverTypeWrapper<Omit<RegisterPatientSuccess, 'session'> & { session: ResolversTypes['Session'] }>;
  CreatePatientSuccess: ResolverTypeWrapper<Omit<CreatePatientSuccess, 'patient'> & { patient: ResolversTypes['Patient'] }>;
  UpdatePatientSuccess: ResolverTypeWrapper<Omit<UpdatePatientSuccess, 'patient'> & { patient: ResolversTypes['Patient'] }>;
  DeletePatientSuccess: ResolverTypeWrapper<DeletePatientSuccess>;
  SetRoleSuccess: ResolverTypeWrapper<SetRoleSuccess>;
  GrantAccessSuccess: ResolverTypeWrapper<GrantAccessSuccess>;
  RevokeAccessSuccess: ResolverTypeWrapper<RevokeAccessSuccess>;
  HumanNameInput: HumanNameInput;
  ContactInput: ContactInput;
  AddressInput: AddressInput;
  IdentifierInput: IdentifierInput;
  CoverageInput: CoverageInput;
  RegisterPatientInput: RegisterPatientInput;
  CreatePatientInput: CreatePatientInput;
  UpdatePatientInput: UpdatePatientInput;
  PatientFilter: PatientFilter;
  PractitionerFilter: PractitionerFilter;
  PatientEdge: ResolverTypeWrapper<Omit<PatientEdge, 'node'> & { node: ResolversTypes['Patient'] }>;
  PatientConnection: ResolverTypeWrapper<Omit<PatientConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversTypes['PatientEdge']>, nodes: ReadonlyArray<ResolversTypes['Patient']> }>;
  PractitionerEdge: ResolverTypeWrapper<Omit<PractitionerEdge, 'node'> & { node: ResolversTypes['Practitioner'] }>;
  PractitionerConnection: ResolverTypeWrapper<Omit<PractitionerConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversTypes['PractitionerEdge']>, nodes: ReadonlyArray<ResolversTypes['Practitioner']> }>;
  Query: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Mutation: ResolverTypeWrapper<Record<PropertyKey, never>>;
};

/** Mapping between all available schema types and the resolvers parents */
export type ResolversParentTypes = {
  DateTime: Scalars['DateTime']['output'];
  Date: Scalars['Date']['output'];
  Node: NodeView;
  ID: Scalars['ID']['output'];
  Refusal: ResolversInterfaceTypes<ResolversParentTypes>['Refusal'];
  String: Scalars['String']['output'];
  PageInfo: PageInfo;
  Boolean: Scalars['Boolean']['output'];
  CityState: CityState;
  City: CityView;
  HumanName: HumanName;
  Contact: Contact;
  Address: Address;
  Identifier: Identifier;
  Coverage: CoverageRecord;
  Patient: SeenPatient;
  Int: Scalars['Int']['output'];
  Practitioner: PractitionerRecord;
  Slot: Slot;
  Appointment: Appointment;
  AuditEvent: AuditEvent;
  MedicalFile: MedicalFile;
  Account: AccountRecord;
  Session: Omit<Session, 'account'> & { account: ResolversParentTypes['Account'] };
  InvalidCredentials: InvalidCredentials;
  InvalidRefreshToken: InvalidRefreshToken;
  PatientNotFound: PatientNotFound;
  IdentifierAlreadyUsed: IdentifierAlreadyUsed;
  VersionConflict: Omit<VersionConflict, 'current'> & { current?: Maybe<ResolversParentTypes['Patient']> };
  AccountNotFound: AccountNotFound;
  PractitionerNotFound: PractitionerNotFound;
  CityUnavailable: CityUnavailable;
  LoginResult: ResolversUnionTypes<ResolversParentTypes>['LoginResult'];
  RefreshSessionResult: ResolversUnionTypes<ResolversParentTypes>['RefreshSessionResult'];
  RegisterPatientResult: ResolversUnionTypes<ResolversParentTypes>['RegisterPatientResult'];
  CreatePatientResult: ResolversUnionTypes<ResolversParentTypes>['CreatePatientResult'];
  UpdatePatientResult: ResolversUnionTypes<ResolversParentTypes>['UpdatePatientResult'];
  DeletePatientResult: ResolversUnionTypes<ResolversParentTypes>['DeletePatientResult'];
  SetRoleResult: ResolversUnionTypes<ResolversParentTypes>['SetRoleResult'];
  GrantAccessResult: ResolversUnionTypes<ResolversParentTypes>['GrantAccessResult'];
  RevokeAccessResult: ResolversUnionTypes<ResolversParentTypes>['RevokeAccessResult'];
  LogoutSuccess: LogoutSuccess;
  RegisterPatientSuccess: Omit<RegisterPatientSuccess, 'session'> & { session: ResolversParentTypes['Session'] };
  CreatePatientSuccess: Omit<CreatePatientSuccess, 'patient'> & { patient: ResolversParentTypes['Patient'] };
  UpdatePatientSuccess: Omit<UpdatePatientSuccess, 'patient'> & { patient: ResolversParentTypes['Patient'] };
  DeletePatientSuccess: DeletePatientSuccess;
  SetRoleSuccess: SetRoleSuccess;
  GrantAccessSuccess: GrantAccessSuccess;
  RevokeAccessSuccess: RevokeAccessSuccess;
  HumanNameInput: HumanNameInput;
  ContactInput: ContactInput;
  AddressInput: AddressInput;
  IdentifierInput: IdentifierInput;
  CoverageInput: CoverageInput;
  RegisterPatientInput: RegisterPatientInput;
  CreatePatientInput: CreatePatientInput;
  UpdatePatientInput: UpdatePatientInput;
  PatientFilter: PatientFilter;
  PractitionerFilter: PractitionerFilter;
  PatientEdge: Omit<PatientEdge, 'node'> & { node: ResolversParentTypes['Patient'] };
  PatientConnection: Omit<PatientConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversParentTypes['PatientEdge']>, nodes: ReadonlyArray<ResolversParentTypes['Patient']> };
  PractitionerEdge: Omit<PractitionerEdge, 'node'> & { node: ResolversParentTypes['Practitioner'] };
  PractitionerConnection: Omit<PractitionerConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversParentTypes['PractitionerEdge']>, nodes: ReadonlyArray<ResolversParentTypes['Practitioner']> };
  Query: Record<PropertyKey, never>;
  Mutation: Record<PropertyKey, never>;
};

export interface DateTimeScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['DateTime'], any> {
  name: 'DateTime';
}

export interface DateScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['Date'], any> {
  name: 'Date';
}

export type NodeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Node'] = ResolversParentTypes['Node']> = {
  __resolveType: TypeResolveFn<'Coverage' | 'Patient' | 'Practitioner' | 'Slot' | 'Appointment' | 'AuditEvent' | 'MedicalFile', ParentType, ContextType>;
};

export type RefusalResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Refusal'] = ResolversParentTypes['Refusal']> = {
  __resolveType: TypeResolveFn<'InvalidCredentials' | 'InvalidRefreshToken' | 'PatientNotFound' | 'IdentifierAlreadyUsed' | 'VersionConflict' | 'AccountNotFound' | 'PractitionerNotFound' | 'CityUnavailable', ParentType, ContextType>;
};

export type PageInfoResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PageInfo'] = ResolversParentTypes['PageInfo']> = {
  hasNextPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  hasPreviousPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  startCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  endCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type CityStateResolvers<ContextType = Context, ParentType extends ResolversParentTypes['CityState'] = ResolversParentTypes['CityState']> = {
  city?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  state?: Resolver<ResolversTypes['CityStateKind'], ParentType, ContextType>;
  asOf?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
};

export type CityResolvers<ContextType = Context, ParentType extends ResolversParentTypes['City'] = ResolversParentTypes['City'], FederationReferenceType extends FederationReferenceTypes['City'] = FederationReferenceTypes['City']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['City']> | FederationReferenceType, FederationReferenceType, ContextType>;
  code?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  name?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  timeZone?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type HumanNameResolvers<ContextType = Context, ParentType extends ResolversParentTypes['HumanName'] = ResolversParentTypes['HumanName']> = {
  text?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  family?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  given?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
};

export type ContactResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Contact'] = ResolversParentTypes['Contact']> = {
  system?: Resolver<ResolversTypes['ContactSystem'], ParentType, ContextType>;
  value?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  use?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type AddressResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Address'] = ResolversParentTypes['Address']> = {
  lines?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
  city?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  state?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  postalCode?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  country?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type IdentifierResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Identifier'] = ResolversParentTypes['Identifier']> = {
  system?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  value?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  type?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type CoverageResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Coverage'] = ResolversParentTypes['Coverage'], FederationReferenceType extends FederationReferenceTypes['Coverage'] = FederationReferenceTypes['Coverage']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Coverage']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  plan?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  payor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  memberId?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  status?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PatientResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Patient'] = ResolversParentTypes['Patient'], FederationReferenceType extends FederationReferenceTypes['Patient'] = FederationReferenceTypes['Patient']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Patient']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  city?: Resolver<Maybe<ResolversTypes['City']>, ParentType, ContextType>;
  name?: Resolver<Maybe<ResolversTypes['HumanName']>, ParentType, ContextType>;
  birthDate?: Resolver<Maybe<ResolversTypes['Date']>, ParentType, ContextType>;
  gender?: Resolver<Maybe<ResolversTypes['AdministrativeGender']>, ParentType, ContextType>;
  contacts?: Resolver<Maybe<ReadonlyArray<ResolversTypes['Contact']>>, ParentType, ContextType>;
  addresses?: Resolver<Maybe<ReadonlyArray<ResolversTypes['Address']>>, ParentType, ContextType>;
  identifiers?: Resolver<Maybe<ReadonlyArray<ResolversTypes['Identifier']>>, ParentType, ContextType>;
  coverages?: Resolver<Maybe<ReadonlyArray<ResolversTypes['Coverage']>>, ParentType, ContextType>;
  version?: Resolver<Maybe<ResolversTypes['Int']>, ParentType, ContextType>;
  asOf?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PractitionerResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Practitioner'] = ResolversParentTypes['Practitioner'], FederationReferenceType extends FederationReferenceTypes['Practitioner'] = FederationReferenceTypes['Practitioner']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Practitioner']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  city?: Resolver<Maybe<ResolversTypes['City']>, ParentType, ContextType>;
  name?: Resolver<Maybe<ResolversTypes['HumanName']>, ParentType, ContextType>;
  specialties?: Resolver<Maybe<ReadonlyArray<ResolversTypes['String']>>, ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type SlotResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Slot'] = ResolversParentTypes['Slot']> = {
  nodeId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type AppointmentResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Appointment'] = ResolversParentTypes['Appointment']> = {
  nodeId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type AuditEventResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditEvent'] = ResolversParentTypes['AuditEvent']> = {
  nodeId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type MedicalFileResolvers<ContextType = Context, ParentType extends ResolversParentTypes['MedicalFile'] = ResolversParentTypes['MedicalFile']> = {
  nodeId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type AccountResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Account'] = ResolversParentTypes['Account']> = {
  username?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  role?: Resolver<ResolversTypes['Role'], ParentType, ContextType>;
  city?: Resolver<ResolversTypes['City'], ParentType, ContextType>;
  patient?: Resolver<Maybe<ResolversTypes['Patient']>, ParentType, ContextType>;
  practitioner?: Resolver<Maybe<ResolversTypes['Practitioner']>, ParentType, ContextType>;
};

export type SessionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Session'] = ResolversParentTypes['Session']> = {
  token?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  refreshToken?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  expiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  account?: Resolver<ResolversTypes['Account'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type InvalidCredentialsResolvers<ContextType = Context, ParentType extends ResolversParentTypes['InvalidCredentials'] = ResolversParentTypes['InvalidCredentials']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type InvalidRefreshTokenResolvers<ContextType = Context, ParentType extends ResolversParentTypes['InvalidRefreshToken'] = ResolversParentTypes['InvalidRefreshToken']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PatientNotFoundResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PatientNotFound'] = ResolversParentTypes['PatientNotFound']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type IdentifierAlreadyUsedResolvers<ContextType = Context, ParentType extends ResolversParentTypes['IdentifierAlreadyUsed'] = ResolversParentTypes['IdentifierAlreadyUsed']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  system?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type VersionConflictResolvers<ContextType = Context, ParentType extends ResolversParentTypes['VersionConflict'] = ResolversParentTypes['VersionConflict']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  current?: Resolver<Maybe<ResolversTypes['Patient']>, ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type AccountNotFoundResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AccountNotFound'] = ResolversParentTypes['AccountNotFound']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PractitionerNotFoundResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PractitionerNotFound'] = ResolversParentTypes['PractitionerNotFound']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CityUnavailableResolvers<ContextType = Context, ParentType extends ResolversParentTypes['CityUnavailable'] = ResolversParentTypes['CityUnavailable']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  city?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  retryAfterSeconds?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type LoginResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['LoginResult'] = ResolversParentTypes['LoginResult']> = {
  __resolveType: TypeResolveFn<'Session' | 'InvalidCredentials', ParentType, ContextType>;
};

export type RefreshSessionResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['RefreshSessionResult'] = ResolversParentTypes['RefreshSessionResult']> = {
  __resolveType: TypeResolveFn<'Session' | 'InvalidRefreshToken', ParentType, ContextType>;
};

export type RegisterPatientResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['RegisterPatientResult'] = ResolversParentTypes['RegisterPatientResult']> = {
  __resolveType: TypeResolveFn<'RegisterPatientSuccess' | 'IdentifierAlreadyUsed' | 'CityUnavailable', ParentType, ContextType>;
};

export type CreatePatientResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['CreatePatientResult'] = ResolversParentTypes['CreatePatientResult']> = {
  __resolveType: TypeResolveFn<'CreatePatientSuccess' | 'IdentifierAlreadyUsed' | 'CityUnavailable', ParentType, ContextType>;
};

export type UpdatePatientResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['UpdatePatientResult'] = ResolversParentTypes['UpdatePatientResult']> = {
  __resolveType: TypeResolveFn<'UpdatePatientSuccess' | 'PatientNotFound' | 'VersionConflict' | 'IdentifierAlreadyUsed' | 'CityUnavailable', ParentType, ContextType>;
};

export type DeletePatientResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['DeletePatientResult'] = ResolversParentTypes['DeletePatientResult']> = {
  __resolveType: TypeResolveFn<'DeletePatientSuccess' | 'PatientNotFound' | 'VersionConflict' | 'CityUnavailable', ParentType, ContextType>;
};

export type SetRoleResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['SetRoleResult'] = ResolversParentTypes['SetRoleResult']> = {
  __resolveType: TypeResolveFn<'SetRoleSuccess' | 'AccountNotFound' | 'CityUnavailable', ParentType, ContextType>;
};

export type GrantAccessResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['GrantAccessResult'] = ResolversParentTypes['GrantAccessResult']> = {
  __resolveType: TypeResolveFn<'GrantAccessSuccess' | 'PatientNotFound' | 'PractitionerNotFound' | 'CityUnavailable', ParentType, ContextType>;
};

export type RevokeAccessResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['RevokeAccessResult'] = ResolversParentTypes['RevokeAccessResult']> = {
  __resolveType: TypeResolveFn<'RevokeAccessSuccess' | 'PatientNotFound' | 'PractitionerNotFound' | 'CityUnavailable', ParentType, ContextType>;
};

export type LogoutSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['LogoutSuccess'] = ResolversParentTypes['LogoutSuccess']> = {
  username?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type RegisterPatientSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['RegisterPatientSuccess'] = ResolversParentTypes['RegisterPatientSuccess']> = {
  username?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  session?: Resolver<ResolversTypes['Session'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CreatePatientSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['CreatePatientSuccess'] = ResolversParentTypes['CreatePatientSuccess']> = {
  patient?: Resolver<ResolversTypes['Patient'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type UpdatePatientSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['UpdatePatientSuccess'] = ResolversParentTypes['UpdatePatientSuccess']> = {
  patient?: Resolver<ResolversTypes['Patient'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type DeletePatientSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['DeletePatientSuccess'] = ResolversParentTypes['DeletePatientSuccess']> = {
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type SetRoleSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['SetRoleSuccess'] = ResolversParentTypes['SetRoleSuccess']> = {
  username?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  role?: Resolver<ResolversTypes['Role'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type GrantAccessSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['GrantAccessSuccess'] = ResolversParentTypes['GrantAccessSuccess']> = {
  patientId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  practitionerId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  until?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type RevokeAccessSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['RevokeAccessSuccess'] = ResolversParentTypes['RevokeAccessSuccess']> = {
  patientId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  practitionerId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PatientEdgeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PatientEdge'] = ResolversParentTypes['PatientEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['Patient'], ParentType, ContextType>;
};

export type PatientConnectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PatientConnection'] = ResolversParentTypes['PatientConnection']> = {
  edges?: Resolver<ReadonlyArray<ResolversTypes['PatientEdge']>, ParentType, ContextType>;
  nodes?: Resolver<ReadonlyArray<ResolversTypes['Patient']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
  cityStates?: Resolver<ReadonlyArray<ResolversTypes['CityState']>, ParentType, ContextType>;
};

export type PractitionerEdgeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PractitionerEdge'] = ResolversParentTypes['PractitionerEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['Practitioner'], ParentType, ContextType>;
};

export type PractitionerConnectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PractitionerConnection'] = ResolversParentTypes['PractitionerConnection']> = {
  edges?: Resolver<ReadonlyArray<ResolversTypes['PractitionerEdge']>, ParentType, ContextType>;
  nodes?: Resolver<ReadonlyArray<ResolversTypes['Practitioner']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
  cityStates?: Resolver<ReadonlyArray<ResolversTypes['CityState']>, ParentType, ContextType>;
};

export type QueryResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Query'] = ResolversParentTypes['Query']> = {
  node?: Resolver<Maybe<ResolversTypes['Node']>, ParentType, ContextType, RequireFields<QueryNodeArgs, 'id'>>;
  me?: Resolver<Maybe<ResolversTypes['Account']>, ParentType, ContextType>;
  patient?: Resolver<Maybe<ResolversTypes['Patient']>, ParentType, ContextType, RequireFields<QueryPatientArgs, 'id'>>;
  patients?: Resolver<Maybe<ResolversTypes['PatientConnection']>, ParentType, ContextType, RequireFields<QueryPatientsArgs, 'first'>>;
  practitioners?: Resolver<Maybe<ResolversTypes['PractitionerConnection']>, ParentType, ContextType, RequireFields<QueryPractitionersArgs, 'first'>>;
  practitioner?: Resolver<Maybe<ResolversTypes['Practitioner']>, ParentType, ContextType, RequireFields<QueryPractitionerArgs, 'id'>>;
  revokedSessions?: Resolver<Maybe<ReadonlyArray<ResolversTypes['String']>>, ParentType, ContextType>;
};

export type MutationResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Mutation'] = ResolversParentTypes['Mutation']> = {
  login?: Resolver<Maybe<ResolversTypes['LoginResult']>, ParentType, ContextType, RequireFields<MutationLoginArgs, 'username' | 'password'>>;
  refreshSession?: Resolver<Maybe<ResolversTypes['RefreshSessionResult']>, ParentType, ContextType, RequireFields<MutationRefreshSessionArgs, 'refreshToken'>>;
  logout?: Resolver<Maybe<ResolversTypes['LogoutSuccess']>, ParentType, ContextType>;
  registerPatient?: Resolver<Maybe<ResolversTypes['RegisterPatientResult']>, ParentType, ContextType, RequireFields<MutationRegisterPatientArgs, 'input'>>;
  setRole?: Resolver<Maybe<ResolversTypes['SetRoleResult']>, ParentType, ContextType, RequireFields<MutationSetRoleArgs, 'username' | 'role'>>;
  grantAccess?: Resolver<Maybe<ResolversTypes['GrantAccessResult']>, ParentType, ContextType, RequireFields<MutationGrantAccessArgs, 'patientId' | 'practitionerId' | 'days'>>;
  revokeAccess?: Resolver<Maybe<ResolversTypes['RevokeAccessResult']>, ParentType, ContextType, RequireFields<MutationRevokeAccessArgs, 'patientId' | 'practitionerId'>>;
  createPatient?: Resolver<Maybe<ResolversTypes['CreatePatientResult']>, ParentType, ContextType, RequireFields<MutationCreatePatientArgs, 'input'>>;
  updatePatient?: Resolver<Maybe<ResolversTypes['UpdatePatientResult']>, ParentType, ContextType, RequireFields<MutationUpdatePatientArgs, 'input'>>;
  deletePatient?: Resolver<Maybe<ResolversTypes['DeletePatientResult']>, ParentType, ContextType, RequireFields<MutationDeletePatientArgs, 'id'>>;
};

export type Resolvers<ContextType = Context> = {
  DateTime?: GraphQLScalarType;
  Date?: GraphQLScalarType;
  Node?: NodeResolvers<ContextType>;
  Refusal?: RefusalResolvers<ContextType>;
  PageInfo?: PageInfoResolvers<ContextType>;
  CityState?: CityStateResolvers<ContextType>;
  City?: CityResolvers<ContextType>;
  HumanName?: HumanNameResolvers<ContextType>;
  Contact?: ContactResolvers<ContextType>;
  Address?: AddressResolvers<ContextType>;
  Identifier?: IdentifierResolvers<ContextType>;
  Coverage?: CoverageResolvers<ContextType>;
  Patient?: PatientResolvers<ContextType>;
  Practitioner?: PractitionerResolvers<ContextType>;
  Slot?: SlotResolvers<ContextType>;
  Appointment?: AppointmentResolvers<ContextType>;
  AuditEvent?: AuditEventResolvers<ContextType>;
  MedicalFile?: MedicalFileResolvers<ContextType>;
  Account?: AccountResolvers<ContextType>;
  Session?: SessionResolvers<ContextType>;
  InvalidCredentials?: InvalidCredentialsResolvers<ContextType>;
  InvalidRefreshToken?: InvalidRefreshTokenResolvers<ContextType>;
  PatientNotFound?: PatientNotFoundResolvers<ContextType>;
  IdentifierAlreadyUsed?: IdentifierAlreadyUsedResolvers<ContextType>;
  VersionConflict?: VersionConflictResolvers<ContextType>;
  AccountNotFound?: AccountNotFoundResolvers<ContextType>;
  PractitionerNotFound?: PractitionerNotFoundResolvers<ContextType>;
  CityUnavailable?: CityUnavailableResolvers<ContextType>;
  LoginResult?: LoginResultResolvers<ContextType>;
  RefreshSessionResult?: RefreshSessionResultResolvers<ContextType>;
  RegisterPatientResult?: RegisterPatientResultResolvers<ContextType>;
  CreatePatientResult?: CreatePatientResultResolvers<ContextType>;
  UpdatePatientResult?: UpdatePatientResultResolvers<ContextType>;
  DeletePatientResult?: DeletePatientResultResolvers<ContextType>;
  SetRoleResult?: SetRoleResultResolvers<ContextType>;
  GrantAccessResult?: GrantAccessResultResolvers<ContextType>;
  RevokeAccessResult?: RevokeAccessResultResolvers<ContextType>;
  LogoutSuccess?: LogoutSuccessResolvers<ContextType>;
  RegisterPatientSuccess?: RegisterPatientSuccessResolvers<ContextType>;
  CreatePatientSuccess?: CreatePatientSuccessResolvers<ContextType>;
  UpdatePatientSuccess?: UpdatePatientSuccessResolvers<ContextType>;
  DeletePatientSuccess?: DeletePatientSuccessResolvers<ContextType>;
  SetRoleSuccess?: SetRoleSuccessResolvers<ContextType>;
  GrantAccessSuccess?: GrantAccessSuccessResolvers<ContextType>;
  RevokeAccessSuccess?: RevokeAccessSuccessResolvers<ContextType>;
  PatientEdge?: PatientEdgeResolvers<ContextType>;
  PatientConnection?: PatientConnectionResolvers<ContextType>;
  PractitionerEdge?: PractitionerEdgeResolvers<ContextType>;
  PractitionerConnection?: PractitionerConnectionResolvers<ContextType>;
  Query?: QueryResolvers<ContextType>;
  Mutation?: MutationResolvers<ContextType>;
};
