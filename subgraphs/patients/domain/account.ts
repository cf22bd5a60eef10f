import type { RoleCode } from './username.ts';

/** Who an account's session makes its caller, as tokens tell it. Ids are null where the role has none. */
export type SessionViewer = {
  readonly accountId: string;
  readonly role: RoleCode;
  readonly city: string;
  readonly patientId: string | null;
  readonly practitionerId: string | null;
  readonly sessionId: string;
  readonly expiresAt: number;
};

/** A login of the network. `city` is the account's city. */
export type Account = {
  readonly id: string;
  readonly city: string;
  readonly username: string;
  readonly role: RoleCode;
  readonly patientId: string | null;
  readonly practitionerId: string | null;
  /** Set on the account of a session that this very request opened: its fields are read as that viewer. */
  readonly viewer?: SessionViewer;
};
