// Written by "npm run codegen" from schema/audit.graphql; change that file and run it again.
import type { GraphQLResolveInfo, GraphQLScalarType, GraphQLScalarTypeConfig } from 'graphql';
import type { CheckpointView, ProofView, ShardView, VerificationView, ConsistencyView, PatientReference } from '../domain/log-view.ts';
import type { SeenEvent } from '../domain/audit-event.ts';
import type { CityView } from '../domain/city.ts';
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
  /** A whole number from 0 to 2^53 − 1: how many entries, or which; a JSON number. */
  EntryCount: { input: number; output: number; }
  _FieldSet: { input: string; output: string; }
};

/** Anything that has an id. */
export type Node = {
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
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
  /** The latest checkpoint of the city's audit log; null before its first. */
  readonly checkpoint?: Maybe<AuditCheckpoint>;
};

/** What a city's audit log says of itself, signed by its key. https://c2sp.org/tlog-checkpoint */
export type AuditCheckpoint = {
  readonly __typename?: 'AuditCheckpoint';
  /** Code of the city. */
  readonly city: Scalars['String']['output'];
  /** Which shard of the city's log it is of, from 1. */
  readonly shard: Scalars['Int']['output'];
  /** Name of the log and of its key, such as `caregraph.example/audit/MTL`. */
  readonly origin: Scalars['String']['output'];
  /** How many entries the log has. */
  readonly size: Scalars['EntryCount']['output'];
  /** Root of the tree over them, 32 bytes in base64. */
  readonly root: Scalars['String']['output'];
  /** The signed note, as `/audit/{city}/checkpoint` gives it. Signed by the log alone unless it carries lines of witnesses. */
  readonly note: Scalars['String']['output'];
  /** When it was signed. */
  readonly signedAt: Scalars['DateTime']['output'];
  /** Who cosigned it, as far as their signatures in `note` verify; the city's own witness is not among them. */
  readonly witnesses: ReadonlyArray<AuditWitness>;
  /** Whether as many witnesses cosigned as the policy asks for, `/audit/{city}/policy`. Never without a cosignature that verifies. */
  readonly isWitnessed: Scalars['Boolean']['output'];
  /** The newest time at or after which as many witnesses cosigned as the policy asks for: until then these knew of nothing newer. Null where too few did. */
  readonly cosignedAt?: Maybe<Scalars['DateTime']['output']>;
};

/** A part of a city's audit log, a log of its own: with its own name, key and tree. Its first entry says how the one before ended. */
export type AuditShard = {
  readonly __typename?: 'AuditShard';
  /** Its number, from 1. */
  readonly shard: Scalars['Int']['output'];
  /** Name of its log and of its key: the city's own for the first, then that with the number behind it. */
  readonly origin: Scalars['String']['output'];
  /** Its public key, `<name>+<id>+<base64>`; null until it was seen by a sequencer. */
  readonly key?: Maybe<Scalars['String']['output']>;
  /** When it began. */
  readonly beganAt: Scalars['DateTime']['output'];
  /** When it was closed; null for the current one. */
  readonly closedAt?: Maybe<Scalars['DateTime']['output']>;
  /** How many entries it has. */
  readonly size: Scalars['EntryCount']['output'];
  /** Its latest checkpoint, the final one where it is closed. */
  readonly checkpoint?: Maybe<AuditCheckpoint>;
  /** Whether its entries were taken into the archive and are no longer here. */
  readonly isRetired: Scalars['Boolean']['output'];
};

/** Another city, or somebody else, who saw that a log only grew. https://c2sp.org/tlog-witness */
export type AuditWitness = {
  readonly __typename?: 'AuditWitness';
  /** Name in the policy; the code of a city. */
  readonly name: Scalars['String']['output'];
  /** When the witness signed, by its own clock. */
  readonly at: Scalars['DateTime']['output'];
};

/** That an event stands in its city's log. RFC 6962, section 2.1.1 */
export type AuditProof = {
  readonly __typename?: 'AuditProof';
  /** Which entry it is, from 0. */
  readonly leafIndex: Scalars['EntryCount']['output'];
  /** How many entries the tree has that it is proven in. */
  readonly treeSize: Scalars['EntryCount']['output'];
  /** The way to the root, from the leaf's sibling up; each 32 bytes in base64. */
  readonly hashes: ReadonlyArray<Scalars['String']['output']>;
  /** The checkpoint with that tree's root. */
  readonly checkpoint: AuditCheckpoint;
};

/** That a log of one size is the beginning of the same log later on. RFC 6962, section 2.1.2 */
export type ConsistencyProof = {
  readonly __typename?: 'ConsistencyProof';
  /** Size of the older tree. */
  readonly fromSize: Scalars['EntryCount']['output'];
  /** Size of the newer tree. */
  readonly toSize: Scalars['EntryCount']['output'];
  /** The proof, each hash 32 bytes in base64; empty where the sizes are the same or the older one is 0. */
  readonly hashes: ReadonlyArray<Scalars['String']['output']>;
  /** The latest checkpoint; its root is that of the newer tree where `toSize` is its size. */
  readonly checkpoint: AuditCheckpoint;
};

/** How far the verifying of a log is. */
export type AuditVerificationState =
  /** It is being gone through; ask again. */
  | 'RUNNING'
  /** Entries, tiles and every published checkpoint belong together. */
  | 'SOUND'
  /** They do not; `firstBadIndex` tells the first entry. */
  | 'BROKEN';

/** What is wrong in a log's database. */
export type AuditLogFault =
  /** Entries, or checkpoints, are not those that were published. */
  | 'ENTRIES'
  /** The entries are those that were published; hashes of the tree, or what is kept of their order, are not. They can be made anew from the entries. */
  | 'TILES'
  /** Entries lie in no shard: somebody put them behind the end of what was logged before a restore, or in the place of a shard that was retired. Nothing proves them; `unplaced` tells how many. */
  | 'UNPLACED';

/** What going through a city's log in its database came to. Whoever is to believe nobody verifies the public files instead: `npm run verify-audit`, or the page `/verify`. */
export type AuditVerification = {
  readonly __typename?: 'AuditVerification';
  /** Code of the city. */
  readonly city: Scalars['String']['output'];
  /** How far it is. */
  readonly state: AuditVerificationState;
  /** How many entries there are to go through: those under checkpoints, of all shards that are still in the database. */
  readonly size: Scalars['EntryCount']['output'];
  /** How many were gone through. */
  readonly checked: Scalars['EntryCount']['output'];
  /** Number of the shard that is not sound, from 1. */
  readonly shard?: Maybe<Scalars['Int']['output']>;
  /** The first entry of that shard that is not as it was published. */
  readonly firstBadIndex?: Maybe<Scalars['EntryCount']['output']>;
  /** What is wrong. */
  readonly fault?: Maybe<AuditLogFault>;
  /** How many entries lie in no shard, so that no checkpoint is over them; null until that was looked at. */
  readonly unplaced?: Maybe<Scalars['EntryCount']['output']>;
  /** Id of the event of the first of them, by its number in the database. */
  readonly firstUnplaced?: Maybe<Scalars['ID']['output']>;
  /** When this run began. */
  readonly startedAt: Scalars['DateTime']['output'];
  /** When it ended; null while it runs. */
  readonly finishedAt?: Maybe<Scalars['DateTime']['output']>;
  /** The latest checkpoint of the log, as of now. */
  readonly checkpoint?: Maybe<AuditCheckpoint>;
  /** Whether its `cosignedAt` is more than 24 hours ago, though a log is cosigned anew each hour, also while nothing is written. Null where no witness says. */
  readonly isStale?: Maybe<Scalars['Boolean']['output']>;
};

/** A person who receives care. https://hl7.org/fhir/R4/patient.html */
export type Patient = {
  readonly __typename?: 'Patient';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** Who read or changed what of this patient, and who tried: acts of all cities, newest first; by the patient and by auditors. Reading it is audited. */
  readonly auditTrail?: Maybe<AuditEventConnection>;
};


/** A person who receives care. https://hl7.org/fhir/R4/patient.html */
export type PatientAuditTrailArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};

/** What was done. https://hl7.org/fhir/R4/valueset-audit-event-action.html */
export type AuditAction =
  /** `C`: something new was written. */
  | 'CREATE'
  /** `R`: something was read. */
  | 'READ'
  /** `U`: something was changed. */
  | 'UPDATE'
  /** `D`: something was deleted. */
  | 'DELETE'
  /** `E`: something was carried out, such as a login or a search. */
  | 'EXECUTE';

/** How it ended. https://hl7.org/fhir/R4/valueset-audit-event-outcome.html */
export type AuditOutcome =
  /** The act was done. */
  | 'SUCCESS'
  /** The act was refused; the system works as it should. */
  | 'MINOR_FAILURE'
  /** The act was denied: the caller was not allowed. */
  | 'SERIOUS_FAILURE'
  /** The act failed for a reason of the system's own. */
  | 'MAJOR_FAILURE';

/** Who took part in an act. */
export type AuditAgent = {
  readonly __typename?: 'AuditAgent';
  /** `PATIENT`, `PRACTITIONER`, `ADMIN`, `AUDITOR`, `SERVICE` or `ANONYMOUS`. */
  readonly role: Scalars['String']['output'];
  /** City of the agent's account. */
  readonly city?: Maybe<Scalars['String']['output']>;
  /** Id of the account; null once it was erased, or where nobody was logged in. */
  readonly accountId?: Maybe<Scalars['ID']['output']>;
};

/** What an act was about. */
export type AuditEntity = {
  readonly __typename?: 'AuditEntity';
  /** FHIR name of the kind: `Patient`, `Slot`, `Appointment` … */
  readonly kind: Scalars['String']['output'];
  /** Id of the thing; null where there was none. */
  readonly id?: Maybe<Scalars['ID']['output']>;
  /** SHA-256 of the version read or written, in hexadecimal. */
  readonly sha256?: Maybe<Scalars['String']['output']>;
};

/** One act, as it was recorded when it happened. Shape after IHE BALP and https://hl7.org/fhir/R4/auditevent.html */
export type AuditEvent = Node & {
  readonly __typename?: 'AuditEvent';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** The same id, as the key by which `node` finds the owner of the record; not shown to callers. */
  readonly nodeId: Scalars['ID']['output'];
  /** City whose server decided the act. */
  readonly city: City;
  /** When it was recorded. */
  readonly recordedAt: Scalars['DateTime']['output'];
  /** What was done. */
  readonly action: AuditAction;
  /** Name of the act: `bookAppointment`, `login` … */
  readonly act: Scalars['String']['output'];
  /** How it ended. */
  readonly outcome: AuditOutcome;
  /** Name of the refusal or of the error code; null on success. */
  readonly outcomeReason?: Maybe<Scalars['String']['output']>;
  /** Why: code of https://terminology.hl7.org/CodeSystem-v3-ActReason.html, `TREAT`, `PATRQT`, `HOPERAT` … */
  readonly purpose: Scalars['String']['output'];
  /** Who acted. */
  readonly agent: AuditAgent;
  /** What the act was about. */
  readonly entities: ReadonlyArray<AuditEntity>;
  /** The patient this is about; null once erased, or where it is about none. */
  readonly patient?: Maybe<Patient>;
  /** Ties together what one request did. */
  readonly requestId: Scalars['String']['output'];
  /** The entry as it is hashed into the log: JSON in the form of RFC 8785, with salted commitments in the place of personal values. */
  readonly leaf: Scalars['String']['output'];
  /** The event as a FHIR R4 AuditEvent in JSON, of the IHE BALP profile that it claims, with its place in the log where it has one. https://hl7.org/fhir/R4/auditevent.html */
  readonly fhir: Scalars['String']['output'];
  /** That this event is in the log; null until it is under a checkpoint, at most a second later. */
  readonly proof?: Maybe<AuditProof>;
  /** The same as a file that can be checked offline and for good, with `leaf` beside it. https://c2sp.org/tlog-proof */
  readonly tlogProof?: Maybe<Scalars['String']['output']>;
};

/** An audit event in a list. */
export type AuditEventEdge = {
  readonly __typename?: 'AuditEventEdge';
  /** Give it as `after` to continue behind this edge. */
  readonly cursor: Scalars['String']['output'];
  /** The event. */
  readonly node: AuditEvent;
};

/** A page of audit events. */
export type AuditEventConnection = {
  readonly __typename?: 'AuditEventConnection';
  /** The entries with their cursors, in order. */
  readonly edges: ReadonlyArray<AuditEventEdge>;
  /** The entries alone, in order. */
  readonly nodes: ReadonlyArray<AuditEvent>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
  /** What each city gave. */
  readonly cityStates: ReadonlyArray<CityState>;
};

/** A part of an export of audit events. */
export type AuditExportPage = {
  readonly __typename?: 'AuditExportPage';
  /** One FHIR R4 AuditEvent a line, as `AuditEvent.fhir` gives it, newest first. https://hl7.org/fhir/R4/nd-json.html */
  readonly ndjson: Scalars['String']['output'];
  /** How many lines. */
  readonly count: Scalars['Int']['output'];
  /** Give it as `after` to continue behind the last line; null where there is none. */
  readonly endCursor?: Maybe<Scalars['String']['output']>;
  /** Whether more follows. */
  readonly hasNextPage: Scalars['Boolean']['output'];
  /** What each city gave. What one did not give is missing here and in what follows. */
  readonly cityStates: ReadonlyArray<CityState>;
};

/** All that is given must hold. `from` and `to` bound the time of recording, `[from, to)`. */
export type AuditEventFilter = {
  /** Code of the city that decided the act; all when left out. */
  readonly city?: InputMaybe<Scalars['String']['input']>;
  /** Acts about this patient. */
  readonly patientId?: InputMaybe<Scalars['ID']['input']>;
  /** Id of the account that acted. */
  readonly actorId?: InputMaybe<Scalars['ID']['input']>;
  /** What was done. */
  readonly action?: InputMaybe<AuditAction>;
  /** Name of the act, such as `bookAppointment`. One that nobody writes and that no log of the asked cities holds is `BAD_USER_INPUT`. */
  readonly act?: InputMaybe<Scalars['String']['input']>;
  /** How it ended. */
  readonly outcome?: InputMaybe<AuditOutcome>;
  /** Earliest time of recording. */
  readonly from?: InputMaybe<Scalars['DateTime']['input']>;
  /** Recorded before this. */
  readonly to?: InputMaybe<Scalars['DateTime']['input']>;
};

export type Query = {
  readonly __typename?: 'Query';
  /** Audit events, newest first; by auditors. Reading them is audited. */
  readonly auditEvents?: Maybe<AuditEventConnection>;
  /** The same events in parts of up to 1,000, each as FHIR; by auditors. A part is recorded as one act, with its filter, its ends and the hash of what it held. */
  readonly auditExport?: Maybe<AuditExportPage>;
  /** One audit event; by auditors. */
  readonly auditEvent?: Maybe<AuditEvent>;
  /** The latest checkpoint of a city's audit log, of its current shard when `shard` is left out; null where there is no such shard. For anybody. */
  readonly auditCheckpoint?: Maybe<AuditCheckpoint>;
  /** The shards of a city's audit log, oldest first; for anybody. */
  readonly auditShards?: Maybe<ReadonlyArray<AuditShard>>;
  /** That a shard of a city's log, the current one when `shard` is left out, has only grown from one size to another; to its latest checkpoint when `toSize` is left out. For anybody. */
  readonly consistencyProof?: Maybe<ConsistencyProof>;
  /** Goes through a city's log in its database, or tells how far that is; by auditors. One run a city at a time; its result is given again for some seconds. Asking is audited. */
  readonly verifyAuditLog?: Maybe<AuditVerification>;
};


export type QueryAuditEventsArgs = {
  filter?: InputMaybe<AuditEventFilter>;
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


export type QueryAuditExportArgs = {
  filter?: InputMaybe<AuditEventFilter>;
  limit?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


export type QueryAuditEventArgs = {
  id: Scalars['ID']['input'];
};


export type QueryAuditCheckpointArgs = {
  city: Scalars['String']['input'];
  shard?: InputMaybe<Scalars['Int']['input']>;
};


export type QueryAuditShardsArgs = {
  city: Scalars['String']['input'];
};


export type QueryConsistencyProofArgs = {
  city: Scalars['String']['input'];
  fromSize: Scalars['EntryCount']['input'];
  toSize?: InputMaybe<Scalars['EntryCount']['input']>;
  shard?: InputMaybe<Scalars['Int']['input']>;
};


export type QueryVerifyAuditLogArgs = {
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
  Patient: Patient;
  AuditEvent: AuditEvent;
};

/** Mapping of federation reference types */
export type FederationReferenceTypes = {
  City:
    ( { __typename: 'City' }
    & GraphQLRecursivePick<FederationTypes['City'], {"code":true}> );
  Patient:
    ( { __typename: 'Patient' }
    & GraphQLRecursivePick<FederationTypes['Patient'], {"id":true}> );
  AuditEvent:
    ( { __typename: 'AuditEvent' }
    & ( GraphQLRecursivePick<FederationTypes['AuditEvent'], {"id":true}>
        | GraphQLRecursivePick<FederationTypes['AuditEvent'], {"nodeId":true}> ) );
};


/** Mapping of interface types */
export type ResolversInterfaceTypes<_RefType extends Record<string, unknown>> = {
  Node: ( SeenEvent );
};

/** Mapping between all available schema types and the resolvers types */
export type ResolversTypes = {
  DateTime: ResolverTypeWrapper<Scalars['DateTime']['output']>;
  EntryCount: ResolverTypeWrapper<Scalars['EntryCount']['output']>;
  Node: ResolverTypeWrapper<ResolversInterfaceTypes<ResolversTypes>['Node']>;
  ID: ResolverTypeWrapper<Scalars['ID']['output']>;
  PageInfo: ResolverTypeWrapper<PageInfo>;
  Boolean: ResolverTypeWrapper<Scalars['Boolean']['output']>;
  String: ResolverTypeWrapper<Scalars['String']['output']>;
  CityStateKind: CityStateKind;
  CityState: ResolverTypeWrapper<CityState>;
  City: ResolverTypeWrapper<CityView>;
  AuditCheckpoint: ResolverTypeWrapper<CheckpointView>;
  Int: ResolverTypeWrapper<Scalars['Int']['output']>;
  AuditShard: ResolverTypeWrapper<ShardView>;
  AuditWitness: ResolverTypeWrapper<AuditWitness>;
  AuditProof: ResolverTypeWrapper<ProofView>;
  ConsistencyProof: ResolverTypeWrapper<ConsistencyView>;
  AuditVerificationState: AuditVerificationState;
  AuditLogFault: AuditLogFault;
  AuditVerification: ResolverTypeWrapper<VerificationView>;
  Patient: ResolverTypeWrapper<PatientReference>;
  AuditAction: AuditAction;
  AuditOutcome: AuditOutcome;
  AuditAgent: ResolverTypeWrapper<AuditAgent>;
  AuditEntity: ResolverTypeWrapper<AuditEntity>;
  AuditEvent: ResolverTypeWrapper<SeenEvent>;
  AuditEventEdge: ResolverTypeWrapper<Omit<AuditEventEdge, 'node'> & { node: ResolversTypes['AuditEvent'] }>;
  AuditEventConnection: ResolverTypeWrapper<Omit<AuditEventConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversTypes['AuditEventEdge']>, nodes: ReadonlyArray<ResolversTypes['AuditEvent']> }>;
  AuditExportPage: ResolverTypeWrapper<AuditExportPage>;
  AuditEventFilter: AuditEventFilter;
  Query: ResolverTypeWrapper<Record<PropertyKey, never>>;
};

/** Mapping between all available schema types and the resolvers parents */
export type ResolversParentTypes = {
  DateTime: Scalars['DateTime']['output'];
  EntryCount: Scalars['EntryCount']['output'];
  Node: ResolversInterfaceTypes<ResolversParentTypes>['Node'];
  ID: Scalars['ID']['output'];
  PageInfo: PageInfo;
  Boolean: Scalars['Boolean']['output'];
  String: Scalars['String']['output'];
  CityState: CityState;
  City: CityView;
  AuditCheckpoint: CheckpointView;
  Int: Scalars['Int']['output'];
  AuditShard: ShardView;
  AuditWitness: AuditWitness;
  AuditProof: ProofView;
  ConsistencyProof: ConsistencyView;
  AuditVerification: VerificationView;
  Patient: PatientReference;
  AuditAgent: AuditAgent;
  AuditEntity: AuditEntity;
  AuditEvent: SeenEvent;
  AuditEventEdge: Omit<AuditEventEdge, 'node'> & { node: ResolversParentTypes['AuditEvent'] };
  AuditEventConnection: Omit<AuditEventConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversParentTypes['AuditEventEdge']>, nodes: ReadonlyArray<ResolversParentTypes['AuditEvent']> };
  AuditExportPage: AuditExportPage;
  AuditEventFilter: AuditEventFilter;
  Query: Record<PropertyKey, never>;
};

export interface DateTimeScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['DateTime'], any> {
  name: 'DateTime';
}

export interface EntryCountScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['EntryCount'], any> {
  name: 'EntryCount';
}

export type NodeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Node'] = ResolversParentTypes['Node']> = {
  __resolveType: TypeResolveFn<'AuditEvent', ParentType, ContextType>;
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
  checkpoint?: Resolver<Maybe<ResolversTypes['AuditCheckpoint']>, ParentType, ContextType>;
};

export type AuditCheckpointResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditCheckpoint'] = ResolversParentTypes['AuditCheckpoint']> = {
  city?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  shard?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  origin?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  size?: Resolver<ResolversTypes['EntryCount'], ParentType, ContextType>;
  root?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  note?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  signedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  witnesses?: Resolver<ReadonlyArray<ResolversTypes['AuditWitness']>, ParentType, ContextType>;
  isWitnessed?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  cosignedAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
};

export type AuditShardResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditShard'] = ResolversParentTypes['AuditShard']> = {
  shard?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  origin?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  key?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  beganAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  closedAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  size?: Resolver<ResolversTypes['EntryCount'], ParentType, ContextType>;
  checkpoint?: Resolver<Maybe<ResolversTypes['AuditCheckpoint']>, ParentType, ContextType>;
  isRetired?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
};

export type AuditWitnessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditWitness'] = ResolversParentTypes['AuditWitness']> = {
  name?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  at?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
};

export type AuditProofResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditProof'] = ResolversParentTypes['AuditProof']> = {
  leafIndex?: Resolver<ResolversTypes['EntryCount'], ParentType, ContextType>;
  treeSize?: Resolver<ResolversTypes['EntryCount'], ParentType, ContextType>;
  hashes?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
  checkpoint?: Resolver<ResolversTypes['AuditCheckpoint'], ParentType, ContextType>;
};

export type ConsistencyProofResolvers<ContextType = Context, ParentType extends ResolversParentTypes['ConsistencyProof'] = ResolversParentTypes['ConsistencyProof']> = {
  fromSize?: Resolver<ResolversTypes['EntryCount'], ParentType, ContextType>;
  toSize?: Resolver<ResolversTypes['EntryCount'], ParentType, ContextType>;
  hashes?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
  checkpoint?: Resolver<ResolversTypes['AuditCheckpoint'], ParentType, ContextType>;
};

export type AuditVerificationResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditVerification'] = ResolversParentTypes['AuditVerification']> = {
  city?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  state?: Resolver<ResolversTypes['AuditVerificationState'], ParentType, ContextType>;
  size?: Resolver<ResolversTypes['EntryCount'], ParentType, ContextType>;
  checked?: Resolver<ResolversTypes['EntryCount'], ParentType, ContextType>;
  shard?: Resolver<Maybe<ResolversTypes['Int']>, ParentType, ContextType>;
  firstBadIndex?: Resolver<Maybe<ResolversTypes['EntryCount']>, ParentType, ContextType>;
  fault?: Resolver<Maybe<ResolversTypes['AuditLogFault']>, ParentType, ContextType>;
  unplaced?: Resolver<Maybe<ResolversTypes['EntryCount']>, ParentType, ContextType>;
  firstUnplaced?: Resolver<Maybe<ResolversTypes['ID']>, ParentType, ContextType>;
  startedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  finishedAt?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  checkpoint?: Resolver<Maybe<ResolversTypes['AuditCheckpoint']>, ParentType, ContextType>;
  isStale?: Resolver<Maybe<ResolversTypes['Boolean']>, ParentType, ContextType>;
};

export type PatientResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Patient'] = ResolversParentTypes['Patient'], FederationReferenceType extends FederationReferenceTypes['Patient'] = FederationReferenceTypes['Patient']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Patient']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  auditTrail?: Resolver<Maybe<ResolversTypes['AuditEventConnection']>, ParentType, ContextType, RequireFields<PatientAuditTrailArgs, 'first'>>;
};

export type AuditAgentResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditAgent'] = ResolversParentTypes['AuditAgent']> = {
  role?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  city?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  accountId?: Resolver<Maybe<ResolversTypes['ID']>, ParentType, ContextType>;
};

export type AuditEntityResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditEntity'] = ResolversParentTypes['AuditEntity']> = {
  kind?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  id?: Resolver<Maybe<ResolversTypes['ID']>, ParentType, ContextType>;
  sha256?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type AuditEventResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditEvent'] = ResolversParentTypes['AuditEvent'], FederationReferenceType extends FederationReferenceTypes['AuditEvent'] = FederationReferenceTypes['AuditEvent']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['AuditEvent']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  nodeId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  city?: Resolver<ResolversTypes['City'], ParentType, ContextType>;
  recordedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  action?: Resolver<ResolversTypes['AuditAction'], ParentType, ContextType>;
  act?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  outcome?: Resolver<ResolversTypes['AuditOutcome'], ParentType, ContextType>;
  outcomeReason?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  purpose?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  agent?: Resolver<ResolversTypes['AuditAgent'], ParentType, ContextType>;
  entities?: Resolver<ReadonlyArray<ResolversTypes['AuditEntity']>, ParentType, ContextType>;
  patient?: Resolver<Maybe<ResolversTypes['Patient']>, ParentType, ContextType>;
  requestId?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  leaf?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  fhir?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  proof?: Resolver<Maybe<ResolversTypes['AuditProof']>, ParentType, ContextType>;
  tlogProof?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type AuditEventEdgeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditEventEdge'] = ResolversParentTypes['AuditEventEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['AuditEvent'], ParentType, ContextType>;
};

export type AuditEventConnectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditEventConnection'] = ResolversParentTypes['AuditEventConnection']> = {
  edges?: Resolver<ReadonlyArray<ResolversTypes['AuditEventEdge']>, ParentType, ContextType>;
  nodes?: Resolver<ReadonlyArray<ResolversTypes['AuditEvent']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
  cityStates?: Resolver<ReadonlyArray<ResolversTypes['CityState']>, ParentType, ContextType>;
};

export type AuditExportPageResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AuditExportPage'] = ResolversParentTypes['AuditExportPage']> = {
  ndjson?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  count?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  endCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  hasNextPage?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  cityStates?: Resolver<ReadonlyArray<ResolversTypes['CityState']>, ParentType, ContextType>;
};

export type QueryResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Query'] = ResolversParentTypes['Query']> = {
  auditEvents?: Resolver<Maybe<ResolversTypes['AuditEventConnection']>, ParentType, ContextType, RequireFields<QueryAuditEventsArgs, 'first'>>;
  auditExport?: Resolver<Maybe<ResolversTypes['AuditExportPage']>, ParentType, ContextType, RequireFields<QueryAuditExportArgs, 'limit'>>;
  auditEvent?: Resolver<Maybe<ResolversTypes['AuditEvent']>, ParentType, ContextType, RequireFields<QueryAuditEventArgs, 'id'>>;
  auditCheckpoint?: Resolver<Maybe<ResolversTypes['AuditCheckpoint']>, ParentType, ContextType, RequireFields<QueryAuditCheckpointArgs, 'city'>>;
  auditShards?: Resolver<Maybe<ReadonlyArray<ResolversTypes['AuditShard']>>, ParentType, ContextType, RequireFields<QueryAuditShardsArgs, 'city'>>;
  consistencyProof?: Resolver<Maybe<ResolversTypes['ConsistencyProof']>, ParentType, ContextType, RequireFields<QueryConsistencyProofArgs, 'city' | 'fromSize'>>;
  verifyAuditLog?: Resolver<Maybe<ResolversTypes['AuditVerification']>, ParentType, ContextType, RequireFields<QueryVerifyAuditLogArgs, 'city'>>;
};

export type Resolvers<ContextType = Context> = {
  DateTime?: GraphQLScalarType;
  EntryCount?: GraphQLScalarType;
  Node?: NodeResolvers<ContextType>;
  PageInfo?: PageInfoResolvers<ContextType>;
  CityState?: CityStateResolvers<ContextType>;
  City?: CityResolvers<ContextType>;
  AuditCheckpoint?: AuditCheckpointResolvers<ContextType>;
  AuditShard?: AuditShardResolvers<ContextType>;
  AuditWitness?: AuditWitnessResolvers<ContextType>;
  AuditProof?: AuditProofResolvers<ContextType>;
  ConsistencyProof?: ConsistencyProofResolvers<ContextType>;
  AuditVerification?: AuditVerificationResolvers<ContextType>;
  Patient?: PatientResolvers<ContextType>;
  AuditAgent?: AuditAgentResolvers<ContextType>;
  AuditEntity?: AuditEntityResolvers<ContextType>;
  AuditEvent?: AuditEventResolvers<ContextType>;
  AuditEventEdge?: AuditEventEdgeResolvers<ContextType>;
  AuditEventConnection?: AuditEventConnectionResolvers<ContextType>;
  AuditExportPage?: AuditExportPageResolvers<ContextType>;
  Query?: QueryResolvers<ContextType>;
};
