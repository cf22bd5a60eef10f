import { BadInputError } from './faults.ts';

const FORBIDDEN = /(?![\t\n\r])\p{Cc}|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/u;

/** Whether a text holds what no field takes: control characters (NUL …), lone surrogates, direction overrides. */
export const isUnfitText = (text: string): boolean => !text.isWellFormed() || FORBIDDEN.test(text);

/** Length in code points. */
export const codePoints = (text: string): number => {
  let count = 0;
  for (const _ of text) count++;
  return count;
};

/**
 * A line of text as it is stored: NFC, white space folded, zero-width characters removed. `BadInputError` for what is empty, too long
 * (in code points) or holds control characters.
 */
export const cleanLine = (field: string, text: string, maxLength: number): string => {
  if (isUnfitText(text)) throw new BadInputError(field, 'holds control characters; send plain text');
  const clean = text
    .normalize('NFC')
    .replace(/[\u200b-\u200d\u2060]/gu, '')
    .replace(/\s+/gu, ' ')
    .trim();
  if (clean === '') throw new BadInputError(field, 'is empty; send at least one character');
  if (codePoints(clean) > maxLength) throw new BadInputError(field, `is longer than ${maxLength} characters`);
  return clean;
};

/** A text as names are compared: without accents, case and ligatures. */
export const foldText = (text: string): string =>
  text
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll('œ', 'oe')
    .replaceAll('æ', 'ae')
    .replaceAll('ß', 'ss')
    .replaceAll('’', "'");

/** Escapes `%`, `_` and `\` for a LIKE pattern. */
export const escapeLike = (text: string): string => text.replace(/[\\%_]/g, '\\$&');
