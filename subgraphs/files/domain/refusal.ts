export type ContentRefusedReason =
  | 'TYPE_NOT_ALLOWED'
  | 'TYPE_MISMATCH'
  | 'HASH_MISMATCH'
  | 'SIZE_MISMATCH'
  | 'MALWARE_SIGNATURE'
  | 'SEAL_BROKEN';

/** What services answer instead of doing something; `kind` is the name in the graph. */
export type FileRefusal =
  | { readonly kind: 'FileNotFound' }
  | { readonly kind: 'PatientNotFound' }
  | { readonly kind: 'AppointmentNotFound' }
  | { readonly kind: 'UploadNotFound' }
  | { readonly kind: 'UploadIncomplete'; readonly offsetBytes: number; readonly sizeBytes: number }
  | { readonly kind: 'QuotaExceeded'; readonly usedBytes: number; readonly limitBytes: number }
  | { readonly kind: 'ContentRefused'; readonly reason: ContentRefusedReason }
  | { readonly kind: 'CityUnavailable'; readonly city: string; readonly retryAfterSeconds: number };

/** The refusals of these names. */
export type RefusalOf<K extends FileRefusal['kind']> = Extract<FileRefusal, { readonly kind: K }>;

/** A content that was refused, as it is said; the types that are kept are the same for all. */
export type SaidContentRefused = RefusalOf<'ContentRefused'> & { readonly message: string };
