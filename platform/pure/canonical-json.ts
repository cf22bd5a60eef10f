/** Text order of RFC 8785, section 3.2.3: by UTF-16 code units, as `<` compares. */
const isSorted = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isSorted);
  let last: string | null = null;
  for (const [key, each] of Object.entries(value)) {
    if ((last !== null && key <= last) || !isSorted(each)) return false;
    last = key;
  }
  return true;
};

const write = (value: unknown): string => {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  return `{${Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => `${JSON.stringify(key)}:${write(each)}`)
    .join(',')}}`;
};

/** The value of a text that is in the one form of RFC 8785; null for any other text, and for `null`. https://www.rfc-editor.org/rfc/rfc8785 */
export const parseCanonicalJson = (text: string): unknown => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  // Names that are whole numbers come first in an object, whatever their place in the text; then the long way tells.
  if (JSON.stringify(value) === text && isSorted(value)) return value;
  return text.isWellFormed() && write(value) === text ? value : null;
};
