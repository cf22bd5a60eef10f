const DAY_MS = 86_400_000;

/** ISO 8601 week of a day `YYYY-MM-DD`, such as `2027-W06`. Monday comes first; the year is that of the week's Thursday. */
export const isoWeek = (date: string): string => {
  const day = Date.parse(`${date}T00:00:00Z`);
  const weekday = (new Date(day).getUTCDay() + 6) % 7;
  const thursday = new Date(day + (3 - weekday) * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / DAY_MS / 7);
  return `${year}-W${String(week).padStart(2, '0')}`;
};

/** Day of the week of `YYYY-MM-DD`: 1 Monday … 7 Sunday. */
export const weekdayOf = (date: string): number => ((new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7) + 1;
