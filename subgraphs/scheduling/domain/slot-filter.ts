/** Which slots are asked for; null: whatever. `from` and `to` bound the start, `[from, to)`. */
export type SlotFilter = {
  readonly cities: readonly string[];
  readonly appointmentType: string | null;
  readonly practitionerId: string | null;
  readonly from: Date | null;
  readonly to: Date | null;
  readonly onlyAvailable: boolean;
};

/** Whether a change concerns a filter: the slot matches it before the change or after it. */
export const matchesChange = (
  filter: SlotFilter,
  change: {
    readonly appointmentType: string;
    readonly practitionerId: string | null;
    readonly startsAt: Date;
    readonly availableBefore: number;
    readonly availableAfter: number;
  },
  now: Date,
): boolean =>
  (filter.appointmentType === null || filter.appointmentType === change.appointmentType) &&
  (filter.practitionerId === null || filter.practitionerId === change.practitionerId) &&
  (filter.from === null || change.startsAt >= filter.from) &&
  (filter.to === null || change.startsAt < filter.to) &&
  (!filter.onlyAvailable || (change.startsAt > now && (change.availableBefore > 0 || change.availableAfter > 0)));
