/** System of Quebec health insurance numbers in FHIR Canada. https://simplifier.net/guide/ca-baseline */
export const RAMQ_SYSTEM = 'http://hl7.org/fhir/sid/ca-ramq';

const FORM = /^[A-Z]{4}(\d{2})(\d{2})(\d{2})\d{2}$/;
const daysIn = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

/**
 * A RAMQ number as it is stored (`TREM84541512`): three letters of the family name, one of the given name, year, month (plus 50 for
 * women) and day of birth, two further digits. Spaces, hyphens and case do not matter. Null when it has not that form or no such day exists.
 */
export const parseRamq = (text: string): string | null => {
  const compact = text.replace(/[\s-]/g, '').toUpperCase();
  const match = FORM.exec(compact);
  if (!match) return null;
  const [year = 0, codedMonth = 0, day = 0] = match.slice(1, 4).map(Number);
  const month = codedMonth > 50 ? codedMonth - 50 : codedMonth;
  if (month < 1 || month > 12 || day < 1) return null;
  // The century is not written: a day is plausible when any of the last three has it (29 February 1900 did not exist, 2000 did).
  return [1800, 1900, 2000].some((century) => day <= daysIn(century + year, month)) ? compact : null;
};
