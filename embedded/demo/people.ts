import { createHash } from 'node:crypto';
import { toId } from '#platform/pure/id.ts';
import { FAMILIES, GIVEN_MEN, GIVEN_WOMEN } from './names.ts';

/** A practitioner of the demo population. `specialties` are codes of appointment types. */
export type DemoPractitioner = {
  readonly id: string;
  readonly city: string;
  readonly username: string;
  readonly family: string;
  readonly given: readonly string[];
  readonly specialties: readonly string[];
};

/** An endless row of whole numbers that depends on `seed` alone. */
export type Draw = { readonly below: (limit: number) => number; readonly of: <T>(list: readonly T[]) => T };

/** Numbers drawn from SHA-256 of the seed and a count: the same on every machine and in every version of Node. */
export const drawFrom = (seed: string): Draw => {
  let block = Buffer.alloc(0);
  let count = 0;
  const below = (limit: number): number => {
    if (block.length < 4) block = createHash('sha256').update(`${seed}|${count++}`).digest();
    const value = block.readUInt32BE(0);
    block = block.subarray(4);
    return value % limit;
  };
  return {
    below,
    of: (list) => {
      const chosen = list[below(list.length)];
      if (chosen === undefined) throw new Error('nothing to draw from');
      return chosen;
    },
  };
};

/** Id of a demo record: the same in every seeding. `kind` as in `platform/pure/id.ts`, `name` unique within city and kind. */
export const demoId = (city: string, kind: string, name: string): string =>
  toId(city, kind, createHash('sha256').update(`caregraph demo|${city}|${kind}|${name}`).digest().subarray(0, 16));

/** Login name: city, letter of the role, four digits. */
export const demoUsername = (city: string, role: 'P' | 'D' | 'A' | 'U', n: number): string => `${city}${role}${String(n).padStart(4, '0')}`;

const SPECIALTIES: readonly (readonly string[])[] = [
  ['PHYSICIAN'],
  ['PHYSICIAN'],
  ['PHYSICIAN', 'SURGEON'],
  ['SURGEON'],
  ['SURGEON'],
  ['DENTAL'],
  ['DENTAL'],
  ['PHYSICIAN'],
];

/** The practitioners of a city's demo population: two or more for each appointment type, `MTLD0001` first. Pure: the same on every call. */
export const demoPractitioners = (city: string): readonly DemoPractitioner[] =>
  SPECIALTIES.map((specialties, i) => {
    const username = demoUsername(city, 'D', i + 1);
    const draw = drawFrom(username);
    return {
      id: demoId(city, 'prc', username),
      city,
      username,
      family: draw.of(FAMILIES),
      given: [draw.of(draw.below(2) === 0 ? GIVEN_WOMEN : GIVEN_MEN)],
      specialties,
    };
  });
