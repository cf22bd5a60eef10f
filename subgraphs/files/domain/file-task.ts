export type FileTaskKind = 'ROTATION' | 'SCRUB';

/** Where a task over all files of a city stands, as the graph tells it. Counts are of versions, `damaged` and `repaired` of copies or keys. */
export type FileTask = {
  readonly city: string;
  readonly kind: FileTaskKind;
  readonly running: boolean;
  readonly startedAt: Date;
  readonly total: number;
  readonly checked: number;
  readonly damaged: number;
  readonly repaired: number;
  readonly lost: number;
  readonly waiting: number;
};
