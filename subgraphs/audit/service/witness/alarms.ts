import { hash, randomUUID } from 'node:crypto';
import { Outcome } from '#platform/audit/event.ts';
import type { CityDatabase } from '#platform/database/city-database.ts';
import { formatEvidence } from '#platform/tlog/evidence.ts';
import { type KeptAlarm, readAlarms, saveClosing } from '../../store/witness-store.ts';
import { freezeEntry } from '../freeze-entry.ts';

/** An alarm that cannot be closed; the message says why. */
export class AlarmRefusal extends Error {
  override readonly name = 'AlarmRefusal';
}

/** How an alarm is named everywhere: by the city that keeps it and its number there. */
export const alarmId = (city: string, number: string): string => `${city}-alarm-${number}`;
/** City and number of such a name; null for anything else. */
export const parseAlarmId = (id: string): { readonly city: string; readonly number: string } | null => {
  const [, city, number] = /^([A-Z]{3})-alarm-([1-9]\d{0,17})$/.exec(id) ?? [];
  return city === undefined || number === undefined ? null : { city, number };
};

/** An alarm's evidence as a file; null for what is unexplained and proves nothing. */
export const evidenceOf = ({ kind, known, note, foundRoot, proof }: KeptAlarm): string | null =>
  kind === 'unexplained' ? null : formatEvidence({ kind, notes: [known.note, note], foundRoot, proof });

/** Who closes an alarm, as which user of the machine, and why. No personal value of a patient belongs into any of them. */
export type Closing = { readonly by: string; readonly user: string; readonly reason: string };

/**
 * Closes an alarm for good: it stays with its evidence, health counts it no longer, and an entry `closeLogAlarm` is committed with it that names who did it and
 * the hash of the evidence. `audit` reads alarms and has the keys of subjects, `sequencer` closes. Throws `AlarmRefusal` where it is closed or unknown; then nothing was written.
 */
export const closeAlarm = async (
  { audit, sequencer }: { readonly audit: CityDatabase; readonly sequencer: CityDatabase },
  number: string,
  closing: Closing,
): Promise<KeptAlarm> => {
  const city = audit.city.code;
  const [alarm] = await readAlarms(audit, number);
  if (!alarm) throw new AlarmRefusal(`city ${city} keeps no alarm ${alarmId(city, number)}`);
  const refuse = (): never => {
    throw new AlarmRefusal(`${alarmId(city, number)} is closed already: npm run audit-log -- alarms ${alarmId(city, number)}`);
  };
  if (alarm.closed) return refuse();
  const evidence = evidenceOf(alarm);
  const entry = freezeEntry(
    {
      city,
      observer: 'audit',
      act: 'closeLogAlarm',
      action: 'E',
      outcome: Outcome.SUCCESS,
      purpose: 'HCOMPL',
      actor: { role: 'SERVICE', city, accountId: `operator:${closing.by}` },
      entities: [
        { kind: 'AuditLog', id: alarm.known.origin },
        { kind: 'AuditLogAlarm', id: alarmId(city, number), ...(evidence === null ? {} : { sha256: hash('sha256', evidence, 'hex') }) },
      ],
      values: { reason: closing.reason, user: closing.user },
      requestId: randomUUID(),
    },
    audit.subjects,
  );
  if (!(await saveClosing(sequencer, number, closing, entry))) return refuse();
  const [closed] = await readAlarms(audit, number);
  return closed ?? alarm;
};
