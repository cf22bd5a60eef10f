/** The letter of a role in login names: patient, practitioner, admin, auditor. */
export type RoleCode = 'P' | 'D' | 'A' | 'U';

/** Who asks, as a verified token says. Ids are null where the role has none. */
export type Viewer = {
  readonly accountId: string;
  readonly role: RoleCode;
  /** Code of the account's city. */
  readonly city: string;
  readonly patientId: string | null;
  readonly practitionerId: string | null;
  readonly sessionId: string;
  /** When the token ends, in seconds since 1970. */
  readonly expiresAt: number;
};

/** What a subgraph learns of a request: who asks (null: nobody logged in), and what ties its traces together. */
export type Caller = {
  readonly viewer: Viewer | null;
  /** UUID made by the gateway. */
  readonly requestId: string;
  /** Address of the client; personal, never logged. */
  readonly address: string;
  readonly language: 'en' | 'fr';
  /** Where callers reach the gateway, such as `https://graph.example.org`; addresses that are given to them begin so. */
  readonly origin: string;
};

export const ROLE_NAMES = { P: 'PATIENT', D: 'PRACTITIONER', A: 'ADMIN', U: 'AUDITOR' } as const;
