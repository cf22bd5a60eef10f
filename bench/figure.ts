/**
 * One line of a benchmark's outcome. `ratio` is value ÷ reference of the same run; `goal` the ratio that has to be reached, `limit` the value that must
 * not be exceeded.
 */
export type Figure = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly reference: number | null;
  readonly ratio: number | null;
  readonly goal?: number;
  readonly limit?: number;
};

const round = (value: number): number => Number(value.toPrecision(4));

export const makeFigure = (name: string, value: number, unit: string, reference: number | null = null, goal?: number): Figure => ({
  name,
  value: round(value),
  unit,
  reference: reference === null ? null : round(reference),
  ratio: reference === null ? null : round(value / reference),
  ...(goal === undefined ? {} : { goal }),
});

export const makeLimited = (name: string, value: number, unit: string, limit: number): Figure => ({
  ...makeFigure(name, value, unit),
  limit,
});

export const isMissed = ({ value, ratio, goal, limit }: Figure): boolean =>
  (goal !== undefined && (ratio ?? 0) < goal) || (limit !== undefined && !(value <= limit));

/** The value in the middle. */
export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** The value that `share` (0–1) of the values do not exceed. */
export const quantile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;

/** Runs `step` from `clients` sides at once for `ms`; gives how many were done, how long it took, and each one's time in milliseconds. */
export const load = async (
  clients: number,
  ms: number,
  step: (client: number) => Promise<void>,
): Promise<{ readonly count: number; readonly seconds: number; readonly times: readonly number[] }> => {
  const times: number[] = [];
  const started = performance.now();
  const end = started + ms;
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      while (performance.now() < end) {
        const from = performance.now();
        await step(client);
        times.push(performance.now() - from);
      }
    }),
  );
  return { count: times.length, seconds: (performance.now() - started) / 1000, times };
};
