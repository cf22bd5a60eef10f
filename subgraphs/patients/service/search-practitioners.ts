import { fanOut } from '#platform/database/cities.ts';
import { pageSize, toConnection } from '#platform/paging/connection.ts';
import { BadInputError } from '#platform/pure/faults.ts';
import { cleanLine } from '#platform/pure/text.ts';
import { searchWords } from '../domain/check-patient.ts';
import type { Practitioner } from '../domain/patient.ts';
import { type PractitionerHit, searchPractitioners } from '../store/practitioner-store.ts';
import { requireViewer } from './own-patient.ts';
import { type CitiesPage, mergeParts, type NamePosition, toCityStates } from './page-of-cities.ts';
import type { Parts } from './parts.ts';
import type { Request } from './request.ts';

type Maybe<T> = T | null | undefined;
export type PractitionerFilter = { readonly name?: Maybe<string>; readonly city?: Maybe<string>; readonly specialty?: Maybe<string> };

/** A page of the network's practitioners, by folded family name, then id. Who works where is open to everybody who is logged in. */
export const makeSearchPractitioners =
  ({ cities, cursors }: Parts) =>
  async (
    request: Request,
    filter: PractitionerFilter,
    first: number | null | undefined,
    after: string | null | undefined,
  ): Promise<CitiesPage<Practitioner>> => {
    requireViewer(request);
    const size = pageSize(first);
    const words = typeof filter.name === 'string' ? searchWords('filter.name', filter.name) : [];
    const specialty = typeof filter.specialty === 'string' ? cleanLine('filter.specialty', filter.specialty, 100) : null;
    if (typeof filter.city === 'string' && !cities.find(filter.city))
      throw new BadInputError('filter.city', `is no city; send one of ${cities.codes.join(', ')}`);
    const scope = JSON.stringify(['practitioners', words, specialty, filter.city ?? null]);
    const from = typeof after === 'string' ? cursors.decode<NamePosition>(scope, after) : null;
    const answers = await fanOut(
      cities.all.filter(({ city }) => !filter.city || filter.city === city.code),
      async (db) => {
        const { rows, staleAsOf } = await searchPractitioners(db, { words, specialty, after: from, limit: size + 1 });
        return { value: rows, staleAsOf };
      },
    );
    const positionOf = ({ familyFold, practitioner }: PractitionerHit) => ({ family: familyFold, id: practitioner.id });
    const rows = mergeParts<PractitionerHit>(answers, positionOf);
    const page = toConnection(rows, size, (row) => cursors.encode(scope, positionOf(row)), from !== null);
    return {
      ...page,
      edges: page.edges.map(({ cursor, node }) => ({ cursor, node: node.practitioner })),
      nodes: page.nodes.map(({ practitioner }) => practitioner),
      cityStates: toCityStates(answers),
    };
  };
