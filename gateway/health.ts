import type { Source } from './data-sources/source.ts';

/** How long a question of health may take, and how long its answer is used again, in milliseconds. */
const DEADLINE_MS = 2_000;
const REUSE_MS = 1_000;

type CityHealth = 'up' | 'down';
export type Health = {
  readonly status: 'ready' | 'not ready';
  readonly subgraphs: Readonly<Record<string, 'up' | 'down'>>;
  /** A city is up when every subgraph reaches its database. */
  readonly cities: Readonly<Record<string, CityHealth>>;
  /** What subgraphs tell of themselves beside that, such as `auditLog`. */
  readonly [report: string]: unknown;
};

/** Whether each subgraph and each city answers. A city that is down costs its own rows alone, so it does not make the gateway unready. */
export const makeHealth = (sources: ReadonlyMap<string, Source>, cities: readonly string[]) => {
  let last: { readonly at: number; readonly health: Promise<Health> } | null = null;

  const look = async (): Promise<Health> => {
    const answers = await Promise.all(
      [...sources.values()].map(async (source) => {
        const { promise: late, resolve } = Promise.withResolvers<null>();
        const timer = setTimeout(resolve, DEADLINE_MS, null);
        const health = await Promise.race([source.health().catch(() => null), late]);
        clearTimeout(timer);
        return [source.name, health] as const;
      }),
    );
    const reached = answers.flatMap(([, health]) => (health ? [health] : []));
    const isUp = (city: string): boolean => reached.length > 0 && reached.every((health) => health.cities[city] !== false);
    return {
      ...Object.assign({}, ...reached.map(({ report }) => report)),
      status: reached.length === answers.length ? 'ready' : 'not ready',
      subgraphs: Object.fromEntries(answers.map(([name, health]) => [name, health ? 'up' : 'down'])),
      cities: Object.fromEntries(cities.map((city) => [city, isUp(city) ? 'up' : 'down'])),
    };
  };
  return (): Promise<Health> => {
    if (!last || Date.now() - last.at > REUSE_MS) last = { at: Date.now(), health: look() };
    return last.health;
  };
};
