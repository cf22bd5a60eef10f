import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import canonicalize from 'canonicalize';

export type KmsServer = {
  readonly url: string;
  /** An error that every act is answered with, or that the server says nothing. */
  fault: string | null;
  /** Key that an alias names. */
  readonly aliases: Map<string, string>;
  readonly contexts: unknown[];
  readonly stop: () => Promise<void>;
};

const sha256 = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** Whether a request is signed as Signature Version 4 wants it. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
const isSigned = (headers: IncomingHttpHeaders, body: Buffer, secret: string, region: string): boolean => {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/kms\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? '',
    );
  const [, , day = '', inRegion, names = '', signature] = match ?? [];
  if (inRegion !== region || !['host', 'x-amz-date'].every((name) => names.split(';').includes(name))) return false;
  const lines = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const request = ['POST', '/', '', lines.join(''), names, sha256(body)].join('\n');
  const scope = `${day}/${region}/kms/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(request)].join('\n');
  const key = [region, 'kms', 'aws4_request'].reduce<Buffer>((made, part) => hmac(made, part), hmac(`AWS4${secret}`, day));
  return hmac(key, text).toString('hex') === signature;
};

/**
 * A server that speaks the JSON protocol of AWS KMS as far as we ask it: Encrypt, Decrypt and DescribeKey, with encryption contexts, key
 * ids and aliases, checked signatures, and the service's own errors. A cloud KMS cannot be had in a test.
 */
export const startKmsServer = async (says: {
  readonly secret: string;
  readonly region: string;
  readonly keys: readonly string[];
}): Promise<KmsServer> => {
  const keys = new Map(says.keys.map((id) => [id, randomBytes(32)]));
  const aliases = new Map<string, string>();
  const contexts: unknown[] = [];
  const state: { fault: string | null } = { fault: null };
  const answer = (act: string, body: Record<string, unknown>): readonly [number, unknown] => {
    const fail = (type: string) => [400, { __type: type, message: 'as the service says it' }] as const;
    const given = String(body['KeyId'] ?? '');
    const id = aliases.get(given) ?? given;
    const key = keys.get(id);
    if (!key) return fail('NotFoundException');
    if (act === 'DescribeKey') return [200, { KeyMetadata: { KeyId: id, Arn: id, Enabled: true } }];
    contexts.push(body['EncryptionContext']);
    const bound = Buffer.from(canonicalize(body['EncryptionContext'] ?? {}) ?? '');
    if (act === 'Encrypt') {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bound);
      const sealed = Buffer.concat([cipher.update(Buffer.from(String(body['Plaintext']), 'base64')), cipher.final()]);
      const index = Buffer.of(says.keys.indexOf(id));
      return [200, { KeyId: id, CiphertextBlob: Buffer.concat([index, nonce, sealed, cipher.getAuthTag()]).toString('base64') }];
    }
    const bytes = Buffer.from(String(body['CiphertextBlob']), 'base64');
    if (bytes.length < 30) return fail('InvalidCiphertextException');
    if (says.keys[bytes[0] ?? -1] !== id) return fail(says.keys[bytes[0] ?? -1] ? 'IncorrectKeyException' : 'InvalidCiphertextException');
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, 13)).setAAD(bound);
      decipher.setAuthTag(bytes.subarray(-16));
      return [
        200,
        { KeyId: id, Plaintext: Buffer.concat([decipher.update(bytes.subarray(13, -16)), decipher.final()]).toString('base64') },
      ];
    } catch {
      return fail('InvalidCiphertextException');
    }
  };
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    if (state.fault === 'silent') return;
    const reply = (status: number, content: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': 'r' });
      response.end(JSON.stringify(content));
    };
    if (state.fault !== null)
      return reply(state.fault === 'KMSInternalException' ? 500 : 400, { __type: state.fault, message: 'as it says' });
    if (!isSigned(request.headers, body, says.secret, says.region))
      return reply(400, { __type: 'IncompleteSignatureException', message: 'signature' });
    const act = /^TrentService\.(\w+)$/.exec(String(request.headers['x-amz-target']))?.[1] ?? '';
    if (!['Encrypt', 'Decrypt', 'DescribeKey'].includes(act)) return reply(400, { __type: 'UnknownOperationException' });
    reply(...answer(act, JSON.parse(body.toString('utf8'))));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    aliases,
    contexts,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
};
