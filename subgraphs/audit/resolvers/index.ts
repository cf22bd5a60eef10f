import { DateTime } from '#platform/graphql/scalars.ts';
import type { Resolvers } from '../generated/resolvers.ts';
import { AuditEvent } from './AuditEvent.ts';
import { City } from './City.ts';
import { auditEvent } from './Query/auditEvent.ts';
import { auditEvents } from './Query/auditEvents.ts';

/** Every resolver of this subgraph. */
export const resolvers: Resolvers = {
  DateTime,
  Query: { auditEvent, auditEvents },
  Node: { __resolveType: () => 'AuditEvent' },
  AuditEvent,
  City,
};
