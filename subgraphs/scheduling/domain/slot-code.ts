/** Parts of the day by the wall clock: morning [08:00, 12:00), afternoon [12:00, 17:00), evening [17:00, 21:00), night the rest. */
export type DayPart = 'M' | 'A' | 'E' | 'N';
export type SlotCode = { readonly city: string; readonly part: DayPart; readonly date: string };

/** From and to of a part, in minutes of the day; the night of a day runs from 21:00 to 08:00 of the next (1,440 more). */
export const DAY_PARTS: Readonly<Record<DayPart, { readonly from: number; readonly to: number }>> = {
  M: { from: 8 * 60, to: 12 * 60 },
  A: { from: 12 * 60, to: 17 * 60 },
  E: { from: 17 * 60, to: 21 * 60 },
  N: { from: 21 * 60, to: 32 * 60 },
};

const FORM = /^([A-Z]{3})([MAEN])(\d{2})(\d{2})(\d{2})$/;

export const dayPartOf = (minuteOfDay: number): DayPart => {
  if (minuteOfDay >= DAY_PARTS.M.from && minuteOfDay < DAY_PARTS.M.to) return 'M';
  if (minuteOfDay >= DAY_PARTS.A.from && minuteOfDay < DAY_PARTS.A.to) return 'A';
  return minuteOfDay >= DAY_PARTS.E.from && minuteOfDay < DAY_PARTS.E.to ? 'E' : 'N';
};

/** The code people know: city, part of the day and `DDMMYY` of the local start. A start after midnight counts as night of its own day. */
export const toSlotCode = (city: string, localDate: string, minuteOfDay: number): string =>
  `${city}${dayPartOf(minuteOfDay)}${localDate.slice(8, 10)}${localDate.slice(5, 7)}${localDate.slice(2, 4)}`;

/** Reads a code; null when it is none or its day does not exist. Years are 2000–2099. */
export const parseSlotCode = (text: string): SlotCode | null => {
  const match = FORM.exec(text);
  if (!match) return null;
  const [, city = '', part = '', day = '', month = '', year = ''] = match;
  const date = `20${year}-${month}-${day}`;
  const at = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== date) return null;
  return { city, part: part as DayPart, date };
};
