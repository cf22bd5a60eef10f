// Written by "npm run codegen" from schema/scheduling.graphql; change that file and run it again.
import type { GraphQLResolveInfo, GraphQLScalarType, GraphQLScalarTypeConfig } from 'graphql';
import type { Slot as SlotModel } from '../domain/slot.ts';
import type { Appointment as AppointmentModel } from '../domain/appointment.ts';
import type { CityReference, Reference } from '../domain/references.ts';
import type { Fee as FeeModel } from '../domain/fee.ts';
import type { SlotChange as SlotChangeModel, AppointmentChange as AppointmentChangeModel } from '../domain/change.ts';
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
  /** A wall-clock time in a city's zone, `YYYY-MM-DDTHH:MM`; one that happens twice needs its offset (`2027-11-07T01:30-04:00`). */
  LocalDateTime: { input: string; output: string; }
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

/** An amount of money, exact. */
export type Money = {
  readonly __typename?: 'Money';
  /** Hundredths of the currency's unit. */
  readonly cents: Scalars['Int']['output'];
  /** ISO 4217, such as `CAD`. */
  readonly currency: Scalars['String']['output'];
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

/** What a practitioner charges for an appointment type under a plan. */
export type Fee = {
  readonly __typename?: 'Fee';
  /** Type of appointment, such as `PHYSICIAN`. */
  readonly appointmentType: Scalars['String']['output'];
  /** Code of the insurance plan. */
  readonly plan: Scalars['String']['output'];
  /** The whole amount. */
  readonly amount: Money;
  /** What the plan pays of it. */
  readonly planPays: Money;
};

/** Whether a slot can be booked at all. */
export type SlotStatus =
  /** Open to booking. */
  | 'OPEN'
  /** Removed; nobody can book it. */
  | 'REMOVED';

/** Time in which a type of appointment can be had. https://hl7.org/fhir/R4/slot.html */
export type Slot = Node & {
  readonly __typename?: 'Slot';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** The same id, as the key by which `node` finds the owner of the record; not shown to callers. */
  readonly nodeId: Scalars['ID']['output'];
  /** City, part of the day (`M` `A` `E` `N`) and `DDMMYY` of the local start: `MTLA100227`. Several slots can share one. */
  readonly code: Scalars['String']['output'];
  /** Where it takes place. */
  readonly city: City;
  /** Type of appointment, such as `PHYSICIAN`. */
  readonly appointmentType: Scalars['String']['output'];
  /** Who gives it; null where the slot names nobody. */
  readonly practitioner?: Maybe<Practitioner>;
  /** First instant of the slot. */
  readonly start: Scalars['DateTime']['output'];
  /** First instant that is no longer part of the slot. */
  readonly end: Scalars['DateTime']['output'];
  /** Places in all. */
  readonly capacity: Scalars['Int']['output'];
  /** Places taken by appointments. */
  readonly booked: Scalars['Int']['output'];
  /** Places that can be booked now: capacity − booked − held. */
  readonly available: Scalars['Int']['output'];
  /** Whether it is open. */
  readonly status: SlotStatus;
  /** Appointments in this slot, by time of booking; for staff. */
  readonly appointments?: Maybe<AppointmentConnection>;
};


/** Time in which a type of appointment can be had. https://hl7.org/fhir/R4/slot.html */
export type SlotAppointmentsArgs = {
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};

/** Where an appointment stands. */
export type AppointmentStatus =
  /** Reserved at home, not yet confirmed by the host city. */
  | 'PENDING'
  /** Taken and confirmed. */
  | 'BOOKED'
  /** Given back. */
  | 'CANCELLED';

/** A place in a slot, taken by a patient. https://hl7.org/fhir/R4/appointment.html */
export type Appointment = Node & {
  readonly __typename?: 'Appointment';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** The same id, as the key by which `node` finds the owner of the record; not shown to callers. */
  readonly nodeId: Scalars['ID']['output'];
  /** The slot it takes a place of. */
  readonly slot?: Maybe<Slot>;
  /** Who comes. */
  readonly patient?: Maybe<Patient>;
  /** Where it stands. */
  readonly status: AppointmentStatus;
  /** When the place was taken. */
  readonly bookedAt: Scalars['DateTime']['output'];
  /** When it begins. */
  readonly start: Scalars['DateTime']['output'];
  /** First instant after it. */
  readonly end: Scalars['DateTime']['output'];
  /** City where it takes place. */
  readonly city: City;
  /** Type of appointment, such as `PHYSICIAN`. */
  readonly appointmentType: Scalars['String']['output'];
  /** When this was true, where a replica gave it while the city's primary is down; null from the primary. */
  readonly asOf?: Maybe<Scalars['DateTime']['output']>;
};

/** A person who receives care. https://hl7.org/fhir/R4/patient.html */
export type Patient = {
  readonly __typename?: 'Patient';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** The schedule, read from the home city alone, grouped by type and ordered by start. */
  readonly appointments?: Maybe<AppointmentConnection>;
};


/** A person who receives care. https://hl7.org/fhir/R4/patient.html */
export type PatientAppointmentsArgs = {
  from?: InputMaybe<Scalars['DateTime']['input']>;
  to?: InputMaybe<Scalars['DateTime']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};

/** A person who gives care. https://hl7.org/fhir/R4/practitioner.html */
export type Practitioner = {
  readonly __typename?: 'Practitioner';
  /** Opaque; begins with the code of the city whose server keeps the record. */
  readonly id: Scalars['ID']['output'];
  /** Slots of this practitioner, by start; from now on unless `from` says otherwise. */
  readonly slots?: Maybe<SlotConnection>;
  /** What they charge, per appointment type and plan. */
  readonly fees?: Maybe<ReadonlyArray<Fee>>;
};


/** A person who gives care. https://hl7.org/fhir/R4/practitioner.html */
export type PractitionerSlotsArgs = {
  from?: InputMaybe<Scalars['DateTime']['input']>;
  to?: InputMaybe<Scalars['DateTime']['input']>;
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};

/** A slot in a list. */
export type SlotEdge = {
  readonly __typename?: 'SlotEdge';
  /** Give it as `after` to continue behind this edge. */
  readonly cursor: Scalars['String']['output'];
  /** The slot. */
  readonly node: Slot;
};

/** A page of slots. */
export type SlotConnection = {
  readonly __typename?: 'SlotConnection';
  /** The entries with their cursors, in order. */
  readonly edges: ReadonlyArray<SlotEdge>;
  /** The entries alone, in order. */
  readonly nodes: ReadonlyArray<Slot>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
  /** What each city gave. */
  readonly cityStates: ReadonlyArray<CityState>;
  /** Where a feed can begin so that nothing is missed after this answer. */
  readonly feedCursor?: Maybe<Scalars['String']['output']>;
};

/** An appointment in a list. */
export type AppointmentEdge = {
  readonly __typename?: 'AppointmentEdge';
  /** Give it as `after` to continue behind this edge. */
  readonly cursor: Scalars['String']['output'];
  /** The appointment. */
  readonly node: Appointment;
};

/** A page of appointments. */
export type AppointmentConnection = {
  readonly __typename?: 'AppointmentConnection';
  /** The entries with their cursors, in order. */
  readonly edges: ReadonlyArray<AppointmentEdge>;
  /** The entries alone, in order. */
  readonly nodes: ReadonlyArray<Appointment>;
  /** Where this page stands in the list. */
  readonly pageInfo: PageInfo;
  /** When this page was true, where a replica gave it while the city's primary is down; null from the primary. */
  readonly asOf?: Maybe<Scalars['DateTime']['output']>;
};

/** All that is given must hold. `from` and `to` bound the start, `[from, to)`; lists begin now where neither says otherwise, feeds are not bounded. */
export type SlotFilter = {
  /** Codes of cities; all when left out. */
  readonly cities?: InputMaybe<ReadonlyArray<Scalars['String']['input']>>;
  /** Type of appointment, such as `PHYSICIAN`. */
  readonly appointmentType?: InputMaybe<Scalars['String']['input']>;
  /** Who gives it. */
  readonly practitionerId?: InputMaybe<Scalars['ID']['input']>;
  /** Earliest start. */
  readonly from?: InputMaybe<Scalars['DateTime']['input']>;
  /** Starts before this. */
  readonly to?: InputMaybe<Scalars['DateTime']['input']>;
  /** Only slots with a free place that have not begun. */
  readonly onlyAvailable?: InputMaybe<Scalars['Boolean']['input']>;
};

/** The time is given in one of three ways: `start` and `end`; `localStart` and `localEnd`; or `code`, for the whole part of that day. */
export type AddSlotInput = {
  /** Code of the city; the caller's own when left out. */
  readonly city?: InputMaybe<Scalars['String']['input']>;
  /** Type of appointment, one of `appointmentTypes`. */
  readonly appointmentType: Scalars['String']['input'];
  /** 1–1,000 places. */
  readonly capacity: Scalars['Int']['input'];
  /** Who gives it; nobody in particular when left out. */
  readonly practitionerId?: InputMaybe<Scalars['ID']['input']>;
  /** First instant. */
  readonly start?: InputMaybe<Scalars['DateTime']['input']>;
  /** First instant that is no longer part of it. */
  readonly end?: InputMaybe<Scalars['DateTime']['input']>;
  /** Start on the clocks of the city. */
  readonly localStart?: InputMaybe<Scalars['LocalDateTime']['input']>;
  /** End on the clocks of the city. */
  readonly localEnd?: InputMaybe<Scalars['LocalDateTime']['input']>;
  /** City, part of the day and `DDMMYY`, such as `MTLA100227`. */
  readonly code?: InputMaybe<Scalars['String']['input']>;
};

/** Which place, for whom. */
export type BookAppointmentInput = {
  /** The slot. */
  readonly slotId: Scalars['ID']['input'];
  /** The caller when left out. */
  readonly patientId?: InputMaybe<Scalars['ID']['input']>;
  /** 1–64 of `A-Za-z0-9_-`, chosen by the caller, kept 24 h: the same key with the same input gets the same answer. */
  readonly idempotencyKey: Scalars['String']['input'];
};

/** The slot is open. */
export type AddSlotSuccess = {
  readonly __typename?: 'AddSlotSuccess';
  /** The new slot. */
  readonly slot: Slot;
};

/** The place is taken. */
export type BookAppointmentSuccess = {
  readonly __typename?: 'BookAppointmentSuccess';
  /** The appointment. */
  readonly appointment: Appointment;
  /** Whether this is the answer to an earlier request with the same key. */
  readonly replayed: Scalars['Boolean']['output'];
};

/** The place is given back. */
export type CancelAppointmentSuccess = {
  readonly __typename?: 'CancelAppointmentSuccess';
  /** The appointment, cancelled. */
  readonly appointment: Appointment;
};

/** No such slot. */
export type SlotNotFound = Refusal & {
  readonly __typename?: 'SlotNotFound';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** The slot was removed. */
export type SlotRemoved = Refusal & {
  readonly __typename?: 'SlotRemoved';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** The slot has begun. */
export type SlotAlreadyStarted = Refusal & {
  readonly __typename?: 'SlotAlreadyStarted';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** A slot of that type, start and practitioner exists, or another slot of the practitioner overlaps it. */
export type SlotAlreadyExists = Refusal & {
  readonly __typename?: 'SlotAlreadyExists';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
  /** The slot in the way; null when it was removed just now. */
  readonly existing?: Maybe<Slot>;
};

/** The city offers no such type. */
export type UnknownAppointmentType = Refusal & {
  readonly __typename?: 'UnknownAppointmentType';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
  /** Types that can be had. */
  readonly known: ReadonlyArray<Scalars['String']['output']>;
};

/** No place is left. */
export type SlotFull = Refusal & {
  readonly __typename?: 'SlotFull';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
  /** Closest open slots of the same type, in any city. */
  readonly alternatives: ReadonlyArray<Slot>;
};

/** The same key came with another input. */
export type IdempotencyMismatch = Refusal & {
  readonly __typename?: 'IdempotencyMismatch';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** The patient has a place in this slot. */
export type AlreadyBooked = Refusal & {
  readonly __typename?: 'AlreadyBooked';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** The patient has an appointment of this type on that day. */
export type SameTypeSameDay = Refusal & {
  readonly __typename?: 'SameTypeSameDay';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** The patient has an appointment at that time. */
export type OverlappingAppointment = Refusal & {
  readonly __typename?: 'OverlappingAppointment';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** The patient has as many appointments outside the home city as one week allows. */
export type WeeklyLimitReached = Refusal & {
  readonly __typename?: 'WeeklyLimitReached';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
  /** ISO week, such as `2027-W06`. */
  readonly week: Scalars['String']['output'];
  /** How many a week allows. */
  readonly limit: Scalars['Int']['output'];
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

/** No such patient, or none for whom the caller may do this. */
export type PatientNotFound = Refusal & {
  readonly __typename?: 'PatientNotFound';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** No such practitioner, or none of whom this can be done: of that city, of another one, with a grant that lasts. */
export type PractitionerNotFound = Refusal & {
  readonly __typename?: 'PractitionerNotFound';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** No such appointment, or none for which the caller may do this. */
export type AppointmentNotFound = Refusal & {
  readonly __typename?: 'AppointmentNotFound';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
};

/** Too late for the patient to cancel; staff still can. */
export type NoticeWindowPassed = Refusal & {
  readonly __typename?: 'NoticeWindowPassed';
  /** What happened, for a person to read. */
  readonly message: Scalars['String']['output'];
  /** How long before the start a patient can cancel. */
  readonly noticeMinutes: Scalars['Int']['output'];
};

/** What opening a slot comes to. */
export type AddSlotResult = AddSlotSuccess | SlotAlreadyExists | UnknownAppointmentType | PractitionerNotFound | CityUnavailable;

/** What booking comes to. */
export type BookAppointmentResult = BookAppointmentSuccess | PatientNotFound | SlotNotFound | SlotRemoved | SlotAlreadyStarted | IdempotencyMismatch | AlreadyBooked | SameTypeSameDay | OverlappingAppointment | WeeklyLimitReached | SlotFull | CityUnavailable;

/** What cancelling comes to. */
export type CancelAppointmentResult = CancelAppointmentSuccess | AppointmentNotFound | NoticeWindowPassed | CityUnavailable;

/** What happened to a slot. */
export type SlotChangeKind =
  /** It was opened. */
  | 'ADDED'
  /** Its places or its capacity changed. */
  | 'CHANGED'
  /** It was removed. */
  | 'REMOVED'
  /** The cursor is too old: read again, then follow from `feedCursor`. */
  | 'RESTART';

/** Something happened to a slot. */
export type SlotChange = {
  readonly __typename?: 'SlotChange';
  /** Give it as `after` to continue behind this change. */
  readonly cursor: Scalars['String']['output'];
  /** What happened. */
  readonly kind: SlotChangeKind;
  /** Code of the city; null on `RESTART`. */
  readonly city?: Maybe<Scalars['String']['output']>;
  /** Id of the slot; null on `RESTART`. */
  readonly slotId?: Maybe<Scalars['ID']['output']>;
  /** The slot as it is now. */
  readonly slot?: Maybe<Slot>;
  /** When it happened. */
  readonly at: Scalars['DateTime']['output'];
};

/** Something happened to an appointment of the patient. */
export type AppointmentChange = {
  readonly __typename?: 'AppointmentChange';
  /** Give it as `after` to continue behind this change. */
  readonly cursor: Scalars['String']['output'];
  /** What happened. */
  readonly kind: AppointmentChangeKind;
  /** Id of the appointment; null on `RESTART`. */
  readonly appointmentId?: Maybe<Scalars['ID']['output']>;
  /** The appointment as the patient's home city knows it now. */
  readonly appointment?: Maybe<Appointment>;
  /** When it happened. */
  readonly at: Scalars['DateTime']['output'];
};

/** What happened to an appointment. */
export type AppointmentChangeKind =
  /** It was booked. */
  | 'BOOKED'
  /** It was cancelled. */
  | 'CANCELLED'
  /** The cursor is too old: read again, then follow anew. */
  | 'RESTART';

export type Query = {
  readonly __typename?: 'Query';
  /** The cities of the network; no login is needed. */
  readonly cities?: Maybe<ReadonlyArray<City>>;
  /** Types of appointment that can be had; no login is needed. */
  readonly appointmentTypes?: Maybe<ReadonlyArray<Scalars['String']['output']>>;
  /** Slots of all cities, by start, from now on unless the filter says otherwise. A city that is down costs its own rows alone. */
  readonly slots?: Maybe<SlotConnection>;
  /** One slot by its id. */
  readonly slot?: Maybe<Slot>;
  /** Slots that share a code. */
  readonly slotsByCode?: Maybe<ReadonlyArray<Slot>>;
  /** One appointment; what the caller may not see is `NOT_FOUND`. */
  readonly appointment?: Maybe<Appointment>;
};


export type QuerySlotsArgs = {
  filter: SlotFilter;
  first?: InputMaybe<Scalars['Int']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
};


export type QuerySlotArgs = {
  id: Scalars['ID']['input'];
};


export type QuerySlotsByCodeArgs = {
  code: Scalars['String']['input'];
};


export type QueryAppointmentArgs = {
  id: Scalars['ID']['input'];
};

export type Mutation = {
  readonly __typename?: 'Mutation';
  /** Opens a slot in the admin's own city. */
  readonly addSlot?: Maybe<AddSlotResult>;
  /** Takes a place, atomically. Of several reasons to refuse the first is told: not found, removed, started, mismatch, already booked, same day, overlap, weekly limit, full. */
  readonly bookAppointment?: Maybe<BookAppointmentResult>;
  /** Gives a place back: by the patient up to the notice window, by staff always. */
  readonly cancelAppointment?: Maybe<CancelAppointmentResult>;
};


export type MutationAddSlotArgs = {
  input: AddSlotInput;
};


export type MutationBookAppointmentArgs = {
  input: BookAppointmentInput;
};


export type MutationCancelAppointmentArgs = {
  appointmentId: Scalars['ID']['input'];
  reason?: InputMaybe<Scalars['String']['input']>;
};

export type Subscription = {
  readonly __typename?: 'Subscription';
  /** Changes of slots that match the filter before or after the change. */
  readonly slotChanged?: Maybe<SlotChange>;
  /** Changes of a patient's appointments; for whoever may read the schedule. */
  readonly appointmentChanged?: Maybe<AppointmentChange>;
};


export type SubscriptionSlotChangedArgs = {
  filter: SlotFilter;
  after?: InputMaybe<Scalars['String']['input']>;
};


export type SubscriptionAppointmentChangedArgs = {
  patientId?: InputMaybe<Scalars['ID']['input']>;
  after?: InputMaybe<Scalars['String']['input']>;
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
  Slot: Slot;
  Appointment: Appointment;
  Patient: Patient;
  Practitioner: Practitioner;
};

/** Mapping of federation reference types */
export type FederationReferenceTypes = {
  City:
    ( { __typename: 'City' }
    & GraphQLRecursivePick<FederationTypes['City'], {"code":true}> );
  Slot:
    ( { __typename: 'Slot' }
    & ( GraphQLRecursivePick<FederationTypes['Slot'], {"id":true}>
        | GraphQLRecursivePick<FederationTypes['Slot'], {"nodeId":true}> ) );
  Appointment:
    ( { __typename: 'Appointment' }
    & ( GraphQLRecursivePick<FederationTypes['Appointment'], {"id":true}>
        | GraphQLRecursivePick<FederationTypes['Appointment'], {"nodeId":true}> ) );
  Patient:
    ( { __typename: 'Patient' }
    & GraphQLRecursivePick<FederationTypes['Patient'], {"id":true}> );
  Practitioner:
    ( { __typename: 'Practitioner' }
    & GraphQLRecursivePick<FederationTypes['Practitioner'], {"id":true}> );
};

/** Mapping of union types */
export type ResolversUnionTypes<_RefType extends Record<string, unknown>> = {
  AddSlotResult:
    | ( Omit<AddSlotSuccess, 'slot'> & { slot: _RefType['Slot'] } )
    | ( Omit<SlotAlreadyExists, 'existing'> & { existing?: Maybe<_RefType['Slot']> } )
    | ( UnknownAppointmentType )
    | ( PractitionerNotFound )
    | ( CityUnavailable )
  ;
  BookAppointmentResult:
    | ( Omit<BookAppointmentSuccess, 'appointment'> & { appointment: _RefType['Appointment'] } )
    | ( PatientNotFound )
    | ( SlotNotFound )
    | ( SlotRemoved )
    | ( SlotAlreadyStarted )
    | ( IdempotencyMismatch )
    | ( AlreadyBooked )
    | ( SameTypeSameDay )
    | ( OverlappingAppointment )
    | ( WeeklyLimitReached )
    | ( Omit<SlotFull, 'alternatives'> & { alternatives: ReadonlyArray<_RefType['Slot']> } )
    | ( CityUnavailable )
  ;
  CancelAppointmentResult:
    | ( Omit<CancelAppointmentSuccess, 'appointment'> & { appointment: _RefType['Appointment'] } )
    | ( AppointmentNotFound )
    | ( NoticeWindowPassed )
    | ( CityUnavailable )
  ;
};

/** Mapping of interface types */
export type ResolversInterfaceTypes<_RefType extends Record<string, unknown>> = {
  Node:
    | ( SlotModel )
    | ( AppointmentModel )
  ;
  Refusal:
    | ( SlotNotFound )
    | ( SlotRemoved )
    | ( SlotAlreadyStarted )
    | ( Omit<SlotAlreadyExists, 'existing'> & { existing?: Maybe<_RefType['Slot']> } )
    | ( UnknownAppointmentType )
    | ( Omit<SlotFull, 'alternatives'> & { alternatives: ReadonlyArray<_RefType['Slot']> } )
    | ( IdempotencyMismatch )
    | ( AlreadyBooked )
    | ( SameTypeSameDay )
    | ( OverlappingAppointment )
    | ( WeeklyLimitReached )
    | ( CityUnavailable )
    | ( PatientNotFound )
    | ( PractitionerNotFound )
    | ( AppointmentNotFound )
    | ( NoticeWindowPassed )
  ;
};

/** Mapping between all available schema types and the resolvers types */
export type ResolversTypes = {
  DateTime: ResolverTypeWrapper<Scalars['DateTime']['output']>;
  LocalDateTime: ResolverTypeWrapper<Scalars['LocalDateTime']['output']>;
  Node: ResolverTypeWrapper<ResolversInterfaceTypes<ResolversTypes>['Node']>;
  ID: ResolverTypeWrapper<Scalars['ID']['output']>;
  Refusal: ResolverTypeWrapper<ResolversInterfaceTypes<ResolversTypes>['Refusal']>;
  String: ResolverTypeWrapper<Scalars['String']['output']>;
  PageInfo: ResolverTypeWrapper<PageInfo>;
  Boolean: ResolverTypeWrapper<Scalars['Boolean']['output']>;
  CityStateKind: CityStateKind;
  CityState: ResolverTypeWrapper<CityState>;
  Money: ResolverTypeWrapper<Money>;
  Int: ResolverTypeWrapper<Scalars['Int']['output']>;
  City: ResolverTypeWrapper<CityReference>;
  Fee: ResolverTypeWrapper<FeeModel>;
  SlotStatus: SlotStatus;
  Slot: ResolverTypeWrapper<SlotModel>;
  AppointmentStatus: AppointmentStatus;
  Appointment: ResolverTypeWrapper<AppointmentModel>;
  Patient: ResolverTypeWrapper<Reference>;
  Practitioner: ResolverTypeWrapper<Reference>;
  SlotEdge: ResolverTypeWrapper<Omit<SlotEdge, 'node'> & { node: ResolversTypes['Slot'] }>;
  SlotConnection: ResolverTypeWrapper<Omit<SlotConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversTypes['SlotEdge']>, nodes: ReadonlyArray<ResolversTypes['Slot']> }>;
  AppointmentEdge: ResolverTypeWrapper<Omit<AppointmentEdge, 'node'> & { node: ResolversTypes['Appointment'] }>;
  AppointmentConnection: ResolverTypeWrapper<Omit<AppointmentConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversTypes['AppointmentEdge']>, nodes: ReadonlyArray<ResolversTypes['Appointment']> }>;
  SlotFilter: SlotFilter;
  AddSlotInput: AddSlotInput;
  BookAppointmentInput: BookAppointmentInput;
  AddSlotSuccess: ResolverTypeWrapper<Omit<AddSlotSuccess, 'slot'> & { slot: ResolversTypes['Slot'] }>;
  BookAppointmentSuccess: ResolverTypeWrapper<Omit<BookAppointmentSuccess, 'appointment'> & { appointment: ResolversTypes['Appointment'] }>;
  CancelAppointmentSuccess: ResolverTypeWrapper<Omit<CancelAppointmentSuccess, 'appointment'> & { appointment: ResolversTypes['Appointment'] }>;
  SlotNotFound: ResolverTypeWrapper<SlotNotFound>;
  SlotRemoved: ResolverTypeWrapper<SlotRemoved>;
  SlotAlreadyStarted: ResolverTypeWrapper<SlotAlreadyStarted>;
  SlotAlreadyExists: ResolverTypeWrapper<Omit<SlotAlreadyExists, 'existing'> & { existing?: Maybe<ResolversTypes['Slot']> }>;
  UnknownAppointmentType: ResolverTypeWrapper<UnknownAppointmentType>;
  SlotFull: ResolverTypeWrapper<Omit<SlotFull, 'alternatives'> & { alternatives: ReadonlyArray<ResolversTypes['Slot']> }>;
  IdempotencyMismatch: ResolverTypeWrapper<IdempotencyMismatch>;
  AlreadyBooked: ResolverTypeWrapper<AlreadyBooked>;
  SameTypeSameDay: ResolverTypeWrapper<SameTypeSameDay>;
  OverlappingAppointment: ResolverTypeWrapper<OverlappingAppointment>;
  WeeklyLimitReached: ResolverTypeWrapper<WeeklyLimitReached>;
  CityUnavailable: ResolverTypeWrapper<CityUnavailable>;
  PatientNotFound: ResolverTypeWrapper<PatientNotFound>;
  PractitionerNotFound: ResolverTypeWrapper<PractitionerNotFound>;
  AppointmentNotFound: ResolverTypeWrapper<AppointmentNotFound>;
  NoticeWindowPassed: ResolverTypeWrapper<NoticeWindowPassed>;
  AddSlotResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['AddSlotResult']>;
  BookAppointmentResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['BookAppointmentResult']>;
  CancelAppointmentResult: ResolverTypeWrapper<ResolversUnionTypes<ResolversTypes>['CancelAppointmentResult']>;
  SlotChangeKind: SlotChangeKind;
  SlotChange: ResolverTypeWrapper<SlotChangeModel>;
  AppointmentChange: ResolverTypeWrapper<AppointmentChangeModel>;
  AppointmentChangeKind: AppointmentChangeKind;
  Query: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Mutation: ResolverTypeWrapper<Record<PropertyKey, never>>;
  Subscription: ResolverTypeWrapper<Record<PropertyKey, never>>;
};

/** Mapping between all available schema types and the resolvers parents */
export type ResolversParentTypes = {
  DateTime: Scalars['DateTime']['output'];
  LocalDateTime: Scalars['LocalDateTime']['output'];
  Node: ResolversInterfaceTypes<ResolversParentTypes>['Node'];
  ID: Scalars['ID']['output'];
  Refusal: ResolversInterfaceTypes<ResolversParentTypes>['Refusal'];
  String: Scalars['String']['output'];
  PageInfo: PageInfo;
  Boolean: Scalars['Boolean']['output'];
  CityState: CityState;
  Money: Money;
  Int: Scalars['Int']['output'];
  City: CityReference;
  Fee: FeeModel;
  Slot: SlotModel;
  Appointment: AppointmentModel;
  Patient: Reference;
  Practitioner: Reference;
  SlotEdge: Omit<SlotEdge, 'node'> & { node: ResolversParentTypes['Slot'] };
  SlotConnection: Omit<SlotConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversParentTypes['SlotEdge']>, nodes: ReadonlyArray<ResolversParentTypes['Slot']> };
  AppointmentEdge: Omit<AppointmentEdge, 'node'> & { node: ResolversParentTypes['Appointment'] };
  AppointmentConnection: Omit<AppointmentConnection, 'edges' | 'nodes'> & { edges: ReadonlyArray<ResolversParentTypes['AppointmentEdge']>, nodes: ReadonlyArray<ResolversParentTypes['Appointment']> };
  SlotFilter: SlotFilter;
  AddSlotInput: AddSlotInput;
  BookAppointmentInput: BookAppointmentInput;
  AddSlotSuccess: Omit<AddSlotSuccess, 'slot'> & { slot: ResolversParentTypes['Slot'] };
  BookAppointmentSuccess: Omit<BookAppointmentSuccess, 'appointment'> & { appointment: ResolversParentTypes['Appointment'] };
  CancelAppointmentSuccess: Omit<CancelAppointmentSuccess, 'appointment'> & { appointment: ResolversParentTypes['Appointment'] };
  SlotNotFound: SlotNotFound;
  SlotRemoved: SlotRemoved;
  SlotAlreadyStarted: SlotAlreadyStarted;
  SlotAlreadyExists: Omit<SlotAlreadyExists, 'existing'> & { existing?: Maybe<ResolversParentTypes['Slot']> };
  UnknownAppointmentType: UnknownAppointmentType;
  SlotFull: Omit<SlotFull, 'alternatives'> & { alternatives: ReadonlyArray<ResolversParentTypes['Slot']> };
  IdempotencyMismatch: IdempotencyMismatch;
  AlreadyBooked: AlreadyBooked;
  SameTypeSameDay: SameTypeSameDay;
  OverlappingAppointment: OverlappingAppointment;
  WeeklyLimitReached: WeeklyLimitReached;
  CityUnavailable: CityUnavailable;
  PatientNotFound: PatientNotFound;
  PractitionerNotFound: PractitionerNotFound;
  AppointmentNotFound: AppointmentNotFound;
  NoticeWindowPassed: NoticeWindowPassed;
  AddSlotResult: ResolversUnionTypes<ResolversParentTypes>['AddSlotResult'];
  BookAppointmentResult: ResolversUnionTypes<ResolversParentTypes>['BookAppointmentResult'];
  CancelAppointmentResult: ResolversUnionTypes<ResolversParentTypes>['CancelAppointmentResult'];
  SlotChange: SlotChangeModel;
  AppointmentChange: AppointmentChangeModel;
  Query: Record<PropertyKey, never>;
  Mutation: Record<PropertyKey, never>;
  Subscription: Record<PropertyKey, never>;
};

export interface DateTimeScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['DateTime'], any> {
  name: 'DateTime';
}

export interface LocalDateTimeScalarConfig extends GraphQLScalarTypeConfig<ResolversTypes['LocalDateTime'], any> {
  name: 'LocalDateTime';
}

export type NodeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Node'] = ResolversParentTypes['Node']> = {
  __resolveType: TypeResolveFn<'Slot' | 'Appointment', ParentType, ContextType>;
};

export type RefusalResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Refusal'] = ResolversParentTypes['Refusal']> = {
  __resolveType: TypeResolveFn<'SlotNotFound' | 'SlotRemoved' | 'SlotAlreadyStarted' | 'SlotAlreadyExists' | 'UnknownAppointmentType' | 'SlotFull' | 'IdempotencyMismatch' | 'AlreadyBooked' | 'SameTypeSameDay' | 'OverlappingAppointment' | 'WeeklyLimitReached' | 'CityUnavailable' | 'PatientNotFound' | 'PractitionerNotFound' | 'AppointmentNotFound' | 'NoticeWindowPassed', ParentType, ContextType>;
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

export type MoneyResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Money'] = ResolversParentTypes['Money']> = {
  cents?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  currency?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type CityResolvers<ContextType = Context, ParentType extends ResolversParentTypes['City'] = ResolversParentTypes['City'], FederationReferenceType extends FederationReferenceTypes['City'] = FederationReferenceTypes['City']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['City']> | FederationReferenceType, FederationReferenceType, ContextType>;
  code?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  name?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  timeZone?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
};

export type FeeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Fee'] = ResolversParentTypes['Fee']> = {
  appointmentType?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  plan?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  amount?: Resolver<ResolversTypes['Money'], ParentType, ContextType>;
  planPays?: Resolver<ResolversTypes['Money'], ParentType, ContextType>;
};

export type SlotResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Slot'] = ResolversParentTypes['Slot'], FederationReferenceType extends FederationReferenceTypes['Slot'] = FederationReferenceTypes['Slot']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Slot']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  nodeId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  code?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  city?: Resolver<ResolversTypes['City'], ParentType, ContextType>;
  appointmentType?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  practitioner?: Resolver<Maybe<ResolversTypes['Practitioner']>, ParentType, ContextType>;
  start?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  end?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  capacity?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  booked?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  available?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  status?: Resolver<ResolversTypes['SlotStatus'], ParentType, ContextType>;
  appointments?: Resolver<Maybe<ResolversTypes['AppointmentConnection']>, ParentType, ContextType, RequireFields<SlotAppointmentsArgs, 'first'>>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type AppointmentResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Appointment'] = ResolversParentTypes['Appointment'], FederationReferenceType extends FederationReferenceTypes['Appointment'] = FederationReferenceTypes['Appointment']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Appointment']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  nodeId?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  slot?: Resolver<Maybe<ResolversTypes['Slot']>, ParentType, ContextType>;
  patient?: Resolver<Maybe<ResolversTypes['Patient']>, ParentType, ContextType>;
  status?: Resolver<ResolversTypes['AppointmentStatus'], ParentType, ContextType>;
  bookedAt?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  start?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  end?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
  city?: Resolver<ResolversTypes['City'], ParentType, ContextType>;
  appointmentType?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  asOf?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PatientResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Patient'] = ResolversParentTypes['Patient'], FederationReferenceType extends FederationReferenceTypes['Patient'] = FederationReferenceTypes['Patient']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Patient']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  appointments?: Resolver<Maybe<ResolversTypes['AppointmentConnection']>, ParentType, ContextType, RequireFields<PatientAppointmentsArgs, 'first'>>;
};

export type PractitionerResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Practitioner'] = ResolversParentTypes['Practitioner'], FederationReferenceType extends FederationReferenceTypes['Practitioner'] = FederationReferenceTypes['Practitioner']> = {
  __resolveReference?: ReferenceResolver<Maybe<ResolversTypes['Practitioner']> | FederationReferenceType, FederationReferenceType, ContextType>;
  id?: Resolver<ResolversTypes['ID'], ParentType, ContextType>;
  slots?: Resolver<Maybe<ResolversTypes['SlotConnection']>, ParentType, ContextType, RequireFields<PractitionerSlotsArgs, 'first'>>;
  fees?: Resolver<Maybe<ReadonlyArray<ResolversTypes['Fee']>>, ParentType, ContextType>;
};

export type SlotEdgeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['SlotEdge'] = ResolversParentTypes['SlotEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['Slot'], ParentType, ContextType>;
};

export type SlotConnectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['SlotConnection'] = ResolversParentTypes['SlotConnection']> = {
  edges?: Resolver<ReadonlyArray<ResolversTypes['SlotEdge']>, ParentType, ContextType>;
  nodes?: Resolver<ReadonlyArray<ResolversTypes['Slot']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
  cityStates?: Resolver<ReadonlyArray<ResolversTypes['CityState']>, ParentType, ContextType>;
  feedCursor?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
};

export type AppointmentEdgeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AppointmentEdge'] = ResolversParentTypes['AppointmentEdge']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  node?: Resolver<ResolversTypes['Appointment'], ParentType, ContextType>;
};

export type AppointmentConnectionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AppointmentConnection'] = ResolversParentTypes['AppointmentConnection']> = {
  edges?: Resolver<ReadonlyArray<ResolversTypes['AppointmentEdge']>, ParentType, ContextType>;
  nodes?: Resolver<ReadonlyArray<ResolversTypes['Appointment']>, ParentType, ContextType>;
  pageInfo?: Resolver<ResolversTypes['PageInfo'], ParentType, ContextType>;
  asOf?: Resolver<Maybe<ResolversTypes['DateTime']>, ParentType, ContextType>;
};

export type AddSlotSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AddSlotSuccess'] = ResolversParentTypes['AddSlotSuccess']> = {
  slot?: Resolver<ResolversTypes['Slot'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type BookAppointmentSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['BookAppointmentSuccess'] = ResolversParentTypes['BookAppointmentSuccess']> = {
  appointment?: Resolver<ResolversTypes['Appointment'], ParentType, ContextType>;
  replayed?: Resolver<ResolversTypes['Boolean'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CancelAppointmentSuccessResolvers<ContextType = Context, ParentType extends ResolversParentTypes['CancelAppointmentSuccess'] = ResolversParentTypes['CancelAppointmentSuccess']> = {
  appointment?: Resolver<ResolversTypes['Appointment'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type SlotNotFoundResolvers<ContextType = Context, ParentType extends ResolversParentTypes['SlotNotFound'] = ResolversParentTypes['SlotNotFound']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type SlotRemovedResolvers<ContextType = Context, ParentType extends ResolversParentTypes['SlotRemoved'] = ResolversParentTypes['SlotRemoved']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type SlotAlreadyStartedResolvers<ContextType = Context, ParentType extends ResolversParentTypes['SlotAlreadyStarted'] = ResolversParentTypes['SlotAlreadyStarted']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type SlotAlreadyExistsResolvers<ContextType = Context, ParentType extends ResolversParentTypes['SlotAlreadyExists'] = ResolversParentTypes['SlotAlreadyExists']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  existing?: Resolver<Maybe<ResolversTypes['Slot']>, ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type UnknownAppointmentTypeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['UnknownAppointmentType'] = ResolversParentTypes['UnknownAppointmentType']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  known?: Resolver<ReadonlyArray<ResolversTypes['String']>, ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type SlotFullResolvers<ContextType = Context, ParentType extends ResolversParentTypes['SlotFull'] = ResolversParentTypes['SlotFull']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  alternatives?: Resolver<ReadonlyArray<ResolversTypes['Slot']>, ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type IdempotencyMismatchResolvers<ContextType = Context, ParentType extends ResolversParentTypes['IdempotencyMismatch'] = ResolversParentTypes['IdempotencyMismatch']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type AlreadyBookedResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AlreadyBooked'] = ResolversParentTypes['AlreadyBooked']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type SameTypeSameDayResolvers<ContextType = Context, ParentType extends ResolversParentTypes['SameTypeSameDay'] = ResolversParentTypes['SameTypeSameDay']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type OverlappingAppointmentResolvers<ContextType = Context, ParentType extends ResolversParentTypes['OverlappingAppointment'] = ResolversParentTypes['OverlappingAppointment']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type WeeklyLimitReachedResolvers<ContextType = Context, ParentType extends ResolversParentTypes['WeeklyLimitReached'] = ResolversParentTypes['WeeklyLimitReached']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  week?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  limit?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type CityUnavailableResolvers<ContextType = Context, ParentType extends ResolversParentTypes['CityUnavailable'] = ResolversParentTypes['CityUnavailable']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  city?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  retryAfterSeconds?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PatientNotFoundResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PatientNotFound'] = ResolversParentTypes['PatientNotFound']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type PractitionerNotFoundResolvers<ContextType = Context, ParentType extends ResolversParentTypes['PractitionerNotFound'] = ResolversParentTypes['PractitionerNotFound']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type AppointmentNotFoundResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AppointmentNotFound'] = ResolversParentTypes['AppointmentNotFound']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type NoticeWindowPassedResolvers<ContextType = Context, ParentType extends ResolversParentTypes['NoticeWindowPassed'] = ResolversParentTypes['NoticeWindowPassed']> = {
  message?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  noticeMinutes?: Resolver<ResolversTypes['Int'], ParentType, ContextType>;
  __isTypeOf?: IsTypeOfResolverFn<ParentType, ContextType>;
};

export type AddSlotResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AddSlotResult'] = ResolversParentTypes['AddSlotResult']> = {
  __resolveType: TypeResolveFn<'AddSlotSuccess' | 'SlotAlreadyExists' | 'UnknownAppointmentType' | 'PractitionerNotFound' | 'CityUnavailable', ParentType, ContextType>;
};

export type BookAppointmentResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['BookAppointmentResult'] = ResolversParentTypes['BookAppointmentResult']> = {
  __resolveType: TypeResolveFn<'BookAppointmentSuccess' | 'PatientNotFound' | 'SlotNotFound' | 'SlotRemoved' | 'SlotAlreadyStarted' | 'IdempotencyMismatch' | 'AlreadyBooked' | 'SameTypeSameDay' | 'OverlappingAppointment' | 'WeeklyLimitReached' | 'SlotFull' | 'CityUnavailable', ParentType, ContextType>;
};

export type CancelAppointmentResultResolvers<ContextType = Context, ParentType extends ResolversParentTypes['CancelAppointmentResult'] = ResolversParentTypes['CancelAppointmentResult']> = {
  __resolveType: TypeResolveFn<'CancelAppointmentSuccess' | 'AppointmentNotFound' | 'NoticeWindowPassed' | 'CityUnavailable', ParentType, ContextType>;
};

export type SlotChangeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['SlotChange'] = ResolversParentTypes['SlotChange']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  kind?: Resolver<ResolversTypes['SlotChangeKind'], ParentType, ContextType>;
  city?: Resolver<Maybe<ResolversTypes['String']>, ParentType, ContextType>;
  slotId?: Resolver<Maybe<ResolversTypes['ID']>, ParentType, ContextType>;
  slot?: Resolver<Maybe<ResolversTypes['Slot']>, ParentType, ContextType>;
  at?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
};

export type AppointmentChangeResolvers<ContextType = Context, ParentType extends ResolversParentTypes['AppointmentChange'] = ResolversParentTypes['AppointmentChange']> = {
  cursor?: Resolver<ResolversTypes['String'], ParentType, ContextType>;
  kind?: Resolver<ResolversTypes['AppointmentChangeKind'], ParentType, ContextType>;
  appointmentId?: Resolver<Maybe<ResolversTypes['ID']>, ParentType, ContextType>;
  appointment?: Resolver<Maybe<ResolversTypes['Appointment']>, ParentType, ContextType>;
  at?: Resolver<ResolversTypes['DateTime'], ParentType, ContextType>;
};

export type QueryResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Query'] = ResolversParentTypes['Query']> = {
  cities?: Resolver<Maybe<ReadonlyArray<ResolversTypes['City']>>, ParentType, ContextType>;
  appointmentTypes?: Resolver<Maybe<ReadonlyArray<ResolversTypes['String']>>, ParentType, ContextType>;
  slots?: Resolver<Maybe<ResolversTypes['SlotConnection']>, ParentType, ContextType, RequireFields<QuerySlotsArgs, 'filter' | 'first'>>;
  slot?: Resolver<Maybe<ResolversTypes['Slot']>, ParentType, ContextType, RequireFields<QuerySlotArgs, 'id'>>;
  slotsByCode?: Resolver<Maybe<ReadonlyArray<ResolversTypes['Slot']>>, ParentType, ContextType, RequireFields<QuerySlotsByCodeArgs, 'code'>>;
  appointment?: Resolver<Maybe<ResolversTypes['Appointment']>, ParentType, ContextType, RequireFields<QueryAppointmentArgs, 'id'>>;
};

export type MutationResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Mutation'] = ResolversParentTypes['Mutation']> = {
  addSlot?: Resolver<Maybe<ResolversTypes['AddSlotResult']>, ParentType, ContextType, RequireFields<MutationAddSlotArgs, 'input'>>;
  bookAppointment?: Resolver<Maybe<ResolversTypes['BookAppointmentResult']>, ParentType, ContextType, RequireFields<MutationBookAppointmentArgs, 'input'>>;
  cancelAppointment?: Resolver<Maybe<ResolversTypes['CancelAppointmentResult']>, ParentType, ContextType, RequireFields<MutationCancelAppointmentArgs, 'appointmentId'>>;
};

export type SubscriptionResolvers<ContextType = Context, ParentType extends ResolversParentTypes['Subscription'] = ResolversParentTypes['Subscription']> = {
  slotChanged?: SubscriptionResolver<Maybe<ResolversTypes['SlotChange']>, "slotChanged", ParentType, ContextType, RequireFields<SubscriptionSlotChangedArgs, 'filter'>>;
  appointmentChanged?: SubscriptionResolver<Maybe<ResolversTypes['AppointmentChange']>, "appointmentChanged", ParentType, ContextType, Partial<SubscriptionAppointmentChangedArgs>>;
};

export type Resolvers<ContextType = Context> = {
  DateTime?: GraphQLScalarType;
  LocalDateTime?: GraphQLScalarType;
  Node?: NodeResolvers<ContextType>;
  Refusal?: RefusalResolvers<ContextType>;
  PageInfo?: PageInfoResolvers<ContextType>;
  CityState?: CityStateResolvers<ContextType>;
  Money?: MoneyResolvers<ContextType>;
  City?: CityResolvers<ContextType>;
  Fee?: FeeResolvers<ContextType>;
  Slot?: SlotResolvers<ContextType>;
  Appointment?: AppointmentResolvers<ContextType>;
  Patient?: PatientResolvers<ContextType>;
  Practitioner?: PractitionerResolvers<ContextType>;
  SlotEdge?: SlotEdgeResolvers<ContextType>;
  SlotConnection?: SlotConnectionResolvers<ContextType>;
  AppointmentEdge?: AppointmentEdgeResolvers<ContextType>;
  AppointmentConnection?: AppointmentConnectionResolvers<ContextType>;
  AddSlotSuccess?: AddSlotSuccessResolvers<ContextType>;
  BookAppointmentSuccess?: BookAppointmentSuccessResolvers<ContextType>;
  CancelAppointmentSuccess?: CancelAppointmentSuccessResolvers<ContextType>;
  SlotNotFound?: SlotNotFoundResolvers<ContextType>;
  SlotRemoved?: SlotRemovedResolvers<ContextType>;
  SlotAlreadyStarted?: SlotAlreadyStartedResolvers<ContextType>;
  SlotAlreadyExists?: SlotAlreadyExistsResolvers<ContextType>;
  UnknownAppointmentType?: UnknownAppointmentTypeResolvers<ContextType>;
  SlotFull?: SlotFullResolvers<ContextType>;
  IdempotencyMismatch?: IdempotencyMismatchResolvers<ContextType>;
  AlreadyBooked?: AlreadyBookedResolvers<ContextType>;
  SameTypeSameDay?: SameTypeSameDayResolvers<ContextType>;
  OverlappingAppointment?: OverlappingAppointmentResolvers<ContextType>;
  WeeklyLimitReached?: WeeklyLimitReachedResolvers<ContextType>;
  CityUnavailable?: CityUnavailableResolvers<ContextType>;
  PatientNotFound?: PatientNotFoundResolvers<ContextType>;
  PractitionerNotFound?: PractitionerNotFoundResolvers<ContextType>;
  AppointmentNotFound?: AppointmentNotFoundResolvers<ContextType>;
  NoticeWindowPassed?: NoticeWindowPassedResolvers<ContextType>;
  AddSlotResult?: AddSlotResultResolvers<ContextType>;
  BookAppointmentResult?: BookAppointmentResultResolvers<ContextType>;
  CancelAppointmentResult?: CancelAppointmentResultResolvers<ContextType>;
  SlotChange?: SlotChangeResolvers<ContextType>;
  AppointmentChange?: AppointmentChangeResolvers<ContextType>;
  Query?: QueryResolvers<ContextType>;
  Mutation?: MutationResolvers<ContextType>;
  Subscription?: SubscriptionResolvers<ContextType>;
};
