import { ROLE_NAMES, type Viewer } from '#platform/access/viewer.ts';
import type { AuditActor, AuditEvent } from './event.ts';

/** Why somebody acts, by role. https://terminology.hl7.org/CodeSystem-v3-ActReason.html */
const PURPOSES = { P: 'PATRQT', D: 'TREAT', A: 'HOPERAT', U: 'HCOMPL' } as const;
const NOBODY: AuditActor = { role: 'ANONYMOUS', city: null, accountId: null };

/** Who acts and why, as an entry says it; null: nobody is logged in, and who asks asks for themself. */
export const agentOf = (viewer: Pick<Viewer, 'role' | 'city' | 'accountId'> | null): Pick<AuditEvent, 'actor' | 'purpose'> =>
  viewer
    ? { actor: { role: ROLE_NAMES[viewer.role], city: viewer.city, accountId: viewer.accountId }, purpose: PURPOSES[viewer.role] }
    : { actor: NOBODY, purpose: PURPOSES.P };
