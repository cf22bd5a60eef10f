/** One database role per subgraph, and the roles of the mechanisms that read across acts. `migrator` owns the schemas. */
export const DATABASE_ROLES = ['patients', 'scheduling', 'files', 'audit', 'sequencer', 'relay', 'migrator'] as const;
export type DatabaseRole = (typeof DATABASE_ROLES)[number];

/**
 * Both halves of a pair as JSON Web Keys, with their `kid`: Ed25519 for signatures, X25519 (both RFC 8037) or P-256 (RFC 7518, 6.2) for
 * sealed contents.
 */
export type SigningKey = {
  readonly kid: string;
  readonly privateJwk: Readonly<Record<string, string>>;
  readonly publicJwk: Readonly<Record<string, string>>;
};

/** What only configuration may give. The embedded network makes its own and keeps it in `DATA_DIR/secrets.json` (0600). */
export type Secrets = {
  /** Password of each database role, the same in every city. */
  readonly databasePasswords: Readonly<Record<DatabaseRole, string>>;
  /** Signs access tokens; held by the patients subgraph. The gateway needs the public half alone. */
  readonly tokenKey: SigningKey;
  /** Signs what the gateway tells subgraphs; held by the gateway. Subgraphs need the public half alone. */
  readonly assertionKey: SigningKey;
  /** Keys the HMAC of cursors; at least 32 bytes, base64url. */
  readonly cursorKey: string;
  /** Open what callers seal for the server; the first is the one they are shown. Held by the files subgraph. */
  readonly sealingKeys: readonly SigningKey[];
  /**
   * Sign the checkpoints of each city's audit log, by the city's code, oldest first; Ed25519. The last one signs what begins anew, the others
   * what began with them. `kid` is the log's origin, such as `caregraph.example/audit/MTL`. Held by the audit subgraph.
   */
  readonly logKeys: Readonly<Record<string, readonly SigningKey[]>>;
  /**
   * Keys the HMAC that gives people their tags in the audit logs; 32 bytes or more, base64url, the same in every city and for ever: with
   * another one no entry of a person is found any more.
   */
  readonly subjectIndexKey: string;
  /**
   * Cosign the checkpoints of other logs, by the code of the city that is the witness; Ed25519. `kid` is the name of the witness, such as
   * `caregraph.example/witness/MTL`. None of them signs a log. Held by the audit subgraph.
   */
  readonly witnessKeys: Readonly<Record<string, SigningKey>>;
};
