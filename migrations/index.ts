/** The schemas of a city, in the order in which their migrations run: what others are granted comes first. */
export const SCHEMAS = ['audit', 'patients', 'scheduling', 'files'] as const;
/** Folder of the migrations. */
export const MIGRATIONS = new URL('./', import.meta.url);
