import canonicalize from 'canonicalize';
import type { Caller } from '#platform/access/viewer.ts';
import { fanOut } from '#platform/database/cities.ts';
import { type Connection, pageSize, toConnection } from '#platform/paging/connection.ts';
import { BadInputError, NotFoundError, UnauthenticatedError } from '#platform/pure/faults.ts';
import { cityOfId } from '#platform/pure/id.ts';
import type { Positions } from '#platform/sequence/position.ts';
import { decide } from '#policy/decide.ts';
import type { Fee } from '../domain/fee.ts';
import type { Slot } from '../domain/slot.ts';
import { parseSlotCode } from '../domain/slot-code.ts';
import type { SlotFilter } from '../domain/slot-filter.ts';
import { findFees } from '../store/fee-store.ts';
import type { Loaders } from '../store/loaders.ts';
import { findSlotsByCode, readSlotPage, type SlotPosition } from '../store/slot-store.ts';
import type { Parts } from './parts.ts';
import { readSlotFilter, type SlotFilterInput } from './slot-filter.ts';

export type CityStateView = { readonly city: string; readonly state: 'COMPLETE' | 'STALE' | 'UNAVAILABLE'; readonly asOf: Date | null };
export type SlotPage = Connection<Slot> & { readonly cityStates: readonly CityStateView[]; readonly feedCursor: string };
export type PageInput = { readonly first?: number | null | undefined; readonly after?: string | null | undefined };

/** Scope of the cursors of slot feeds: positions in the outboxes are no secret, and any filter can go on from them. */
export const SLOT_FEED = 'slot-feed';

const requireViewer = ({ viewer }: Caller): void => {
  if (!decide(viewer, { action: 'slot:read' }).allow) throw new UnauthenticatedError();
};

/** Slots and what they cost, for anybody who is logged in. */
export const makeFindSlots = ({ cities, cursors, clock }: Parts) => {
  /** Where a list begins that names no beginning: now, or the first slot of all where it ends in the past. */
  const beginning = (to: Date | null): Date | null => {
    const now = clock();
    return to !== null && to <= now ? null : now;
  };
  const page = async (scope: string, filter: SlotFilter, { first, after }: PageInput): Promise<SlotPage> => {
    const size = pageSize(first);
    const behind = after === undefined || after === null ? null : cursors.decode<SlotPosition>(scope, after);
    const parts = await fanOut(
      filter.cities.map((code) => cities.of(code)),
      (db) => readSlotPage(db, filter, behind, size + 1),
    );
    const slots = parts
      .flatMap(({ value }) => value?.slots ?? [])
      .sort((a, b) => a.startsAt.getTime() - b.startsAt.getTime() || (a.id < b.id ? -1 : 1));
    const positions: Positions = Object.fromEntries(parts.flatMap(({ city, value }) => (value ? [[city, value.position] as const] : [])));
    return {
      ...toConnection(slots, size, (slot) => cursors.encode(scope, [slot.startsAt.toISOString(), slot.id]), behind !== null),
      cityStates: parts.map(({ city, state, asOf }) => ({ city, state, asOf })),
      feedCursor: cursors.encode(SLOT_FEED, positions),
    };
  };
  return {
    /** Slots of several cities by start, from now on unless the filter says otherwise. A city that is down costs its own rows alone. */
    slots: async (caller: Caller, input: SlotFilterInput, paging: PageInput): Promise<SlotPage> => {
      requireViewer(caller);
      const filter = readSlotFilter(cities.codes, input);
      return page(
        `slots:${canonicalize({ ...filter, from: filter.from?.getTime() ?? null, to: filter.to?.getTime() ?? null })}`,
        { ...filter, from: filter.from ?? beginning(filter.to) },
        paging,
      );
    },
    /** Slots of one practitioner; from now on unless `from` says otherwise. */
    ofPractitioner: async (
      caller: Caller,
      practitionerId: string,
      { from, to, ...paging }: PageInput & { readonly from?: Date | null; readonly to?: Date | null },
    ): Promise<SlotPage> => {
      requireViewer(caller);
      const city = cityOfId(practitionerId, 'prc');
      if (city === null || !cities.find(city)) throw new NotFoundError();
      if (from && to && from >= to) throw new BadInputError('to', 'must be after from');
      const filter = {
        cities: [city],
        appointmentType: null,
        practitionerId,
        from: from ?? beginning(to ?? null),
        to: to ?? null,
        onlyAvailable: false,
      };
      return page(`slots-of:${practitionerId}:${from?.getTime() ?? ''}:${to?.getTime() ?? ''}`, filter, paging);
    },
    /** One slot. `NotFoundError` when there is none. */
    slot: async (caller: Caller, loaders: Loaders, id: string): Promise<Slot> => {
      requireViewer(caller);
      const slot = await loaders.slot.load(id);
      if (!slot) throw new NotFoundError();
      return slot;
    },
    /** Slots that share a code; none for a city that the network does not have. */
    byCode: async (caller: Caller, text: string): Promise<readonly Slot[]> => {
      requireViewer(caller);
      const code = parseSlotCode(text);
      if (!code) throw new BadInputError('code', 'is no code of a day that exists, such as MTLA100227');
      const db = cities.find(code.city);
      return db ? findSlotsByCode(db, text) : [];
    },
    /** What a practitioner takes, by type and plan. */
    feesOf: async (caller: Caller, practitionerId: string): Promise<readonly Fee[]> => {
      requireViewer(caller);
      const db = cities.find(cityOfId(practitionerId, 'prc') ?? '');
      return db ? findFees(db, practitionerId) : [];
    },
  };
};
export type FindSlots = ReturnType<typeof makeFindSlots>;
