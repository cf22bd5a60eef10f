import type { EntityManager } from 'typeorm';
import { appendAuditWith } from '#platform/audit/append.ts';
import { Outcome } from '#platform/audit/event.ts';
import { byKey } from '#platform/database/by-key.ts';
import { newId } from '#platform/database/new-id.ts';
import { BadInputError, ForbiddenError } from '#platform/pure/faults.ts';
import { decide } from '#policy/decide.ts';
import { FIRST_NUMBER, parseUsername, type RoleCode, type RoleName, roleCodeOf, toUsername } from '../domain/username.ts';
import { NEXT_NUMBER_SQL } from '../store/account-store.ts';
import { AccountEntity, type AccountRow, PatientEntity, PractitionerEntity } from '../store/entities.ts';
import { REVOKE_ALL_SQL } from '../store/session-store.ts';
import { appendHappening, toEvent } from './audit.ts';
import { requireViewer } from './own-patient.ts';
import type { Parts } from './parts.ts';
import { type CityUnavailable, orCityUnavailable } from './refusals.ts';
import type { Request } from './request.ts';

export type SetRoleOutcome =
  | { readonly kind: 'set'; readonly username: string; readonly role: RoleName }
  | { readonly kind: 'account-not-found' }
  | CityUnavailable;

/** The practitioner an account becomes: the one it was before, or a new one under the patient's name. */
const toPractitioner = async (manager: EntityManager, account: AccountRow): Promise<string> => {
  const { city, patient_id, practitioner_id } = account;
  if (practitioner_id !== null) {
    await manager.update(PractitionerEntity, byKey({ city, id: practitioner_id }), { active: true });
    return practitioner_id;
  }
  const person = patient_id === null ? null : await manager.findOneBy(PatientEntity, byKey({ city, id: patient_id }));
  if (!person) throw new BadInputError('role', 'needs a person: this account belongs to no patient or practitioner');
  const id = newId(city, 'prc');
  const { family, given, name_text } = person;
  await manager.insert(PractitionerEntity, { city, id, family, given, name_text, specialties: [], active: true });
  return id;
};

/**
 * Gives an account of the admin's city another role: a login name with the new letter, and an end to its sessions, whose tokens tell
 * the old role. An admin cannot change the own account, so that a city is not left without one.
 */
export const makeSetRole =
  (parts: Parts) =>
  async (request: Request, username: string, roleName: RoleName): Promise<SetRoleOutcome> => {
    const { cities } = parts;
    const { caller } = request;
    const viewer = requireViewer(request);
    const named = parseUsername(username);
    const { city } = viewer;
    const role: RoleCode = roleCodeOf(roleName);
    const happening = { city, act: 'setRole', values: { ...(named ? { username } : {}), role: roleName } };
    const allowed = decide(viewer, { action: 'account:set-role', resource: { city } }).allow;
    const refuse = (outcome: typeof Outcome.REFUSED | typeof Outcome.DENIED, reason: string) =>
      appendHappening(cities, caller, { ...happening, outcome, reason });
    if (!allowed) {
      await refuse(Outcome.DENIED, 'FORBIDDEN');
      throw new ForbiddenError();
    }
    return orCityUnavailable(async () => {
      const db = cities.of(city);
      const change = async (manager: EntityManager): Promise<SetRoleOutcome | 'self'> => {
        if (!named || named.city !== city) return { kind: 'account-not-found' };
        const account = await manager.findOne(AccountEntity, { lock: { mode: 'pessimistic_write' }, where: byKey({ city, username }) });
        if (!account) return { kind: 'account-not-found' };
        if (account.id === viewer.accountId) return 'self';
        const entities = [{ kind: 'Account', id: account.id }];
        const done = { ...happening, outcome: Outcome.SUCCESS, patientId: account.patient_id, entities };
        if (account.role === role) {
          await appendAuditWith(manager, db, toEvent(caller, done));
          return { kind: 'set', username, role: roleName };
        }
        if (role === 'P' && account.patient_id === null)
          throw new BadInputError('role', 'needs a patient: this account belongs to none; register the person instead');
        const practitioner_id = role === 'D' ? await toPractitioner(manager, account) : account.practitioner_id;
        if (account.role === 'D' && account.practitioner_id !== null)
          await manager.update(PractitionerEntity, byKey({ city, id: account.practitioner_id }), { active: false });
        const [next] = (await manager.query(NEXT_NUMBER_SQL, [city, role, FIRST_NUMBER])) as { number: number }[];
        const renamed = toUsername(city, role, next?.number ?? FIRST_NUMBER);
        await manager.update(AccountEntity, byKey({ city, id: account.id }), { username: renamed, role, practitioner_id });
        await manager.query(REVOKE_ALL_SQL, [city, account.id]);
        await appendAuditWith(manager, db, toEvent(caller, { ...done, values: { ...happening.values, renamed } }));
        return { kind: 'set', username: renamed, role: roleName };
      };
      const outcome = await db.manage(change).catch(async (error: unknown) => {
        // Only a look at the account told that the role does not fit it.
        if (error instanceof BadInputError) await refuse(Outcome.REFUSED, 'BAD_USER_INPUT');
        throw error;
      });
      if (outcome === 'self') {
        await refuse(Outcome.DENIED, 'FORBIDDEN');
        throw new ForbiddenError();
      }
      if (outcome.kind === 'account-not-found') await refuse(Outcome.REFUSED, 'AccountNotFound');
      return outcome;
    });
  };
