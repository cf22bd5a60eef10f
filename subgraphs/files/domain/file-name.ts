import { BadInputError } from '#platform/pure/faults.ts';
import { codePoints } from '#platform/pure/text.ts';

const MAX_CODE_POINTS = 255;
const MAX_BYTES = 255;
const utf8 = new TextEncoder();

/** Everything that shows nothing or turns what is shown around: controls, formats (direction, zero width), private use, unassigned. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]|(?!\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/u;
/** Separators of any system, and what looks like one; the rest that Windows forbids. */
const SEPARATORS = /[/\\\u2044\u2215\u29f5\u29f8\ufe68\uff0f\uff3c]/u;
const WINDOWS_FORBIDDEN = /[<>:"|?*]/;
/** Percent forms of separators, dots, NUL and `%`, at any depth. */
const ENCODED = /%(?:25)*(?:2e|2f|5c|00|0a|0d)/i;
/** https://learn.microsoft.com/windows/win32/fileio/naming-a-file, superscript digits included. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³])$/i;

/**
 * A file's name as it is kept: NFC, spaces at the ends removed. It is shown and sent as a header, never made part of a path; it is still
 * refused where a person's computer could be led astray by it. `BadInputError` for what is empty, longer than 255 characters or 255 bytes
 * of UTF-8, holds control, format or zero-width characters, separators (also in percent forms) or one of `<>:"|?*`, is `.` or `..`,
 * ends with a dot, or names a device of Windows, with whatever extension.
 */
export const cleanFileName = (field: string, given: string): string => {
  const refuse = (why: string): never => {
    throw new BadInputError(field, why);
  };
  if (!given.isWellFormed()) return refuse('holds characters that do not exist; send plain text');
  const name = given.normalize('NFC').replace(/^[\p{Zs}]+|[\p{Zs}]+$/gu, '');
  if (name === '') return refuse('is empty; send at least one character');
  if (UNSEEN.test(name)) return refuse('holds control, direction or zero-width characters; leave them out');
  if (SEPARATORS.test(name) || ENCODED.test(name)) return refuse('holds a path separator; send the name alone');
  if (WINDOWS_FORBIDDEN.test(name)) return refuse('holds one of < > : " | ? *; leave it out');
  if (name.endsWith('.')) return refuse('ends with a dot; leave it out');
  if (DEVICE.test((name.split('.')[0] ?? '').trimEnd())) return refuse('is the name of a device on some systems; choose another');
  if (codePoints(name) > MAX_CODE_POINTS || utf8.encode(name).length > MAX_BYTES)
    return refuse(`is longer than ${MAX_CODE_POINTS} characters or ${MAX_BYTES} bytes of UTF-8`);
  return name;
};
