/** Far deeper than anything is here; what is written by strangers may be nested until the stack ends. */
const DEEPEST = 100;
/** Whether a value has the one form at all: no half of a surrogate pair (section 3.2.2.2), and no deeper than can be walked. */
const isWritable = (value: unknown, depth = 0): boolean => {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  if (depth === DEEPEST) return false;
  if (Array.isArray(value)) return value.every((each) => isWritable(each, depth + 1));
  return Object.entries(value).every(([key, each]) => key.isWellFormed() && isWritable(each, depth + 1));
};

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

/** The value of a text that is in the one form of RFC 8785; null for any other text, for one nested deeper than 100, and for `null`. https://www.rfc-editor.org/rfc/rfc8785 */
export const parseCanonicalJson = (text: string): unknown => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isWritable(value)) return null;
  // Names that are whole numbers come first in an object, whatever their place in the text; then the long way tells.
  if (JSON.stringify(value) === text && isSorted(value)) return value;
  return text.isWellFormed() && write(value) === text ? value : null;
};
