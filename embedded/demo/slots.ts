import type { Cities } from '#platform/database/cities.ts';
import type { CityDatabase, Named } from '#platform/database/city-database.ts';
import { isoWeek, weekdayOf } from '#platform/pure/iso-week.ts';
import { addDays, atLocal, toLocal } from '#platform/pure/zoned-time.ts';
import { demoId } from './people.ts';

/** A practitioner as far as slots and fees need to know. Specialties are appointment types. */
export type SlotPractitioner = { readonly id: string; readonly specialties: readonly string[] };

const DAYS_AHEAD = 14;
/** How long an appointment of a type takes, in minutes; what it costs, in cents. */
const TYPES: Readonly<Record<string, { readonly minutes: number; readonly cents: number }>> = {
  PHYSICIAN: { minutes: 30, cents: 9_500 },
  SURGEON: { minutes: 60, cents: 32_000 },
  DENTAL: { minutes: 60, cents: 14_000 },
};
/** What plans pay, in hundredths of the amount. Dental care of adults is not insured publicly. */
const PLANS: readonly { readonly plan: string; readonly pays: Readonly<Record<string, number>> }[] = [
  { plan: 'RAMQ', pays: { PHYSICIAN: 100, SURGEON: 100, DENTAL: 0 } },
  { plan: 'BLUE_CROSS', pays: { PHYSICIAN: 80, SURGEON: 80, DENTAL: 70 } },
  { plan: 'SUN_LIFE', pays: { PHYSICIAN: 75, SURGEON: 85, DENTAL: 80 } },
  { plan: 'SELF_PAY', pays: {} },
];
/** Opening hours by the wall clock, in minutes of the day. */
const MORNING = { from: 8 * 60, to: 12 * 60 };
const AFTERNOON = { from: 13 * 60, to: 17 * 60 };
const EVENING = { from: 17 * 60 + 30, to: 20 * 60 + 30 };

type NewSlot = {
  readonly type: string;
  readonly practitionerId: string | null;
  readonly date: string;
  readonly minute: number;
  readonly minutes: number;
  readonly capacity: number;
};

const partLetter = (minute: number): string => (minute < 720 ? 'M' : minute < 1_020 ? 'A' : minute < 1_260 ? 'E' : 'N');

/** The slots of one day: weekdays in the daytime, an evening a week for each practitioner, a walk-in clinic without a practitioner. */
const slotsOfDay = (practitioners: readonly SlotPractitioner[], date: string): NewSlot[] => {
  const weekday = weekdayOf(date);
  const slots: NewSlot[] = [];
  if (weekday > 5) {
    for (const minute of [9 * 60, 11 * 60, 13 * 60])
      slots.push({ type: 'PHYSICIAN', practitionerId: null, date, minute, minutes: 120, capacity: 10 });
    return slots;
  }
  practitioners.forEach(({ id, specialties }, index) => {
    const hours = [MORNING, AFTERNOON, ...(index % 5 === weekday - 1 ? [EVENING] : [])];
    const type = specialties[0] ?? 'PHYSICIAN';
    const { minutes } = TYPES[type] ?? { minutes: 30 };
    for (const { from, to } of hours)
      for (let minute = from; minute + minutes <= to; minute += minutes)
        slots.push({ type, practitionerId: id, date, minute, minutes, capacity: 1 + ((index + weekday + minute / 30) % 5) });
  });
  for (const type of Object.keys(TYPES))
    slots.push({ type, practitionerId: null, date, minute: 9 * 60, minutes: 180, capacity: type === 'PHYSICIAN' ? 20 : 5 });
  return slots;
};

const ADD_SLOTS: Named = {
  name: 'demo_add_slots',
  text: `INSERT INTO scheduling.slot (city, id, code, appointment_type, practitioner_id, starts_at, ends_at, local_date, week, capacity)
    SELECT $1, s.* FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::date[], $9::text[], $10::int[]) AS s
    ON CONFLICT DO NOTHING`,
};
const ADD_FEES: Named = {
  name: 'demo_add_fees',
  text: `INSERT INTO scheduling.fee (city, id, practitioner_id, appointment_type, plan, amount_cents, plan_pays_cents, currency)
    SELECT $1, f.*, 'CAD' FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[]) AS f
    ON CONFLICT DO NOTHING`,
};

const seedFees = async (db: CityDatabase, practitioners: readonly SlotPractitioner[]): Promise<void> => {
  const city = db.city.code;
  const owners = [
    ...practitioners.flatMap(({ id, specialties }, index) => specialties.map((type) => ({ id: id as string | null, type, index }))),
    ...Object.keys(TYPES).map((type) => ({ id: null, type, index: 0 })),
  ];
  const fees = owners.flatMap(({ id, type, index }) => {
    const cents = (TYPES[type]?.cents ?? 10_000) + (index % 4) * 500;
    return PLANS.map(({ plan, pays }) => ({
      feeId: demoId(city, 'fee', `${id ?? 'any'} ${type} ${plan}`),
      id,
      type,
      plan,
      cents,
      pays: Math.round((cents * (pays[type] ?? 0)) / 100),
    }));
  });
  await db.named(ADD_FEES, [
    city,
    fees.map(({ feeId }) => feeId),
    fees.map(({ id }) => id),
    fees.map(({ type }) => type),
    fees.map(({ plan }) => plan),
    fees.map(({ cents }) => cents),
    fees.map(({ pays }) => pays),
  ]);
};

const seedSlots = async (db: CityDatabase, practitioners: readonly SlotPractitioner[], now: Date): Promise<void> => {
  const { code: city, timeZone } = db.city;
  const today = toLocal(timeZone, now).date;
  const slots = Array.from({ length: DAYS_AHEAD + 1 }, (_, day) => slotsOfDay(practitioners, addDays(today, day))).flat();
  // Many slots share a start, and the clock of a zone is slow to ask.
  const instants = new Map<string, Date>();
  const at = (date: string, minute: number): Date => {
    const key = `${date} ${minute}`;
    const known = instants.get(key) ?? atLocal(timeZone, date, minute);
    instants.set(key, known);
    return known;
  };
  const ahead = slots
    .map((slot) => ({ ...slot, startsAt: at(slot.date, slot.minute), endsAt: at(slot.date, slot.minute + slot.minutes) }))
    .filter(({ startsAt }) => startsAt > now);
  await db.named(ADD_SLOTS, [
    city,
    ahead.map(({ date, minute, type, practitionerId }) => demoId(city, 'slt', `${date} ${minute} ${type} ${practitionerId ?? ''}`)),
    ahead.map(({ date, minute }) => `${city}${partLetter(minute)}${date.slice(8, 10)}${date.slice(5, 7)}${date.slice(2, 4)}`),
    ahead.map(({ type }) => type),
    ahead.map(({ practitionerId }) => practitionerId),
    ahead.map(({ startsAt }) => startsAt),
    ahead.map(({ endsAt }) => endsAt),
    ahead.map(({ date }) => date),
    ahead.map(({ date }) => isoWeek(date)),
    ahead.map(({ capacity }) => capacity),
  ]);
};

/**
 * Fees per plan, and slots of the two weeks from `now` on, for the demo's practitioners (by city code) and for clinics without one. Ids are
 * the same on every machine; done again it adds only what is missing. `cities` as role scheduling.
 */
export const seedDemoSlots = async ({
  cities,
  practitioners,
  now,
}: {
  readonly cities: Cities;
  readonly practitioners: Readonly<Record<string, readonly SlotPractitioner[]>>;
  readonly now: Date;
}): Promise<void> => {
  await Promise.all(
    cities.all.map(async (db) => {
      const own = practitioners[db.city.code] ?? [];
      await seedFees(db, own);
      await seedSlots(db, own, now);
    }),
  );
};
