/** Letters to change, add, leave out or swap with their neighbour to make one word of the other. */
const distance = (a: string, b: string): number => {
  let [before, row]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_none, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + cost,
        ...(isSwap ? [(before[j - 2] ?? 0) + 1] : []),
      );
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
};

const SHOWN = 3;
/** Names of acts that somebody may have meant, the nearest first, at most three; none where nothing is near. Capitals do not count. */
export const nearestActs = (given: string, known: readonly string[]): readonly string[] => {
  const word = given.toLowerCase();
  return known
    .map((act) => ({ act, away: distance(word, act.toLowerCase()) }))
    .filter(({ act, away }) => away <= Math.max(word.length, act.length) / 3)
    .sort((a, b) => a.away - b.away)
    .slice(0, SHOWN)
    .map(({ act }) => act);
};
