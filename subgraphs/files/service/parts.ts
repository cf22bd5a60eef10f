import type { SigningKey } from '#platform/config/secrets.ts';
import type { Cities } from '#platform/database/cities.ts';
import type { KeyRing } from '#platform/keys/key-ring.ts';
import type { Log } from '#platform/observability/log.ts';
import type { CursorCodec } from '#platform/paging/connection.ts';
import type { Vault } from '#platform/vault/vault.ts';
import type { WriteTurns } from './write-turns.ts';

/** Steps behind which a test may end the story; those of the stores are the vault's. */
export const FAULT_POINTS = [
  'upload:intent',
  'upload:keys',
  'upload:first-chunk',
  'upload:stored',
  'upload:before-keep',
  'upload:after-keep',
  'rotate:key-made',
  'rotate:rewrapped',
  'rotate:noted',
  'erase:recorded',
  'erase:destroyed-primary',
  'erase:destroyed-backup',
  'erase:forgotten',
  'vault:key-primary',
  'vault:key-backup',
  'vault:finish-primary',
  'vault:finish-backup',
  'vault:rewrap-primary',
  'vault:rewrap-backup',
  'vault:tombstone-primary',
  'vault:tombstone-backup',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

/** What services are made of, once per process. */
export type Parts = {
  readonly cities: Cities;
  readonly clock: () => Date;
  readonly cursors: CursorCodec;
  readonly vault: Vault;
  readonly keys: KeyRing;
  readonly sealing: readonly SigningKey[];
  /** Keys the addresses of transfers. */
  readonly addressKey: Uint8Array;
  readonly quotas: { readonly patientBytes: number; readonly cityBytes: number };
  /** Lets some transactions of a city run at once, so that many uploads leave connections to others. */
  readonly inTurn: WriteTurns;
  readonly log: Log;
  readonly fault: (point: FaultPoint) => void | Promise<void>;
};
