/** One of the two stores of encrypted contents. */
export type StoreConfig =
  /** `floorShare`: share of the disk (0–1) that has to stay free. */
  | { readonly kind: 'directory'; readonly folder: string; readonly floorShare: number }
  | {
      readonly kind: 's3';
      readonly endpoint: string;
      readonly region: string;
      readonly bucket: string;
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      /** Bucket in the path instead of the host name, as most servers other than AWS want it. */
      readonly pathStyle: boolean;
    };

/** Key-encryption keys by city: `current` names one of `keys`, each 32 bytes in base64url. A demo keyring opens nothing in production. */
export type Keyring = {
  readonly version: 1;
  readonly demo: boolean;
  readonly cities: Readonly<Record<string, { readonly current: string; readonly keys: Readonly<Record<string, string>> }>>;
};

/** Who holds the key-encryption keys. */
export type KeysConfig =
  /** A file of mode 0600 that `rotateKeys` may add keys to; made, as a demo keyring, where `createDemo` says so. */
  | { readonly kind: 'keyring-file'; readonly file: string; readonly createDemo: boolean }
  /** Given as a secret; new keys come by configuration. */
  | { readonly kind: 'keyring'; readonly keyring: Keyring }
  /** Vault or OpenBao Transit: key `{keyPrefix}{city in lower case}`, with derived contexts off; the context is bound as associated data. */
  | {
      readonly kind: 'transit';
      readonly url: string;
      readonly token: string;
      readonly mount: string;
      readonly keyPrefix: string;
      /** Namespace that the mount is in; null: the root. */
      readonly namespace: string | null;
    }
  /**
   * AWS KMS: key ids, ARNs or aliases per city; the first wraps, the others still open what they wrapped. `endpoint` only where it is not
   * AWS's own.
   */
  | {
      readonly kind: 'aws-kms';
      readonly region: string;
      readonly endpoint: string | null;
      readonly keys: Readonly<Record<string, readonly string[]>>;
    };

/** What the files subgraph needs beside databases. Sizes in bytes. */
export type FilesConfig = {
  readonly primary: StoreConfig;
  readonly backup: StoreConfig;
  readonly keys: KeysConfig;
  readonly patientQuotaBytes: number;
  readonly cityQuotaBytes: number;
};
