import { StoreFullError, StoreUnavailableError } from './store.ts';

const FULL = new Set([
  'QuotaExceeded',
  'EntityTooLarge',
  'InsufficientStorage',
  'InsufficientCapacity',
  'XMinioStorageFull',
  'XMinioAdminBucketQuotaExceeded',
]);
const ABSENT = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload']);
const PASSING = new Set(['InternalError', 'ServiceUnavailable', 'SlowDown', 'OperationAborted']);
const BROKEN = new Set(['ECONNRESET', 'EPIPE']);

/** What an answer of the SDK tells: the S3 error code, the HTTP status where there was an answer, the errno where there was none. */
export const readFault = (error: unknown): { readonly name: string; readonly status: number; readonly code: string } => {
  const { name, code, $metadata } = error as { name?: unknown; code?: unknown; $metadata?: { httpStatusCode?: unknown } };
  const status = $metadata?.httpStatusCode;
  return {
    name: typeof name === 'string' && /^[A-Za-z0-9]{1,60}$/.test(name) ? name : 'unknown',
    status: typeof status === 'number' ? status : 0,
    code: typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? code : '',
  };
};

/** Nothing under that key, as far as the answer tells: a HEAD without a body does not tell a missing key from a missing bucket. */
export const isAbsent = (error: unknown): boolean => {
  const { name, status } = readFault(error);
  return status === 404 && name !== 'NoSuchBucket' && (ABSENT.has(name) || /^\d+$|^Unknown/.test(name));
};

/** Worth one more try at once: the server said so, or closed a connection that had been idle. A time-out is not. */
export const isPassing = (error: unknown): boolean => {
  const { name, status, code } = readFault(error);
  return PASSING.has(name) || status === 500 || status === 502 || status === 503 || (status === 0 && BROKEN.has(code));
};

const meaningOf = ({ name, status, code }: ReturnType<typeof readFault>): string => {
  if (name === 'NoSuchBucket') return 'there is no such bucket';
  if (name === 'RequestTimeTooSkewed') return 'the clocks of this machine and the server differ';
  if (name === 'InvalidAccessKeyId' || name === 'SignatureDoesNotMatch') return 'the server refuses the access key';
  if (status === 401 || status === 403) return 'the server refuses the access key, or the key may not do this';
  if (status > 0) return `the server answers ${status} ${name}`;
  return `no answer: ${code === '' ? name : code}`;
};

/** The store's error for an error of the SDK. Its cause holds neither names nor headers. */
export const toStoreError = (store: string, error: unknown, writing: boolean): Error => {
  if (error instanceof StoreUnavailableError || error instanceof StoreFullError) return error;
  const fault = readFault(error);
  const cause = new Error(meaningOf(fault));
  const isFull = FULL.has(fault.name) || fault.status === 507 || fault.status === 413;
  return writing && isFull ? new StoreFullError(store, cause) : new StoreUnavailableError(store, cause);
};
