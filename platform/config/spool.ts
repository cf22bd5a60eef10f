/** Where entries of readings wait while a city's primary is gone. */
export type SpoolConfig = {
  /** A folder on a disk of this machine, for processes of this machine alone. */
  readonly folder: string;
  /** Bytes that one city's entries may take, for each role; further readings are refused. */
  readonly maxBytes: number;
  /** Age of the oldest entry, in seconds, at which a person has to look. */
  readonly alarmSeconds: number;
};
