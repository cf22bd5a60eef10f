import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import type { Spools } from '#platform/audit/spool.ts';
import type { CityConfig } from '#platform/config/city.ts';
import type { Secrets } from '#platform/config/secrets.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { DateTime, LocalDateTime } from '#platform/graphql/scalars.ts';
import type { Subgraph } from '#platform/graphql/subgraph.ts';
import type { Log } from '#platform/observability/log.ts';
import { makeCursorCodec } from '#platform/paging/connection.ts';
import { type Feed, startFeed } from '#platform/sequence/feed.ts';
import { type Relay, startRelay } from '#platform/sequence/relay.ts';
import type { Subjects } from '#platform/subjects/open-subjects.ts';
import type { Context, Services } from './context.ts';
import type { Resolvers } from './generated/resolvers.ts';
import { Appointment } from './resolvers/Appointment.ts';
import { AppointmentChange, City, Fee, Patient, Practitioner, SlotChange } from './resolvers/entities.ts';
import { FRENCH } from './resolvers/french.ts';
import { addSlot } from './resolvers/Mutation/addSlot.ts';
import { bookAppointment } from './resolvers/Mutation/bookAppointment.ts';
import { cancelAppointment } from './resolvers/Mutation/cancelAppointment.ts';
import { Query } from './resolvers/Query.ts';
import { Slot } from './resolvers/Slot.ts';
import { Subscription } from './resolvers/Subscription.ts';
import { makeAddSlot } from './service/add-slot.ts';
import { makeRecovery, type Recovery, startSweeper } from './service/book-appointment.recovery.ts';
import { makeBookAppointment } from './service/book-appointment.ts';
import { makeCancelAppointment } from './service/cancel-appointment.ts';
import { type Confirmer, makeConfirmer } from './service/confirm-bookings.ts';
import { makeFindAlternatives } from './service/find-alternatives.ts';
import { makeFindAppointments } from './service/find-appointments.ts';
import { makeFindSlots } from './service/find-slots.ts';
import { makeFollowChanges } from './service/follow-changes.ts';
import type { Parts } from './service/parts.ts';
import { FeeEntity } from './store/fee.entity.ts';
import { makeLoaders } from './store/loaders.ts';

export type SchedulingSettings = {
  readonly cities: readonly CityConfig[];
  readonly secrets: Secrets;
  readonly subjects: Pick<Subjects, 'of'>;
  /** Where entries of readings wait while a primary is gone; left out: such readings are refused. */
  readonly spools?: Spools | null;
  readonly log: Log;
  readonly clock?: () => Date;
  /** Types of appointment that can be had, in every city. */
  readonly appointmentTypes: readonly string[];
  /** Whether this process follows changes and tries to be the relay; on unless told otherwise. */
  readonly feed?: boolean;
  /** Whether this process finishes what was left half-way; on unless told otherwise. */
  readonly sweep?: boolean;
  readonly sweepEveryMs?: number;
  /** Connections to each city. */
  readonly maxConnections?: number;
  /** Called between the steps of a booking; a test ends the story there by throwing or by ending the process. */
  readonly faults?: Parts['fault'];
};

/** The subgraph with its inner parts, for tests and benchmarks. */
export type Scheduling = Subgraph<Context> & {
  readonly parts: {
    readonly services: Services;
    readonly recovery: Recovery;
    readonly confirmer: Confirmer;
    readonly cities: Cities;
    readonly feed: Feed | null;
  };
};

const SCHEMA = 'scheduling';
const typeDefs = parse(readFileSync(new URL('../../schema/scheduling.graphql', import.meta.url), 'utf8'));
const resolvers: Resolvers = {
  DateTime,
  LocalDateTime,
  Query,
  Mutation: { addSlot, bookAppointment, cancelAppointment },
  Subscription,
  Slot,
  Appointment,
  City,
  Patient,
  Practitioner,
  Fee,
  SlotChange,
  AppointmentChange,
};

export const startScheduling = async (settings: SchedulingSettings): Promise<Scheduling> => {
  const { secrets, log, appointmentTypes, clock = () => new Date(), feed: hasFeed = true, sweep = true } = settings;
  const cities = openCities(settings.cities, {
    role: 'scheduling',
    password: secrets.databasePasswords.scheduling,
    entities: [FeeEntity],
    subjects: settings.subjects,
    spools: settings.spools ?? null,
    maxConnections: settings.maxConnections ?? 12,
    maxWaiting: 1_000,
  });
  const relayCities = hasFeed
    ? openCities(settings.cities, { role: 'relay', password: secrets.databasePasswords.relay, maxConnections: 1 })
    : null;
  const relays = new Map<string, Relay>(
    relayCities?.all.map((database) => [database.city.code, startRelay({ database, schema: SCHEMA, log })]),
  );
  const feed = hasFeed ? await startFeed({ cities, schema: SCHEMA, log }) : null;
  const parts: Parts = {
    cities,
    appointmentTypes,
    cursors: makeCursorCodec(secrets.cursorKey),
    log,
    clock,
    feed,
    poke: (city) => relays.get(city)?.poke(),
    fault: settings.faults ?? (() => {}),
  };
  const recovery = makeRecovery(parts);
  const confirmer = makeConfirmer(parts);
  const services: Services = {
    addSlot: makeAddSlot(parts),
    bookAppointment: makeBookAppointment(parts, { recovery, confirmer, findAlternatives: makeFindAlternatives(parts) }),
    cancelAppointment: makeCancelAppointment(parts, recovery),
    findSlots: makeFindSlots(parts),
    findAppointments: makeFindAppointments(parts),
    followChanges: makeFollowChanges(parts),
  };
  const sweeper = sweep ? startSweeper(recovery, { everyMs: settings.sweepEveryMs ?? 1_000, log }) : null;
  return {
    name: 'scheduling',
    french: FRENCH,
    schema: buildSubgraphSchema([{ typeDefs, resolvers: resolvers as never }]),
    makeContext: (caller) => ({
      caller,
      viewer: caller.viewer,
      services,
      loaders: makeLoaders(cities),
      cities: settings.cities,
      appointmentTypes,
    }),
    health: async () =>
      Object.fromEntries(await Promise.all(cities.all.map(async (database) => [database.city.code, await database.ping()] as const))),
    stop: async () => {
      await sweeper?.stop();
      await confirmer.flush();
      await feed?.stop();
      await Promise.all([...relays.values()].map((relay) => relay.stop()));
      await relayCities?.stop();
      await cities.stop();
    },
    parts: { services, recovery, confirmer, cities, feed },
  };
};
