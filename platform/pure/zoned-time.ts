import { Temporal } from 'temporal-polyfill';

/** What a wall-clock time means in a zone. Texts are local times with offset, such as `2027-11-07T01:30-04:00`. */
export type LocalReading =
  | { readonly kind: 'instant'; readonly at: Date }
  /** No such day or hour, whatever the zone. */
  | { readonly kind: 'invalid' }
  /** The clock jumps over it; `before` and `after` are the nearest times that exist. */
  | { readonly kind: 'gap'; readonly before: string; readonly after: string }
  /** It happens twice and came without an offset; `earlier` and `later` say which is meant. */
  | { readonly kind: 'twice'; readonly earlier: string; readonly later: string }
  /** It came with an offset that does not hold then; `right` is the time with the one that does. */
  | { readonly kind: 'wrong-offset'; readonly right: string };

const LOCAL = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2}))?([+-]\d{2}:\d{2})?$/;
const MINUTE_MS = 60_000;

const toText = (time: Temporal.ZonedDateTime): string => `${time.toPlainDateTime().toString({ smallestUnit: 'minute' })}${time.offset}`;

/** Whether a zone is one that IANA's database knows. */
export const isTimeZone = (zone: string): boolean => {
  try {
    Temporal.Now.instant().toZonedDateTimeISO(zone);
    return true;
  } catch {
    return false;
  }
};

/** Reads a wall-clock time `YYYY-MM-DDTHH:MM[:SS][±HH:MM]` in an IANA zone. Years 1900–2199. */
export const readLocal = (zone: string, text: string): LocalReading => {
  const match = LOCAL.exec(text);
  if (!match) return { kind: 'invalid' };
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map((part) => Number(part ?? 0));
  if (year < 1900 || year > 2199) return { kind: 'invalid' };
  let plain: Temporal.PlainDateTime;
  try {
    plain = Temporal.PlainDateTime.from({ year, month, day, hour, minute, second }, { overflow: 'reject' });
  } catch {
    return { kind: 'invalid' };
  }
  const earlier = plain.toZonedDateTime(zone, { disambiguation: 'earlier' });
  const later = plain.toZonedDateTime(zone, { disambiguation: 'later' });
  const isSame = earlier.epochMilliseconds === later.epochMilliseconds;
  if (!isSame && !earlier.toPlainDateTime().equals(plain)) {
    const change = later.getTimeZoneTransition('previous') ?? later;
    const last = change.subtract({ minutes: 1 });
    return { kind: 'gap', before: toText(last), after: toText(change) };
  }
  const offset = match[7];
  if (offset !== undefined) {
    const meant = [earlier, later].find((each) => each.offset === offset);
    return meant ? { kind: 'instant', at: new Date(meant.epochMilliseconds) } : { kind: 'wrong-offset', right: toText(earlier) };
  }
  if (!isSame) return { kind: 'twice', earlier: toText(earlier), later: toText(later) };
  return { kind: 'instant', at: new Date(earlier.epochMilliseconds) };
};

/** What the clock on the wall shows: day `YYYY-MM-DD` and minutes since midnight by that clock. */
export const toLocal = (zone: string, at: Date): { readonly date: string; readonly minuteOfDay: number } => {
  const local = Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(zone);
  return { date: local.toPlainDate().toString(), minuteOfDay: local.hour * 60 + local.minute };
};

/** The instant of a day and wall-clock minute; one that is jumped over moves behind the gap, one that happens twice is the first. */
export const atLocal = (zone: string, date: string, minuteOfDay: number): Date => {
  const time = Temporal.PlainTime.from({ hour: Math.floor(minuteOfDay / 60), minute: minuteOfDay % 60 });
  return new Date(Temporal.PlainDate.from(date).toZonedDateTime({ timeZone: zone, plainTime: time }).epochMilliseconds);
};

/** A day some days later; `days` may be negative. */
export const addDays = (date: string, days: number): string =>
  new Date(Date.parse(`${date}T00:00:00Z`) + days * 24 * 60 * MINUTE_MS).toISOString().slice(0, 10);
