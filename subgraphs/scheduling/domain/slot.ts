/** What never changes of a slot once it is open. `localDate` is the day of the start in the city's zone, `week` its ISO week. */
export type SlotFacts = {
  readonly city: string;
  readonly id: string;
  readonly appointmentType: string;
  readonly practitionerId: string | null;
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly localDate: string;
  readonly week: string;
};

/** A slot as the host city keeps it. `available` are the free places: capacity − booked − held. */
export type Slot = SlotFacts & {
  readonly code: string;
  readonly capacity: number;
  readonly booked: number;
  readonly held: number;
  readonly available: number;
  readonly status: 'open' | 'removed';
};

/** A slot that is about to be opened. */
export type NewSlot = Omit<Slot, 'booked' | 'held' | 'available' | 'status'>;

/** Whether a slot can be taken now, as its city's database sees it at one moment. */
export type SlotState = SlotFacts & { readonly status: 'open' | 'removed'; readonly isStarted: boolean; readonly isFull: boolean };
