import { createHash, randomUUID } from 'node:crypto';
import type { GraphClient } from './graph.ts';

export const REQUEST_UPLOAD = `mutation ($input: RequestUploadInput!) { requestUpload(input: $input) { __typename
  ... on Refusal { message } ... on ContentRefused { reason }
  ... on RequestUploadSuccess { upload { id url expiresAt offsetBytes sizeBytes } } } }`;
export const FINISH_UPLOAD = `mutation ($id: ID!) { finishUpload(uploadId: $id) { __typename
  ... on Refusal { message } ... on UploadIncomplete { offsetBytes sizeBytes } ... on ContentRefused { reason }
  ... on UploadFileSuccess { file { id name contentType sizeBytes sha256 version copies { store state } } } } }`;
export const DOWNLOAD =
  'query ($id: ID!, $key: String) { file(id: $id) { download(publicKey: $key) { url expiresAt sizeBytes sealedKey } } }';

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export type UploadAddress = { readonly id: string; readonly url: string; readonly sizeBytes: number };
export type KeptFile = { readonly id: string; readonly name: string; readonly sizeBytes: number; readonly sha256: string };

/** Large files as a client of the gateway sends and fetches them. */
export const largeFiles = (graph: GraphClient) => {
  const address = async (
    token: string,
    patientId: string,
    bytes: Uint8Array,
    input: Readonly<Record<string, unknown>> = {},
  ): Promise<UploadAddress> => {
    const answer = await graph.ask<{ requestUpload: { upload?: UploadAddress } | null }>(
      REQUEST_UPLOAD,
      {
        input: {
          patientId,
          name: `${randomUUID()}.txt`,
          contentType: 'text/plain',
          sizeBytes: bytes.length,
          sha256: sha256Of(bytes),
          ...input,
        },
      },
      { token },
    );
    const upload = answer.data?.requestUpload?.upload;
    if (!upload) throw new Error(`no address: ${answer.text}`);
    return upload;
  };
  const finish = async (token: string, id: string): Promise<KeptFile> => {
    const answer = await graph.ask<{ finishUpload: { file?: KeptFile } | null }>(FINISH_UPLOAD, { id }, { token });
    const file = answer.data?.finishUpload?.file;
    if (!file) throw new Error(`not kept: ${answer.text}`);
    return file;
  };
  const download = async (
    token: string,
    id: string,
    key: string | null = null,
  ): Promise<{ readonly url: string; readonly sizeBytes: number; readonly sealedKey: string | null }> => {
    const answer = await graph.ask<{ file: { download: { url: string; sizeBytes: number; sealedKey: string | null } } | null }>(
      DOWNLOAD,
      { id, key },
      { token },
    );
    const found = answer.data?.file?.download;
    if (!found) throw new Error(`no address: ${answer.text}`);
    return found;
  };
  const put = (url: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    fetch(url, { method: 'PUT', body: body as never, headers: { ...headers }, duplex: 'half' } as RequestInit);
  const get = (url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> => fetch(url, { headers: { ...headers } });
  return { address, finish, download, put, get };
};
