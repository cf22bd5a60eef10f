/** Where a reader stands in each city's list: the position of the last entry taken, by city. A city not named was not begun. */
export type Positions = Readonly<Record<string, string>>;

/** An entry of a city's list, and its position there. */
export type Listed = { readonly city: string; readonly position: string; readonly recordedAt: Date };

/**
 * Merges the lists of several cities, each newest first, into one: the newest head goes first, at the same instant in order of cities.
 * The order within a city is kept even where clocks disagreed, so that the positions beside each entry continue exactly behind it.
 */
export const mergeNewest = <T extends Listed>(
  lists: readonly (readonly T[])[],
  from: Positions,
  take: number,
): { readonly entry: T; readonly positions: Positions }[] => {
  const heads = lists.map(() => 0);
  const merged: { readonly entry: T; readonly positions: Positions }[] = [];
  let positions = from;
  while (merged.length < take) {
    let best = -1;
    let newest: T | undefined;
    for (const [i, list] of lists.entries()) {
      const head = list[heads[i] ?? 0];
      if (head && (!newest || head.recordedAt > newest.recordedAt)) {
        best = i;
        newest = head;
      }
    }
    if (!newest) break;
    heads[best] = (heads[best] ?? 0) + 1;
    positions = { ...positions, [newest.city]: newest.position };
    merged.push({ entry: newest, positions });
  }
  return merged;
};
