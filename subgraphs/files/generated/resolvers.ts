// Written by "npm run codegen" from schema/files.graphql; change that file and run it again.
import type { GraphQLResolveInfo, GraphQLScalarType, GraphQLScalarTypeConfig } from 'graphql';
import type { CityView } from '../domain/city.ts';
import type { SaidContentRefused } from '../domain/refusal.ts';
import type { MedicalFile as MedicalFileModel, FileVersion as FileVersionModel } from '../domain/file.ts';
import type { Reference, AppointmentReference } from '../domain/references.ts';
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
  /** Bytes as base64 (RFC 4648, section 4, with padding). */
  Base64: { input: Uint8Array; output: Uint8Array; }
  /** A whole number from 0 to 2^53 − 1, for sizes that an `Int` cannot hold; a JSON number. */
  ByteCount: { input: number; output: number; }
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

/** How soon a file wants to be looked at. Lists show `HIGH` first. */
export type FilePriority =
  /** To be seen first. */
  | 'HIGH'
  /** In its turn. */
  | 'MEDIUM'
  /** When there is time. */
  | 'LOW';

/** State of one store's copy of a file's content. */
export type FileCopyState =
  /** The store holds the content. */
  | 'STORED'
  /** The store did not take the content yet; it is copied as soon as the store answers. */
  | 'OWED'
  /** The store's copy was found damaged or missing; it is repaired from the other store. */
  | 'DAMAGED';

/** The copy of a version's content that one of the two stores holds. Both hold the same ciphertext. */
export type FileCopy = {
  readonly __typename?: 'FileCopy';
  /** `primary` or `backup`. */
  readonly store: Scalars['String']['output'];
  /** Where the copy stands. */
  readonly state: FileCopyState;
};

/** A way to fetch a version's content outside the graph: an address for one transfer, with ranges to go on where it broke off. */
export type FileDownload = {
  readonly __typename?: 'FileDownload';
  /** Address for one `GET`, within five minutes, by the same login. Until its last byte is handed out, a transfer that broke off goes on with `Range: bytes=N-`. */
  readonly url: Scalars['String']['output'];
  /** When the address ends unless the transfer has begun. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** Bytes that the address gives: the content's, or of the sealed stream where a public key was given. */
  readonly sizeBytes: Scalars['ByteCount']['output'];
  /** Key of the sealed stream, for the given public key (compact JWE); null where no public key was given. */
  readonly sealedKey?: Maybe<Scalars['String']['output']>;
};

/** One version of a file, as it was uploaded. Versions do not change. https://hl7.org/fhir/R4/binary.html */
export type MedicalFileVersion = {
  readonly __typename?: 'MedicalFileVersion';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** Name of the file. */
  readonly name: Scalars['String']['output'];
  /** 1 for the first upload of the name, then one more with each. */
  readonly version: Scalars['Int']['output'];
  /** Media type, found by the content itself. */
  readonly contentType: Scalars['String']['output'];
  /** How soon it wants to be looked at. */
  readonly priority: FilePriority;
  /** Length of the content in bytes. */
  readonly sizeBytes: Scalars['ByteCount']['output'];
  /** SHA-256 of the content, hex. */
  readonly sha256: Scalars['String']['output'];
  /** When it was uploaded. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** The content, up to 256 KiB; larger: `LIMIT_EXCEEDED`, fetch it by `downloadUrl`. Neither copy intact: `INTEGRITY_ERROR`. */
  readonly content?: Maybe<Scalars['Base64']['output']>;
  /** The content sealed for a public key (JWK or PEM: X25519, P-256, RSA of at least 2048 bits) as compact JWE, up to 1 MiB. */
  readonly sealedContent?: Maybe<Scalars['String']['output']>;
  /** Single-use address of the content, see `FileDownload.url`. */
  readonly downloadUrl?: Maybe<Scalars['String']['output']>;
  /** Single-use address of the content, sealed for a public key where one is given. */
  readonly download?: Maybe<FileDownload>;
  /** State of the content in each store. */
  readonly copies?: Maybe<ReadonlyArray<FileCopy>>;
};


/** One version of a file, as it was uploaded. Versions do not change. https://hl7.org/fhir/R4/binary.html */
export type MedicalFileVersionSealedContentArgs = {
  publicKey: Scalars['String']['input'];
};


/** One version of a file, as it was uploaded. Versions do not change. https://hl7.org/fhir/R4/binary.html */
export type MedicalFileVersionDownloadArgs = {
  publicKey?: InputMaybe<Scalars['String']['input']>;
};

/** A document about a patient, with all its versions. https://hl7.org/fhir/R4/documentreference.html */
export type MedicalFile = Node & {
  readonly __typename?: 'MedicalFile';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** The same id, as the key by which `node` finds the owner of the record; not shown to callers. */
  readonly nodeId: Scalars['ID']['output'];
  /** Name that people gave it; two files of a patient never share one. */
  readonly name: Scalars['String']['output'];
  /** Media type of the newest version, found by the content itself. */
  readonly contentType: Scalars['String']['output'];
  /** How soon it wants to be looked at. */
  readonly priority: FilePriority;
  /** Length of the newest version in bytes. */
  readonly sizeBytes: Scalars['ByteCount']['output'];
  /** SHA-256 of the newest version, hex. */
  readonly sha256: Scalars['String']['output'];
  /** Number of the newest version, from 1. */
  readonly version: Scalars['Int']['output'];
  /** When the newest version was uploaded. */
  readonly createdAt: Scalars['DateTime']['output'];
  /** All versions, newest first. */
  readonly versions?: Maybe<MedicalFileVersionConnection>;
  /** Whose file it is. */
  readonly patient?: Maybe<Patient>;
  /** The newest version's content, up to 256 KiB; larger: `LIMIT_EXCEEDED`, fetch it by `downloadUrl`. Neither copy intact: `INTEGRITY_ERROR`. */
  readonly content?: Maybe<Scalars['Base64']['output']>;
  /** The newest version sealed for a public key (JWK or PEM: X25519, P-256, RSA of at least 2048 bits) as compact JWE, up to 1 MiB. */
  readonly sealedContent?: Maybe<Scalars['String']['output']>;
  /** Single-use address of the newest version, see `FileDownload.url`. */
  readonly downloadUrl?: Maybe<Scalars['String']['output']>;
  /** Single-use address of the newest version, sealed for a public key where one is given. */
  readonly download?: Maybe<FileDownload>;
  /** State of the newest version's content in each store. */
  readonly copies?: Maybe<ReadonlyArray<FileCopy>>;
  /** When this was true, where a replica gave it while the city's primary is down; null from the primary. */
  readonly asOf?: Maybe<Scalars['DateTime']['output']>;
};


/** A document about a patient, with all its versions. https://hl7.org/fhir/R4/documentreference.html */
export type MedicalFileVersionsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


/** A document about a patient, with all its versions. https://hl7.org/fhir/R4/documentreference.html */
export type MedicalFileSealedContentArgs = {
  publicKey: Scalars['String']['input'];
};


/** A document about a patient, with all its versions. https://hl7.org/fhir/R4/documentreference.html */
export type MedicalFileDownloadArgs = {
  publicKey?: InputMaybe<Scalars['String']['input']>;
};

/** A page of files. */
export type MedicalFileConnection = {
  readonly __typename?: 'MedicalFileConnection';
  /** Files with their cursors. */
  readonly edges: ReadonlyArray<MedicalFileEdge>;
  /** The files alone. */
  readonly nodes: ReadonlyArray<MedicalFile>;
  /** Where the page stands. */
  readonly pageInfo: PageInfo;
  /** When this page was true, where a replica gave it while the city's primary is down; null from the primary. */
  readonly asOf?: Maybe<Scalars['DateTime']['output']>;
};

/** A file in a page. */
export type MedicalFileEdge = {
  readonly __typename?: 'MedicalFileEdge';
  /** Where the file stands in its list; signed. */
  readonly cursor: Scalars['String']['output'];
  /** The file. */
  readonly node: MedicalFile;
};

/** A page of versions. */
export type MedicalFileVersionConnection = {
  readonly __typename?: 'MedicalFileVersionConnection';
  /** Versions with their cursors. */
  readonly edges: ReadonlyArray<MedicalFileVersionEdge>;
  /** The versions alone. */
  readonly nodes: ReadonlyArray<MedicalFileVersion>;
  /** Where the page stands. */
  readonly pageInfo: PageInfo;
};

/** A version in a page. */
export type MedicalFileVersionEdge = {
  readonly __typename?: 'MedicalFileVersionEdge';
  /** Where the version stands in its list; signed. */
  readonly cursor: Scalars['String']['output'];
  /** The version. */
  readonly node: MedicalFileVersion;
};

/** A person who receives care. https://hl7.org/fhir/R4/patient.html */
export type Patient = {
  readonly __typename?: 'Patient';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** The patient's files: by priority, then newest first. `name` is a part of the name, without regard to case and accents. */
  readonly files?: Maybe<MedicalFileConnection>;
};


/** A person who receives care. https://hl7.org/fhir/R4/patient.html */
export type PatientFilesArgs = {
  name?: InputMaybe<Scalars['String']['input']>;
  priority?: InputMaybe<FilePriority>;
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};

/** A place in a slot, taken by a patient. https://hl7.org/fhir/R4/appointment.html */
export type Appointment = {
  readonly __typename?: 'Appointment';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** Who comes. */
  readonly patient?: Maybe<Patient>;
  /** Files that this appointment refers to. */
  readonly files?: Maybe<MedicalFileConnection>;
};


/** A place in a slot, taken by a patient. https://hl7.org/fhir/R4/appointment.html */
export type AppointmentFilesArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};

/** The server's public key for sealed uploads. */
export type ServerKey = {
  readonly __typename?: 'ServerKey';
  /** Names the key; goes into the JWE's `kid`. */
  readonly kid: Scalars['String']['output'];
  /** The key as JSON Web Key (RFC 7517). */
  readonly jwk: Scalars['String']['output'];
  /** Key management and content encryption that the server takes: `ECDH-ES`, `A256GCM`. */
  readonly algorithms: ReadonlyArray<Scalars['String']['output']>;
};

/** A large upload that was asked for. */
export type FileUpload = {
  readonly __typename?: 'FileUpload';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** Address for `PUT`, single-use, within five minutes, by the same login. `HEAD` tells `Upload-Offset`; go on with `Content-Range`. */
  readonly url: Scalars['String']['output'];
  /** When the address ends; `resumeUpload` gives a new one. */
  readonly expiresAt: Scalars['DateTime']['output'];
  /** Bytes of the body that are stored already: where to go on. */
  readonly offsetBytes: Scalars['ByteCount']['output'];
  /** Bytes of the whole body: the content's, or of the sealed stream. */
  readonly sizeBytes: Scalars['ByteCount']['output'];
};

/** A task over all files of a city. */
export type FileTaskKind =
  /** Keys are wrapped with the newest key-encryption key. */
  | 'ROTATION'
  /** Every copy is read and checked. */
  | 'SCRUB';

/** Where a task over all files of a city stands. It goes on by itself, also after a restart. */
export type FileTask = {
  readonly __typename?: 'FileTask';
  /** Code of the city. */
  readonly city: Scalars['String']['output'];
  /** What the task does. */
  readonly kind: FileTaskKind;
  /** Whether it is still under way. */
  readonly running: Scalars['Boolean']['output'];
  /** When it began. */
  readonly startedAt: Scalars['DateTime']['output'];
  /** Versions there are to look at, as far as is known. */
  readonly total: Scalars['ByteCount']['output'];
  /** Versions looked at. */
  readonly checked: Scalars['ByteCount']['output'];
  /** Copies found damaged or missing. */
  readonly damaged: Scalars['ByteCount']['output'];
  /** Copies repaired, or keys wrapped anew. */
  readonly repaired: Scalars['ByteCount']['output'];
  /** Versions that neither store holds intact. */
  readonly lost: Scalars['ByteCount']['output'];
  /** Versions that wait: a store does not answer. */
  readonly waiting: Scalars['ByteCount']['output'];
};

/** No such file, or none that the caller may see. */
export type FileNotFound = Refusal & {
  readonly __typename?: 'FileNotFound';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** No such upload, none of the caller's, or one that has ended. */
export type UploadNotFound = Refusal & {
  readonly __typename?: 'UploadNotFound';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** The upload has not received all its bytes. */
export type UploadIncomplete = Refusal & {
  readonly __typename?: 'UploadIncomplete';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
  /** Bytes of the body that are stored. */
  readonly offsetBytes: Scalars['ByteCount']['output'];
  /** Bytes of the whole body. */
  readonly sizeBytes: Scalars['ByteCount']['output'];
};

/** The files would take more room than the patient or the city has. */
export type QuotaExceeded = Refusal & {
  readonly __typename?: 'QuotaExceeded';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
  /** Bytes in use, with uploads that are on their way. */
  readonly usedBytes: Scalars['ByteCount']['output'];
  /** Bytes that may be used. */
  readonly limitBytes: Scalars['ByteCount']['output'];
};

/** The content is of no type that is kept, is not what it was declared to be, or does not have the hash or the size that was told. */
export type ContentRefused = Refusal & {
  readonly __typename?: 'ContentRefused';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
  /** `TYPE_NOT_ALLOWED`, `TYPE_MISMATCH`, `HASH_MISMATCH`, `SIZE_MISMATCH`, `MALWARE_SIGNATURE` or `SEAL_BROKEN`. */
  readonly reason: ContentRefusedReason;
  /** Media types that are kept. */
  readonly allowed: ReadonlyArray<Scalars['String']['output']>;
};

/** Why a content was refused. */
export type ContentRefusedReason =
  /** Its type is not kept. */
  | 'TYPE_NOT_ALLOWED'
  /** It is of another type than declared. */
  | 'TYPE_MISMATCH'
  /** Its SHA-256 is not the one that was told. */
  | 'HASH_MISMATCH'
  /** Its length is not the one that was told. */
  | 'SIZE_MISMATCH'
  /** It holds a signature that scanners look for. */
  | 'MALWARE_SIGNATURE'
  /** Its seal does not open with the server's key, or was changed. */
  | 'SEAL_BROKEN';

/** No such patient, or none for whom the caller may do this. */
export type PatientNotFound = Refusal & {
  readonly __typename?: 'PatientNotFound';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** No such appointment, or none for which the caller may do this. */
export type AppointmentNotFound = Refusal & {
  readonly __typename?: 'AppointmentNotFound';
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

/** A file that travels in the graph: `content` up to 256 KiB or `sealed` up to 1 MiB, one of the two. */
export type UploadFileInput = {
  /** Whose file it is. */
  readonly patientId: Scalars['ID']['input'];
  /** 1–255 characters without path separators. A name the patient has already: a new version. */
  readonly name: Scalars['String']['input'];
  /** Media type; must be what the content is. */
  readonly contentType: Scalars['String']['input'];
  /** How soon it wants to be looked at. */
  readonly priority?: InputMaybe<FilePriority>;
  /** The content. */
  readonly content?: InputMaybe<Scalars['Base64']['input']>;
  /** The content as compact JWE for `serverKey` (ECDH-ES, A256GCM). */
  readonly sealed?: InputMaybe<Scalars['String']['input']>;
  /** Appointment of the patient that refers to the file. */
  readonly appointmentId?: InputMaybe<Scalars['ID']['input']>;
};

/** A file that is sent to an address. */
export type RequestUploadInput = {
  /** Whose file it is. */
  readonly patientId: Scalars['ID']['input'];
  /** 1–255 characters without path separators. A name the patient has already: a new version. */
  readonly name: Scalars['String']['input'];
  /** Media type; must be what the content is. */
  readonly contentType: Scalars['String']['input'];
  /** How soon it wants to be looked at. */
  readonly priority?: InputMaybe<FilePriority>;
  /** Length of the content in bytes, up to 5 TiB or the quota. */
  readonly sizeBytes: Scalars['ByteCount']['input'];
  /** SHA-256 of the content, hex. */
  readonly sha256: Scalars['String']['input'];
  /** 32-byte key of the sealed stream that will be sent, as compact JWE for `serverKey`; left out where the content itself is sent. */
  readonly sealedKey?: InputMaybe<Scalars['String']['input']>;
  /** Appointment of the patient that refers to the file. */
  readonly appointmentId?: InputMaybe<Scalars['ID']['input']>;
};

/** The file was kept as the newest version of its name. */
export type UploadFileSuccess = {
  readonly __typename?: 'UploadFileSuccess';
  /** The file. */
  readonly file: MedicalFile;
};

/** The upload can begin. */
export type RequestUploadSuccess = {
  readonly __typename?: 'RequestUploadSuccess';
  /** Where to send the bytes. */
  readonly upload: FileUpload;
};

/** The file is gone, with all versions and their keys. */
export type DeleteFileSuccess = {
  readonly __typename?: 'DeleteFileSuccess';
  /** Id of the file that is gone. */
  readonly id: Scalars['ID']['output'];
};

/** The appointment refers to the file. */
export type AttachFileSuccess = {
  readonly __typename?: 'AttachFileSuccess';
  /** The file. */
  readonly file: MedicalFile;
};

/** The appointment no longer refers to the file. */
export type DetachFileSuccess = {
  readonly __typename?: 'DetachFileSuccess';
  /** The file. */
  readonly file: MedicalFile;
};

/** What came of `uploadFile`. */
export type UploadFileResult = UploadFileSuccess | PatientNotFound | AppointmentNotFound | QuotaExceeded | ContentRefused | CityUnavailable;

/** What came of `requestUpload`. */
export type RequestUploadResult = RequestUploadSuccess | PatientNotFound | AppointmentNotFound | QuotaExceeded | ContentRefused | CityUnavailable;

/** What came of `resumeUpload`. */
export type ResumeUploadResult = RequestUploadSuccess | UploadNotFound | CityUnavailable;

/** What came of `finishUpload`. */
export type FinishUploadResult = UploadFileSuccess | UploadNotFound | UploadIncomplete | PatientNotFound | QuotaExceeded | ContentRefused | CityUnavailable;

/** What came of `deleteFile`. */
export type DeleteFileResult = DeleteFileSuccess | FileNotFound | CityUnavailable;

/** What came of `attachFile`. */
export type AttachFileResult = AttachFileSuccess | FileNotFound | AppointmentNotFound | CityUnavailable;

/** What came of `detachFile`. */
export type DetachFileResult = DetachFileSuccess | FileNotFound | AppointmentNotFound | CityUnavailable;

export type Query = {
  readonly __typename?: 'Query';
  /** A file by id; what is not there and what may not be seen is null with `NOT_FOUND`. */
  readonly file?: Maybe<MedicalFile>;
  /** The public key for sealed uploads. */
  readonly serverKey?: Maybe<ServerKey>;
  /** The last task of each kind over a city's files, for its admins. */
  readonly fileTasks?: Maybe<ReadonlyArray<FileTask>>;
};


export type QueryFileArgs = {
  id: Scalars['ID']['input'];
};


export type QueryFileTasksArgs = {
  city: Scalars['String']['input'];
};

export type Mutation = {
  readonly __typename?: 'Mutation';
  /** Keeps a small file; all of it travels in the graph. The answer comes when both stores hold it, or one of them with the other's copy owed. */
  readonly uploadFile?: Maybe<UploadFileResult>;
  /** Asks for an address to send a file of any size to. */
  readonly requestUpload?: Maybe<RequestUploadResult>;
  /** A new address for an upload that broke off, and where to go on. */
  readonly resumeUpload?: Maybe<ResumeUploadResult>;
  /** Keeps what was sent. Done again: the same answer. */
  readonly finishUpload?: Maybe<FinishUploadResult>;
  /** Destroys a file with all its versions and their keys, in both stores. Staff who may change the record; patients what they uploaded. */
  readonly deleteFile?: Maybe<DeleteFileResult>;
  /** Lets an appointment of the patient refer to a file. */
  readonly attachFile?: Maybe<AttachFileResult>;
  /** Takes a file from an appointment; the file stays. An appointment that does not refer to it: `AppointmentNotFound`. */
  readonly detachFile?: Maybe<DetachFileResult>;
  /** Wraps the keys of all files of a city with its newest key-encryption key; `newKey` makes one first (local keyring). Answers within 5 s; `fileTasks` tells how far it has come. */
  readonly rotateKeys?: Maybe<FileTask>;
  /** Reads every copy of every file of a city, and repairs what is damaged from the other store. Answers within 5 s; `fileTasks` tells how far it has come. */
  readonly scrubFiles?: Maybe<FileTask>;
};


export type MutationUploadFileArgs = {
  input: UploadFileInput;
};


export type MutationRequestUploadArgs = {
  input: RequestUploadInput;
};


export type MutationResumeUploadArgs = {
  uploadId: Scalars['ID']['input'];
};


export type MutationFinishUploadArgs = {
  uploadId: Scalars['ID']['input'];
};


export type MutationDeleteFileArgs = {
  id: Scalars['ID']['input'];
};


export type MutationAttachFileArgs = {
  fileId: Scalars['ID']['input'];
  appointmentId: Scalars['ID']['input'];
};


export type MutationDetachFileArgs = {
  fileId: Scalars['ID']['input'];
  appointmentId: Scalars['ID']['input'];
};


export type MutationRotateKeysArgs = {
  city: Scalars['String']['input'];
  newKey?: InputMaybe<Scalars['Boolean']['input']>;
};


export type MutationScrubFilesArgs = {
  city: Scalars['String']['input'];
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
  MedicalFile: MedicalFile;
  Patient: Patient;
  Appointment: Appointment;
};

/** Mapping of federation reference types */
export type FederationReferenceTypes = {
  City:
    ( { __typename: 'City' }
    & GraphQLRecursivePick<FederationTypes['City'], {"code":true}> );
  MedicalFile:
    ( { __typename: 'MedicalFile' }
    & ( GraphQLRecursivePick<FederationTypes['MedicalFile'], {"id":true}>
        | GraphQLRecursivePick<FederationTypes['MedicalFile'], {"nodeId":true}> ) );
  Patient:
    ( { __typename: 'Patient' }
    & GraphQLRecursivePick<FederationTypes['Patient'], {"id":true}> );
  Appointment:
    ( { __typename: 'Appointment' }
    & GraphQLRecursivePick<FederationTypes['Appointment'], {"id":true}>
    & ( Record<PropertyKey, never>
        | GraphQLRecursivePick<FederationTypes['Appointment'], {"patient":{"id":true}}> ) );
};

/** Mapping of union types */
export type ResolversUnionTypes<_RefType extends Record<string, unknown>> = {
  UploadFileResult:
    | ( Omit<UploadFileSuccess, 'file'> & { file: _RefType['MedicalFile'] } )
    | ( PatientNotFound )
    | ( AppointmentNotFound )
    | ( QuotaExceeded )
    | ( SaidContentRefused )
    | ( CityUnavailable )
  ;
  RequestUploadResult:
    | ( RequestUploadSuccess )
    | ( PatientNotFound )
    | ( AppointmentNotFound )
    | ( QuotaExceeded )
    | ( SaidContentRefused )
    | ( CityUnavailable )
  ;
  ResumeUploadResult:
    | ( RequestUploadSuccess )
    | ( UploadNotFound )
    | ( CityUnavailable )
  ;
  FinishUploadResult:
    | ( Omit<UploadFileSuccess, 'file'> & { file: _RefType['MedicalFile'] } )
    | ( UploadNotFound )
    | ( UploadIncomplete )
    | ( PatientNotFound )
    | ( QuotaExceeded )
    | ( SaidContentRefused )
    | ( CityUnavailable )
  ;
  DeleteFileResult:
    | ( DeleteFileSuccess )
    | ( FileNotFound )
    | ( CityUnavailable )
  ;
  AttachFileResult:
    | ( Omit<AttachFileSuccess, 'file'> & { file: _RefType['MedicalFile'] } )
    | ( FileNotFound )
    | ( AppointmentNotFound )
    | ( CityUnavailable )
  ;
  DetachFileResult:
    | ( Omit<DetachFileSuccess, 'file'> & { file: _RefType['MedicalFile'] } )
    | ( FileNotFound )
    | ( AppointmentNotFound )
    | ( CityUnavailable )
  ;
};

/** Mapping of interface types */
export type ResolversInterfaceTypes<_RefType extends Record<string, unknown>> = {
  Node: ( MedicalFileModel );
  Refusal:
    | ( FileNotFound )
    | ( UploadNotFound )
    | ( UploadIncomplete )
    | ( QuotaExceeded )
    | ( SaidContentRefused )
    | ( PatientNotFound )
    | ( AppointmentNotFound )
    | ( CityUnavailable )
  ;
};

/** Mapping between all available schema types and the resolvers types */
export type ResolversTypes = {
  DateTime: ResolverTypeWrapper<Scalars['DateTime']['output']>;
  Base64: ResolverTypeWrapper<Scalars['Base64']['output']>;
  ByteCount: ResolverTypeWrapper<Scalars['ByteCount']['output']>;
  Node: ResolverTypeWrapper<ResolversInterfaceTypes<ResolversTypes>['Node']>;
  ID: ResolverTypeWrapper<Scalars['ID']['output']>;
  Refusal: ResolverTypeWrapper<ResolversInterfaceTypes<ResolversTypes>['Refusal']>;
  String: ResolverTypeWrapper<Scalars['String']['output']>;
  PageInfo: ResolverTypeWrapper<PageInfo>;
  Boolean: ResolverTypeWrapper<Scalars['Boolean']['output']>;
  City: ResolverTypeWrapper<CityView>;
  FilePriority: FilePriority;
  FileCopyState: FileCopyState;
  FileCopy: ResolverTypeWrapper<FileCopy>;
  FileDownload: ResolverTypeWrapper<FileDownload>;
  MedicalFileVersion: ResolverTypeWrapper<FileVersionModel>;
  Int: ResolverTypeWrapper<Scalars['Int']['output']>;
  MedicalFile: ResolverTypeWrapper<MedicalFileModel>;
  MedicalFileConnection: ResolverTypeWrapper<Omit<MedicalFileConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversTypes['MedicalFileEdge']>, nodes: ReadonlyArray<ResolversTypes['MedicalFile']> }>;
  MedicalFileEdge: ResolverTypeWrapper<Omit<MedicalFileEdge, 'node'> & { node: ResolversTypes['MedicalFile'] }>;
  MedicalFileVersionConnection: ResolverTypeWrapper<Omit<MedicalFileVersionConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversTypes['MedicalFileVersionEdge']>, nodes: ReadonlyArray<ResolversTypes['MedicalFileVersion']> }>;
  MedicalFileVersionEdge: ResolverTypeWrapper<Omit<MedicalFileVersionEdge, 'node'> & { node: ResolversTypes['MedicalFileVersion'] }>;
  Patient: ResolverTypeWrapper<Reference>;
  Appointment: ResolverTypeWrapper<AppointmentReference>;
  ServerKey: ResolverTypeWrapper<ServerKey>;
  FileUpload: ResolverTypeWrapper<FileUpload>;
  FileTaskKind: FileTaskKind;
  FileTask: ResolverTypeWrapper<FileTask>;
  FileNotFound: ResolverTypeWrapper<FileNotFound>;
  UploadNotFound: ResolverTypeWrapper<UploadNotFound>;
  UploadIncomplete: ResolverTypeWrapper<UploadIncomplete>;
  QuotaExceeded: ResolverTypeWrapper<QuotaExceeded>;
  ContentRefused: ResolverTypeWrapper<SaidContentRefused>;
  ContentRefusedReason: ContentRefusedReason;
  PatientNotFound: ResolverTypeWrapper<PatientNotFound>;
  AppointmentNotFound: ResolverTypeWrapper<AppointmentNotFound>;
  CityUnavailable: ResolverTypeWrapper<CityUnavailable>;
  UploadFileInput: UploadFileInput;
  RequestUploadInput: RequestUploadInput;
  UploadFileSuccess: ResolverTypeWrapper<Omit<UploadFileSuccess, 'file'> & { file: ResolversTypes['MedicalFile'] }>;
  RequestUploadSuccess: ResolverTypeWrapper<RequestUploadSuccess>;
  DeleteFileSuccess: ResolverTypeWrapper<DeleteFileSuccess>;
  AttachFileSuccess: ResolverTypeWrapper<Omit<AttachFileSuccess, 'file'> & { file: ResolversTypes['MedicalFile'] }>;
  DetachFileSuccess: ResolverTypeWrapper<Omit<DetachFileSuccess, 'file'> & { file: ResolversTypes['MedicalFile'] }>;
  UploadFileResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['UploadFileResult']>;
  RequestUploadResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['RequestUploadResult']>;
  ResumeUploadResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['ResumeUploadResult']>;
  FinishUploadResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['FinishUploadResult']>;
  DeleteFileResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['DeleteFileResult']>;
  AttachFileResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['AttachFileResult']>;
  DetachFileResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['DetachFileResult']>;
  Query: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Mutation: ResolverTypeWrapper<Record<PropertyKey, never>>;
};

/** Mapping between all available schema types and the resolvers parents */
export type ResolversParentTypes = {
  DateTime: Scalars['DateTime']['output'];
  Base64: Scalars['Base64']['output'];
  ByteCount: Scalars['ByteCount']['output'];
  Node: ResolversInterfaceTypes<ResolversParentTypes>['Node'];
  ID: Scalars['ID']['output'];
  Refusal: ResolversInterfaceTypes<ResolversParentTypes>['Refusal'];
  String: Scalars['String']['output'];
  PageInfo: PageInfo;
  Boolean: Scalars['Boolean']['output'];
  City: CityView;
  FileCopy: FileCopy;
  FileDownload: FileDownload;
  MedicalFileVersion: FileVersionModel;
  Int: Scalars['Int']['output'];
  MedicalFile: MedicalFileModel;
  MedicalFileConnection: Omit<MedicalFileConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversParentTypes['MedicalFileEdge']>, nodes: ReadonlyArray<ResolversParentTypes['MedicalFile']> };
  MedicalFileEdge: Omit<MedicalFileEdge, 'node'> & { node: ResolversParentTypes['MedicalFile'] };
  MedicalFileVersionConnection: Omit<MedicalFileVersionConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversParentTypes['MedicalFileVersionEdge']>, nodes: ReadonlyArray<ResolversParentTypes['MedicalFileVersion']> };
  MedicalFileVersionEdge: Omit<MedicalFileVersionEdge, 'node'> & { node: ResolversParentTypes['MedicalFileVersion'] };
  Patient: Reference;
  Appointment: AppointmentReference;
  ServerKey: ServerKey;
  FileUpload: FileUpload;
  FileTask: FileTask;
  FileNotFound: FileNotFound;
  UploadNotFound: UploadNotFound;
  UploadIncomplete: UploadIncomplete;
  QuotaExceeded: QuotaExceeded;
  ContentRefused: SaidContentRefused;
  PatientNotFound: PatientNotFound;
  AppointmentNotFound: AppointmentNotFound;
  CityUnavailable: CityUnavailable;
  UploadFileInput: UploadFileInput;
  RequestUploadInput: RequestUploadInput;
  UploadFileSuccess: Omit<UploadFileSuccess, 'file'> & { file: ResolversParentTypes['MedicalFile'] };
  RequestUploadSuccess: RequestUploadSuccess;
  DeleteFileSuccess: DeleteFileSuccess;
  AttachFileSuccess: Omit<AttachFileSuccess, 'file'> & { file: ResolversParentTypes['MedicalFile'] };
  DetachFileSuccess: Omit<DetachFileSuccess, 'file'> & { file: ResolversParentTypes['MedicalFile'] };
  UploadFileResult: ResolversUnionTypes<ResolversParentTypes>['UploadFileResult'];
  RequestUploadResult: ResolversUnionTypes<ResolversParentTypes>['RequestUploadResult'];
  ResumeUploadResult: ResolversUnionTypes<ResolversParentTypes>['ResumeUploadResult'];
  FinishUploadResult: ResolversUnionTypes<ResolversParentTypes>['FinishUploadResult'];
  DeleteFileResult: ResolversUnionTypes<ResolversParentTypes>['DeleteFileResult'];
  AttachFileResult: ResolversUnionTypes<ResolversParentTypes>['AttachFileResult'];
  DetachFileResult: ResolversUnionTypes<ResolversParentTypes>['DetachFileResult'];
  Query: Record<PropertyKey, never>;
  Mutation: Record<PropertyKey, never>;
};

export interface DateTimeScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['DateTime'], any> {
  name: 'DateTime';
}

export interface Base64ScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['Base64'], any> {
  name: 'Base64';
}

export interface ByteCountScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['ByteCount'], any> {
  name: 'ByteCount';
}

export type NodeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Node'] = ResolversParentTypes['Node']> = {
  __resolveType: TypeResolveFn<'MedicalFile', ParentType, ContextType>;
};

export type RefusalResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Refusal'] = ResolversParentTypes['Refusal']> = {
  __resolveType: TypeResolveFn<'FileNotFound' | 'UploadNotFound' | 'UploadIncomplete' | 'QuotaExceeded' | 'ContentRefused' | 'PatientNotFound' | 'AppointmentNotFound' | 'CityUnavailable', ParentType, ContextType>;
};

export type PageInfoResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PageInfo'] = ResolversParentTypes['PageInfo']> = {
  hasNextPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  hasPreviousPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  startCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  endCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type CityResolvers<ContextType = Context, ParentType extends ResolversParentTypes['City'] = ResolversParentTypes['City'], FederationReferenceType extends FederationReferenceTypes['City'] = FederationReferenceTypes['City']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['City']> | FederationReferenceType, FederationReferenceType, ContextType>;
  code?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  name?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  timeZone?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type FileCopyResolvers<ContextType = Context, ParentType extends ResolversParentTypes['FileCopy'] = ResolversParentTypes['FileCopy']> = {
  store?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  state?: Resolver<ResolversTypes['FileCopyState'], ParentType, ContextType>;
};

export type FileDownloadResolvers<ContextType = Context, ParentType extends ResolversParentTypes['FileDownload'] = ResolversParentTypes['FileDownload']> = {
  url?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  expiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  sizeBytes?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
  sealedKey?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type MedicalFileVersionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['MedicalFileVersion'] = ResolversParentTypes['MedicalFileVersion']> = {
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  name?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  version?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  contentType?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  priority?: Resolver<ResolversTypes['FilePriority'], ParentType, ContextType>;
  sizeBytes?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
  sha256?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  content?: Resolver<Maybe<ResolversTypes['Base64']>, ParentType, ContextType>;
  sealedContent?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType, RequireFields<MedicalFileVersionSealedContentArgs, 'publicKey'>>;
  downloadUrl?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  download?: Resolver<Maybe<ResolversTypes['FileDownload']>, ParentType, ContextType, Partial<MedicalFileVersionDownloadArgs>>;
  copies?: Resolver<Maybe<ReadonlyArray<ResolversTypes['FileCopy']>>, ParentType, ContextType>;
};

export type MedicalFileResolvers<ContextType = Context, ParentType extends ResolversParentTypes['MedicalFile'] = ResolversParentTypes['MedicalFile'], FederationReferenceType extends FederationReferenceTypes['MedicalFile'] = FederationReferenceTypes['MedicalFile']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['MedicalFile']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  nodeId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  name?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  contentType?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  priority?: Resolver<ResolversTypes['FilePriority'], ParentType, ContextType>;
  sizeBytes?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
  sha256?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  version?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  createdAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  versions?: Resolver<Maybe<ResolversTypes['MedicalFileVersionConnection']>, ParentType, ContextType, RequireFields<MedicalFileVersionsArgs, 'first'>>;
  patient?: Resolver<Maybe<ResolversTypes['Patient']>, ParentType, ContextType>;
  content?: Resolver<Maybe<ResolversTypes['Base64']>, ParentType, ContextType>;
  sealedContent?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType, RequireFields<MedicalFileSealedContentArgs, 'publicKey'>>;
  downloadUrl?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  download?: Resolver<Maybe<ResolversTypes['FileDownload']>, ParentType, ContextType, Partial<MedicalFileDownloadArgs>>;
  copies?: Resolver<Maybe<ReadonlyArray<ResolversTypes['FileCopy']>>, ParentType, ContextType>;
  asOf?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type MedicalFileConnectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['MedicalFileConnection'] = ResolversParentTypes['MedicalFileConnection']> = {
  edges?: Resolver<ReadonlyArray<ResolversTypes['MedicalFileEdge']>, ParentType, ContextType>;
  nodes?: Resolver<ReadonlyArray<ResolversTypes['MedicalFile']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
  asOf?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
};

export type MedicalFileEdgeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['MedicalFileEdge'] = ResolversParentTypes['MedicalFileEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['MedicalFile'], ParentType, ContextType>;
};

export type MedicalFileVersionConnectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['MedicalFileVersionConnection'] = ResolversParentTypes['MedicalFileVersionConnection']> = {
  edges?: Resolver<ReadonlyArray<ResolversTypes['MedicalFileVersionEdge']>, ParentType, ContextType>;
  nodes?: Resolver<ReadonlyArray<ResolversTypes['MedicalFileVersion']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
};

export type MedicalFileVersionEdgeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['MedicalFileVersionEdge'] = ResolversParentTypes['MedicalFileVersionEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['MedicalFileVersion'], ParentType, ContextType>;
};

export type PatientResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Patient'] = ResolversParentTypes['Patient'], FederationReferenceType extends FederationReferenceTypes['Patient'] = FederationReferenceTypes['Patient']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Patient']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  files?: Resolver<Maybe<ResolversTypes['MedicalFileConnection']>, ParentType, ContextType, RequireFields<PatientFilesArgs, 'first'>>;
};

export type AppointmentResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Appointment'] = ResolversParentTypes['Appointment'], FederationReferenceType extends FederationReferenceTypes['Appointment'] = FederationReferenceTypes['Appointment']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Appointment']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  files?: Resolver<Maybe<ResolversTypes['MedicalFileConnection']>, ParentType, ContextType, RequireFields<AppointmentFilesArgs, 'first'>>;
};

export type ServerKeyResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ServerKey'] = ResolversParentTypes['ServerKey']> = {
  kid?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  jwk?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  algorithms?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
};

export type FileUploadResolvers<ContextType = Context, ParentType extends ResolversParentTypes['FileUpload'] = ResolversParentTypes['FileUpload']> = {
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  url?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  expiresAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  offsetBytes?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
  sizeBytes?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
};

export type FileTaskResolvers<ContextType = Context, ParentType extends ResolversParentTypes['FileTask'] = ResolversParentTypes['FileTask']> = {
  city?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  kind?: Resolver<ResolversTypes['FileTaskKind'], ParentType, ContextType>;
  running?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  startedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  total?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
  checked?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
  damaged?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
  repaired?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
  lost?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
  waiting?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
};

export type FileNotFoundResolvers<ContextType = Context, ParentType extends ResolversParentTypes['FileNotFound'] = ResolversParentTypes['FileNotFound']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type UploadNotFoundResolvers<ContextType = Context, ParentType extends ResolversParentTypes['UploadNotFound'] = ResolversParentTypes['UploadNotFound']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type UploadIncompleteResolvers<ContextType = Context, ParentType extends ResolversParentTypes['UploadIncomplete'] = ResolversParentTypes['UploadIncomplete']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  offsetBytes?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
  sizeBytes?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type QuotaExceededResolvers<ContextType = Context, ParentType extends ResolversParentTypes['QuotaExceeded'] = ResolversParentTypes['QuotaExceeded']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  usedBytes?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
  limitBytes?: Resolver<ResolversTypes['ByteCount'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type ContentRefusedResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ContentRefused'] = ResolversParentTypes['ContentRefused']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  reason?: Resolver<ResolversTypes['ContentRefusedReason'], ParentType, ContextType>;
  allowed?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PatientNotFoundResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PatientNotFound'] = ResolversParentTypes['PatientNotFound']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type AppointmentNotFoundResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AppointmentNotFound'] = ResolversParentTypes['AppointmentNotFound']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CityUnavailableResolvers<ContextType = Context, ParentType extends ResolversParentTypes['CityUnavailable'] = ResolversParentTypes['CityUnavailable']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  city?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  retryAfterSeconds?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type UploadFileSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['UploadFileSuccess'] = ResolversParentTypes['UploadFileSuccess']> = {
  file?: Resolver<ResolversTypes['MedicalFile'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type RequestUploadSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['RequestUploadSuccess'] = ResolversParentTypes['RequestUploadSuccess']> = {
  upload?: Resolver<ResolversTypes['FileUpload'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type DeleteFileSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['DeleteFileSuccess'] = ResolversParentTypes['DeleteFileSuccess']> = {
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type AttachFileSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AttachFileSuccess'] = ResolversParentTypes['AttachFileSuccess']> = {
  file?: Resolver<ResolversTypes['MedicalFile'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type DetachFileSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['DetachFileSuccess'] = ResolversParentTypes['DetachFileSuccess']> = {
  file?: Resolver<ResolversTypes['MedicalFile'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type UploadFileResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['UploadFileResult'] = ResolversParentTypes['UploadFileResult']> = {
  __resolveType: TypeResolveFn<'UploadFileSuccess' | 'PatientNotFound' | 'AppointmentNotFound' | 'QuotaExceeded' | 'ContentRefused' | 'CityUnavailable', ParentType, ContextType>;
};

export type RequestUploadResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['RequestUploadResult'] = ResolversParentTypes['RequestUploadResult']> = {
  __resolveType: TypeResolveFn<'RequestUploadSuccess' | 'PatientNotFound' | 'AppointmentNotFound' | 'QuotaExceeded' | 'ContentRefused' | 'CityUnavailable', ParentType, ContextType>;
};

export type ResumeUploadResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ResumeUploadResult'] = ResolversParentTypes['ResumeUploadResult']> = {
  __resolveType: TypeResolveFn<'RequestUploadSuccess' | 'UploadNotFound' | 'CityUnavailable', ParentType, ContextType>;
};

export type FinishUploadResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['FinishUploadResult'] = ResolversParentTypes['FinishUploadResult']> = {
  __resolveType: TypeResolveFn<'UploadFileSuccess' | 'UploadNotFound' | 'UploadIncomplete' | 'PatientNotFound' | 'QuotaExceeded' | 'ContentRefused' | 'CityUnavailable', ParentType, ContextType>;
};

export type DeleteFileResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['DeleteFileResult'] = ResolversParentTypes['DeleteFileResult']> = {
  __resolveType: TypeResolveFn<'DeleteFileSuccess' | 'FileNotFound' | 'CityUnavailable', ParentType, ContextType>;
};

export type AttachFileResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AttachFileResult'] = ResolversParentTypes['AttachFileResult']> = {
  __resolveType: TypeResolveFn<'AttachFileSuccess' | 'FileNotFound' | 'AppointmentNotFound' | 'CityUnavailable', ParentType, ContextType>;
};

export type DetachFileResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['DetachFileResult'] = ResolversParentTypes['DetachFileResult']> = {
  __resolveType: TypeResolveFn<'DetachFileSuccess' | 'FileNotFound' | 'AppointmentNotFound' | 'CityUnavailable', ParentType, ContextType>;
};

export type QueryResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Query'] = ResolversParentTypes['Query']> = {
  file?: Resolver<Maybe<ResolversTypes['MedicalFile']>, ParentType, ContextType, RequireFields<QueryFileArgs, 'id'>>;
  serverKey?: Resolver<Maybe<ResolversTypes['ServerKey']>, ParentType, ContextType>;
  fileTasks?: Resolver<Maybe<ReadonlyArray<ResolversTypes['FileTask']>>, ParentType, ContextType, RequireFields<QueryFileTasksArgs, 'city'>>;
};

export type MutationResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Mutation'] = ResolversParentTypes['Mutation']> = {
  uploadFile?: Resolver<Maybe<ResolversTypes['UploadFileResult']>, ParentType, ContextType, RequireFields<MutationUploadFileArgs, 'input'>>;
  requestUpload?: Resolver<Maybe<ResolversTypes['RequestUploadResult']>, ParentType, ContextType, RequireFields<MutationRequestUploadArgs, 'input'>>;
  resumeUpload?: Resolver<Maybe<ResolversTypes['ResumeUploadResult']>, ParentType, ContextType, RequireFields<MutationResumeUploadArgs, 'uploadId'>>;
  finishUpload?: Resolver<Maybe<ResolversTypes['FinishUploadResult']>, ParentType, ContextType, RequireFields<MutationFinishUploadArgs, 'uploadId'>>;
  deleteFile?: Resolver<Maybe<ResolversTypes['DeleteFileResult']>, ParentType, ContextType, RequireFields<MutationDeleteFileArgs, 'id'>>;
  attachFile?: Resolver<Maybe<ResolversTypes['AttachFileResult']>, ParentType, ContextType, RequireFields<MutationAttachFileArgs, 'fileId' | 'appointmentId'>>;
  detachFile?: Resolver<Maybe<ResolversTypes['DetachFileResult']>, ParentType, ContextType, RequireFields<MutationDetachFileArgs, 'fileId' | 'appointmentId'>>;
  rotateKeys?: Resolver<Maybe<ResolversTypes['FileTask']>, ParentType, ContextType, RequireFields<MutationRotateKeysArgs, 'city' | 'newKey'>>;
  scrubFiles?: Resolver<Maybe<ResolversTypes['FileTask']>, ParentType, ContextType, RequireFields<MutationScrubFilesArgs, 'city'>>;
};

export type Resolvers<ContextType = Context> = {
  DateTime?: GraphQLScalarType;
  Base64?: GraphQLScalarType;
  ByteCount?: GraphQLScalarType;
  Node?: NodeResolvers<ContextType>;
  Refusal?: RefusalResolvers<ContextType>;
  PageInfo?: PageInfoResolvers<ContextType>;
  City?: CityResolvers<ContextType>;
  FileCopy?: FileCopyResolvers<ContextType>;
  FileDownload?: FileDownloadResolvers<ContextType>;
  MedicalFileVersion?: MedicalFileVersionResolvers<ContextType>;
  MedicalFile?: MedicalFileResolvers<ContextType>;
  MedicalFileConnection?: MedicalFileConnectionResolvers<ContextType>;
  MedicalFileEdge?: MedicalFileEdgeResolvers<ContextType>;
  MedicalFileVersionConnection?: MedicalFileVersionConnectionResolvers<ContextType>;
  MedicalFileVersionEdge?: MedicalFileVersionEdgeResolvers<ContextType>;
  Patient?: PatientResolvers<ContextType>;
  Appointment?: AppointmentResolvers<ContextType>;
  ServerKey?: ServerKeyResolvers<ContextType>;
  FileUpload?: FileUploadResolvers<ContextType>;
  FileTask?: FileTaskResolvers<ContextType>;
  FileNotFound?: FileNotFoundResolvers<ContextType>;
  UploadNotFound?: UploadNotFoundResolvers<ContextType>;
  UploadIncomplete?: UploadIncompleteResolvers<ContextType>;
  QuotaExceeded?: QuotaExceededResolvers<ContextType>;
  ContentRefused?: ContentRefusedResolvers<ContextType>;
  PatientNotFound?: PatientNotFoundResolvers<ContextType>;
  AppointmentNotFound?: AppointmentNotFoundResolvers<ContextType>;
  CityUnavailable?: CityUnavailableResolvers<ContextType>;
  UploadFileSuccess?: UploadFileSuccessResolvers<ContextType>;
  RequestUploadSuccess?: RequestUploadSuccessResolvers<ContextType>;
  DeleteFileSuccess?: DeleteFileSuccessResolvers<ContextType>;
  AttachFileSuccess?: AttachFileSuccessResolvers<ContextType>;
  DetachFileSuccess?: DetachFileSuccessResolvers<ContextType>;
  UploadFileResult?: UploadFileResultResolvers<ContextType>;
  RequestUploadResult?: RequestUploadResultResolvers<ContextType>;
  ResumeUploadResult?: ResumeUploadResultResolvers<ContextType>;
  FinishUploadResult?: FinishUploadResultResolvers<ContextType>;
  DeleteFileResult?: DeleteFileResultResolvers<ContextType>;
  AttachFileResult?: AttachFileResultResolvers<ContextType>;
  DetachFileResult?: DetachFileResultResolvers<ContextType>;
  Query?: QueryResolvers<ContextType>;
  Mutation?: MutationResolvers<ContextType>;
};
