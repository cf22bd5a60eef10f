const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const FORM = /^([A-Z]{3})-([a-z]{3})-([0-7][0-9a-hjkmnp-tv-z]{25})$/;

/** An id's parts. `city` is the code of the city whose server keeps the record, `kind` three letters that name the sort of record. */
export type Id = { readonly city: string; readonly kind: string; readonly suffix: string };

/** Reads an id such as `MTL-pat-01jd…`; null when it is none. The form alone is checked, not whether the record exists. */
export const parseId = (text: string): Id | null => {
  const match = FORM.exec(text);
  if (!match) return null;
  const [, city = '', kind = '', suffix = ''] = match;
  return { city, kind, suffix };
};

/** Whether a text has the form of an id, of any city and kind. */
export const isId = (text: string): boolean => FORM.test(text);

/** Code of the city that keeps the record of this id and kind; null when the text is no such id. */
export const cityOfId = (text: string, kind: string): string | null => {
  const id = parseId(text);
  return id?.kind === kind ? id.city : null;
};

/** Writes 16 bytes as 26 letters of Crockford's base 32, in the order of the bytes. */
export const toBase32 = (bytes: Uint8Array): string => {
  // 128 bits behind two zeros: 26 times five.
  let held = 0;
  let count = 2;
  let text = '';
  for (let i = 0; i < 16; i++) {
    held = (held << 8) | (bytes[i] ?? 0);
    count += 8;
    while (count >= 5) {
      count -= 5;
      text += ALPHABET[(held >> count) & 31];
    }
    held &= (1 << count) - 1;
  }
  return text;
};

/** Makes an id of a city and kind from 16 bytes. */
export const toId = (city: string, kind: string, bytes: Uint8Array): string => `${city}-${kind}-${toBase32(bytes)}`;
