import type { FileVersion, MedicalFile, Priority } from '../domain/file.ts';

/** Priorities in the order of lists; the place of each is the number that stands in the database: 0 high, 1 medium, 2 low. */
const PRIORITIES: readonly Priority[] = ['HIGH', 'MEDIUM', 'LOW'];
export const rankOf = (priority: Priority): number => PRIORITIES.indexOf(priority);
export const priorityOf = (rank: number): Priority => {
  const priority = PRIORITIES[rank];
  if (!priority) throw new RangeError('a priority is 0, 1 or 2');
  return priority;
};

/** Columns of a file, as `FileRow` names them; `file` is the alias of a row of files.file. Sizes fit a double exactly. */
export const fileColumns = (file: string): string =>
  ['city', 'id', 'patient_id', 'name', 'priority', 'content_type', 'sha256', 'version', 'changed_at']
    .map((column) => `${file}.${column}`)
    .concat(`${file}.size_bytes::float8 AS size_bytes`)
    .join(', ');

export type FileRow = {
  readonly city: string;
  readonly id: string;
  readonly patient_id: string;
  readonly name: string;
  readonly priority: number;
  readonly content_type: string;
  readonly size_bytes: number;
  readonly sha256: string;
  readonly version: number;
  readonly changed_at: Date;
};

export const toFile = (row: FileRow): MedicalFile => ({
  id: row.id,
  city: row.city,
  patientId: row.patient_id,
  name: row.name,
  priority: priorityOf(row.priority),
  contentType: row.content_type,
  sizeBytes: row.size_bytes,
  sha256: row.sha256,
  version: row.version,
  createdAt: row.changed_at,
});

/** Columns of a version and of its file, as `VersionRow` names them; `version` and `file` are aliases of their rows. */
export const versionColumns = (version: string, file: string): string =>
  ['city', 'id', 'file_id', 'version', 'priority', 'content_type', 'sha256', 'created_at', 'created_by', 'blob_id', 'key_id']
    .map((column) => `${version}.${column}`)
    .concat(`${version}.size_bytes::float8 AS size_bytes`, `${file}.patient_id`, `${file}.name`)
    .join(', ');

export type VersionRow = {
  readonly city: string;
  readonly id: string;
  readonly file_id: string;
  readonly patient_id: string;
  readonly name: string;
  readonly version: number;
  readonly priority: number;
  readonly content_type: string;
  readonly size_bytes: number;
  readonly sha256: string;
  readonly created_at: Date;
  readonly created_by: string;
  readonly blob_id: string;
  readonly key_id: string;
};

export const toVersion = (row: VersionRow): FileVersion => ({
  id: row.id,
  city: row.city,
  patientId: row.patient_id,
  fileId: row.file_id,
  version: row.version,
  name: row.name,
  priority: priorityOf(row.priority),
  contentType: row.content_type,
  sizeBytes: row.size_bytes,
  sha256: row.sha256,
  createdAt: row.created_at,
  createdBy: row.created_by,
  blobId: row.blob_id,
  keyId: row.key_id,
});

/** The file as it stood when this version was its newest. */
export const toFileOf = (version: FileVersion): MedicalFile => ({
  id: version.fileId,
  city: version.city,
  patientId: version.patientId,
  name: version.name,
  priority: version.priority,
  contentType: version.contentType,
  sizeBytes: version.sizeBytes,
  sha256: version.sha256,
  version: version.version,
  createdAt: version.createdAt,
});
