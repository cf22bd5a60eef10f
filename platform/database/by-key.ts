/**
 * A `where` that names rows. TypeORM leaves out conditions that are undefined, so that a find, update or delete with a missing id would
 * mean any row; here such a key throws before anything is sent. `city` leads every key.
 */
export const byKey = <K extends Readonly<Record<string, string>> & { readonly city: string }>(key: K): K => {
  const entries = Object.entries(key);
  if (entries.length < 2 || entries.some(([, value]) => typeof value !== 'string' || value === ''))
    throw new TypeError(`a key needs a value for each of: ${Object.keys(key).join(', ')}`);
  return key;
};
