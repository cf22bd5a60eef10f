export type Priority = 'HIGH' | 'MEDIUM' | 'LOW';

/** A file with its newest version; `version` 1 or more. Sizes in bytes, SHA-256 in hex. */
export type MedicalFile = {
  readonly id: string;
  readonly city: string;
  readonly patientId: string;
  readonly name: string;
  readonly priority: Priority;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly version: number;
  readonly createdAt: Date;
  /** Where a replica gave it: when it was true. */
  readonly asOf?: Date;
};

/** One version of a file, and where its content is kept. */
export type FileVersion = {
  readonly id: string;
  readonly city: string;
  readonly patientId: string;
  readonly fileId: string;
  readonly version: number;
  readonly name: string;
  readonly priority: Priority;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly createdAt: Date;
  /** Account that uploaded it. */
  readonly createdBy: string;
  readonly blobId: string;
  readonly keyId: string;
};

/** An upload that is on its way, as its row says; see `migrations/files/0002-files.sql`. */
export type Upload = {
  readonly id: string;
  readonly city: string;
  readonly blobId: string;
  readonly patientId: string;
  readonly fileId: string;
  readonly versionId: string;
  readonly name: string;
  readonly contentType: string;
  readonly priority: Priority;
  readonly appointmentId: string | null;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly accountId: string;
  readonly sessionId: string;
  readonly sealedKey: string | null;
  readonly state: 'open' | 'received' | 'kept' | 'refused';
  readonly storedBytes: number;
  readonly keyId: string | null;
  readonly owed: readonly string[];
};

/** Everything that ciphertext and wrapped key of a version are bound to. */
export const contextOf = (version: {
  readonly city: string;
  readonly patientId: string;
  readonly fileId: string;
  readonly versionId: string;
}): Readonly<Record<string, string>> => ({
  city: version.city,
  patient: version.patientId,
  file: version.fileId,
  version: version.versionId,
});
