import type { KeysConfig } from '#platform/config/files.ts';
import { DATA_KEY_BYTES, requireDataKey } from './bind-context.ts';
import { KeyRefusedError, type KeyRing, KeysUnavailableError } from './key-ring.ts';

type AwsKmsConfig = Extract<KeysConfig, { readonly kind: 'aws-kms' }>;

const DEADLINE_MS = 2_000;
/** Answers that speak of the wrapped key; all others speak of the service, the rights, or the state of the key. */
const REFUSALS: readonly string[] = ['InvalidCiphertextException', 'IncorrectKeyException'];
const PREFIX = 'aws-kms:';

/**
 * AWS KMS: wrapping keys never leave it. https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html The context is the encryption
 * context, so it stands in CloudTrail: it holds ids, never names. The first key of a city wraps; the others still open what they wrapped.
 * An alias is resolved, so that rows name the key behind it. Names in rows are `aws-kms:{key ARN or id}`, `wrapped` is KMS's ciphertext.
 * Credentials come from the SDK's own chain (environment, instance or task role). Deadline of every act: 2 s.
 */
export const openAwsKms = async (config: AwsKmsConfig): Promise<KeyRing> => {
  // The SDK takes 0.1 s and 20 MB to load: only who uses it pays.
  const { DecryptCommand, DescribeKeyCommand, EncryptCommand, KMSClient } = await import('@aws-sdk/client-kms');
  const client = new KMSClient({
    region: config.region,
    maxAttempts: 2,
    ...(config.endpoint === null ? {} : { endpoint: config.endpoint }),
    requestHandler: { connectionTimeout: DEADLINE_MS, requestTimeout: DEADLINE_MS },
  });
  /** What the service answers within the deadline, the search for credentials included. */
  const within = async <T>(send: (abortSignal: AbortSignal) => Promise<T>): Promise<T> => {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const late = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    try {
      return await Promise.race([send(signal), late]);
    } catch (error) {
      const { name } = error as Error;
      if (REFUSALS.includes(name)) throw new KeyRefusedError('KMS does not open the wrapped key');
      throw new KeysUnavailableError(`KMS does not answer (${/^[A-Za-z]{1,60}$/.test(name) ? name : 'unknown'})`);
    }
  };
  const resolve = async (key: string): Promise<string> => {
    if (!/(?:^|:)alias\//.test(key)) return key;
    const { KeyMetadata } = await within((abortSignal) => client.send(new DescribeKeyCommand({ KeyId: key }), { abortSignal }));
    if (!KeyMetadata?.Arn) throw new KeysUnavailableError('KMS knows no such key');
    return KeyMetadata.Arn;
  };
  const keysOf = (city: string): readonly string[] => config.keys[city] ?? [];
  const current = async (city: string): Promise<string> => {
    const [key] = keysOf(city);
    if (key === undefined) throw new KeysUnavailableError(`the configuration names no key of ${city}`);
    return resolve(key);
  };
  /** Whether a key may open for a city: a row that names a stranger's key must not. */
  const isKeyOf = async (city: string, key: string): Promise<boolean> => {
    if (keysOf(city).includes(key)) return true;
    for (const alias of keysOf(city)) if ((await resolve(alias)) === key) return true;
    return false;
  };
  return {
    currentKeyId: async (city) => `${PREFIX}${await current(city)}`,
    wrap: async (city, dataKey, context) => {
      const Plaintext = requireDataKey(dataKey);
      const key = await current(city);
      const { CiphertextBlob } = await within((abortSignal) =>
        client.send(new EncryptCommand({ KeyId: key, Plaintext, EncryptionContext: { ...context } }), {
          abortSignal,
        }),
      );
      if (!CiphertextBlob) throw new KeysUnavailableError('KMS answers what is not understood');
      return { keyId: `${PREFIX}${key}`, wrapped: Buffer.from(CiphertextBlob).toString('base64url') };
    },
    unwrap: async (city, { keyId, wrapped }, context) => {
      const key = keyId.slice(PREFIX.length);
      if (!keyId.startsWith(PREFIX) || !(await isKeyOf(city, key))) throw new KeyRefusedError('this is no key of the city');
      const bytes = Buffer.from(wrapped, 'base64url');
      if (bytes.length === 0 || bytes.toString('base64url') !== wrapped) throw new KeyRefusedError('this is no wrapped key');
      const { Plaintext } = await within((abortSignal) =>
        client.send(new DecryptCommand({ KeyId: key, CiphertextBlob: bytes, EncryptionContext: { ...context } }), { abortSignal }),
      );
      if (Plaintext?.length !== DATA_KEY_BYTES) throw new KeyRefusedError('what KMS opened is no data key');
      return new Uint8Array(Plaintext);
    },
    makeKey: async () => null,
    stop: async () => client.destroy(),
  };
};
