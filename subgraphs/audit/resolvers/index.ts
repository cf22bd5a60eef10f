import { DateTime, EntryCount } from '#platform/graphql/scalars.ts';
import type { Resolvers } from '../generated/resolvers.ts';
import { AuditEvent } from './AuditEvent.ts';
import { AuditShard } from './AuditShard.ts';
import { AuditVerification } from './AuditVerification.ts';
import { City } from './City.ts';
import { Patient } from './Patient.ts';
import { auditCheckpoint } from './Query/auditCheckpoint.ts';
import { auditEvent } from './Query/auditEvent.ts';
import { auditEvents } from './Query/auditEvents.ts';
import { auditExport } from './Query/auditExport.ts';
import { auditShards } from './Query/auditShards.ts';
import { consistencyProof } from './Query/consistencyProof.ts';
import { verifyAuditLog } from './Query/verifyAuditLog.ts';

/** Every resolver of this subgraph. */
export const resolvers: Resolvers = {
  DateTime,
  EntryCount,
  Query: { auditCheckpoint, auditEvent, auditEvents, auditExport, auditShards, consistencyProof, verifyAuditLog },
  Node: { __resolveType: () => 'AuditEvent' },
  AuditEvent,
  AuditShard,
  AuditVerification,
  City,
  Patient,
};
