import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failure.ts';
import { readText, send } from './http.ts';

const SILENCE_MS = 30_000;
const MAX_ANSWER_BYTES = 24 * 1024 * 1024;
const TRIES = 4;
/** Codes of what passes by itself. */
export const PASSING: readonly string[] = ['SUBGRAPH_UNAVAILABLE', 'CITY_UNAVAILABLE', 'OVERLOADED', 'RATE_LIMITED', 'NO_ANSWER'];

const NEXT: Readonly<Record<string, string>> = {
  UNAUTHENTICATED: 'Log in again: --user NAME, or a fresh CAREGRAPH_TOKEN.',
  FORBIDDEN: 'This login may not do that; use one that may.',
  NOT_FOUND: 'Look for the id with: npm run files -- list. What a login may not see looks the same.',
  INTEGRITY_ERROR: 'Tell whoever runs the network, with the request id.',
  STORAGE_FULL: 'Tell whoever runs the network; nothing was kept.',
};
const LATER = 'Nothing is wrong with the request: try again in a moment.';

type GraphError = {
  readonly message: string;
  readonly extensions?: { readonly code?: string; readonly requestId?: string; readonly reason?: string };
};
export type Session = { readonly token: string; readonly refreshToken: string | null };

/** Asks the graph as one login. */
export type Graph = {
  /**
   * Data of an answer, in which every field that failed is null; throws Failure for errors. `again`: whether a question whose answer may
   * have been lost is asked once more.
   */
  readonly ask: <T>(query: string, variables: Readonly<Record<string, unknown>>, says?: { readonly again?: boolean }) => Promise<T>;
  /** Where an address of the graph lies behind the base address that the caller gave. */
  readonly resolve: (url: string) => string;
};

const REFRESH =
  'mutation ($refreshToken: String!) { refreshSession(refreshToken: $refreshToken) { ... on Session { token refreshToken } } }';
const LOGIN = `mutation ($username: String!, $password: String!) {
  login(username: $username, password: $password) { __typename ... on Session { token refreshToken } ... on Refusal { message } }
}`;

type Connection = { readonly url: string };
/** That of the commands themselves, so that what the server says fits what stands around it. */
const LANGUAGE = 'en';

const post = async <T>({ url }: Connection, token: string | null, query: string, variables: object): Promise<T> => {
  let text: string;
  let status: number;
  try {
    const answer = await send(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/graphql-response+json, application/json;q=0.9',
        'accept-language': LANGUAGE,
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ query, variables }),
      silenceMs: SILENCE_MS,
    });
    status = answer.status;
    text = await readText(answer.body, MAX_ANSWER_BYTES);
  } catch {
    throw new Failure('NO_ANSWER', `Nothing answers at ${url}.`, 'Start the network (npm start), or name its address: --url https://…');
  }
  let body: { readonly data?: T | null; readonly errors?: readonly GraphError[] };
  try {
    body = JSON.parse(text);
  } catch {
    throw new Failure(
      'NO_GRAPH',
      `What answers at ${url} is no graph (status ${status}).`,
      'Name the address of the gateway: --url https://…',
    );
  }
  const [fault] = body.errors ?? [];
  if (fault) {
    const { code = 'INTERNAL_SERVER_ERROR', requestId } = fault.extensions ?? {};
    const next = NEXT[code] ?? (PASSING.includes(code) ? LATER : null);
    throw new Failure(code, `${fault.message}${requestId === undefined ? '' : ` (${code}, request ${requestId})`}`, next);
  }
  if (!body.data) throw new Failure('NO_GRAPH', `What answers at ${url} is no graph.`);
  return body.data;
};

/** Logs in. Throws Failure where name and password are refused. */
export const login = async (connection: Connection, username: string, password: string): Promise<Session> => {
  const { login: answer } = await post<{ login: { token?: string; refreshToken?: string; message?: string } | null }>(
    connection,
    null,
    LOGIN,
    {
      username,
      password,
    },
  );
  if (!answer?.token)
    throw new Failure('UNAUTHENTICATED', answer?.message ?? 'The login was refused.', 'Check the name (--user) and the password.');
  return { token: answer.token, refreshToken: answer.refreshToken ?? null };
};

export const openGraph = (connection: Connection, given: Session): Graph => {
  let session = given;
  /** Changes a token that ended for the next; false where there is none to change it with. */
  const refresh = async (): Promise<boolean> => {
    if (session.refreshToken === null) return false;
    const { refreshToken } = session;
    const { refreshSession: next } = await post<{ refreshSession: { token?: string; refreshToken?: string } | null }>(
      connection,
      null,
      REFRESH,
      {
        refreshToken,
      },
    );
    if (!next?.token) return false;
    session = { token: next.token, refreshToken: next.refreshToken ?? null };
    return true;
  };
  let hasAnswered = false;
  const askOnce = async <T>(query: string, variables: Readonly<Record<string, unknown>>): Promise<T> => {
    const data = await post<T>(connection, session.token, query, variables);
    hasAnswered = true;
    return data;
  };
  return {
    ask: async <T>(query: string, variables: Readonly<Record<string, unknown>>, says: { readonly again?: boolean } = {}): Promise<T> => {
      let isFresh = false;
      for (let attempt = 1; ; attempt++) {
        try {
          return await askOnce<T>(query, variables);
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          if (error.code === 'UNAUTHENTICATED' && !isFresh && (await refresh())) {
            isFresh = true;
            continue;
          }
          // An address at which nothing ever answered is more likely a wrong one.
          const isPassing = PASSING.includes(error.code) && (hasAnswered || error.code !== 'NO_ANSWER');
          if (!says.again || attempt >= TRIES || !isPassing) throw error;
          await sleep(250 * 2 ** attempt);
        }
      }
    },
    // The address names where others reach the gateway; this caller reached it at its own address, and goes there alone.
    resolve: (url) => new URL(new URL(url).pathname, connection.url).href,
  };
};

type Refusal = {
  readonly __typename: string;
  readonly message?: string;
  readonly reason?: string;
  readonly allowed?: readonly string[];
  readonly usedBytes?: number;
  readonly limitBytes?: number;
  readonly retryAfterSeconds?: number;
};
/** What to ask of every refusal; and of those that the contents of a file may meet. */
export const REFUSAL = '__typename ... on Refusal { message } ... on CityUnavailable { retryAfterSeconds }';
export const REFUSALS = `${REFUSAL} ... on ContentRefused { reason allowed } ... on QuotaExceeded { usedBytes limitBytes }`;

/** What to do about a content that is not kept. */
const sayReason = (reason: string | undefined, allowed: readonly string[] = []): string | null => {
  const kept = allowed.length > 0 ? ` Kept are: ${allowed.join(', ')}.` : '';
  if (reason === 'TYPE_NOT_ALLOWED') return kept.trim() || 'Send it as PDF, DICOM, an image or text.';
  if (reason === 'TYPE_MISMATCH') return `Say what it is: --type.${kept}`;
  if (reason === 'HASH_MISMATCH' || reason === 'SIZE_MISMATCH') return 'The file was changed while it was sent. Run the command again.';
  if (reason === 'SEAL_BROKEN') return 'The server’s key may have changed meanwhile. Run the command again.';
  return null;
};

/** A refusal in words, with what to do next. */
export const toFailure = ({ __typename, message, reason, allowed, usedBytes, limitBytes, retryAfterSeconds }: Refusal): Failure => {
  const next: Readonly<Record<string, string | null>> = {
    PatientNotFound: 'Check --patient: an id as the graph shows it, of a patient whom this login may see.',
    AppointmentNotFound: 'Check --appointment: an appointment of this very patient.',
    QuotaExceeded: `In use are ${usedBytes} of ${limitBytes} bytes. Delete files, or ask for more room.`,
    CityUnavailable: `Try again in ${retryAfterSeconds ?? 'a few'} s.`,
    UploadNotFound: 'The upload took too long, was refused, or its login ended. Run the command again.',
    ContentRefused: sayReason(reason, allowed),
  };
  return new Failure(reason ?? __typename, message ?? `The server refused: ${__typename}.`, next[__typename] ?? null);
};

/** What a transfer's address answered in words. */
export const toTransferFailure = (status: number, text: string): Failure => {
  let fault: GraphError | undefined;
  try {
    fault = (JSON.parse(text) as { errors?: GraphError[] }).errors?.[0];
  } catch {
    // an answer without the house's shape
  }
  const { code = 'TRANSFER', requestId, reason } = fault?.extensions ?? {};
  const told = fault
    ? `${fault.message}${requestId === undefined ? '' : ` (${code}, request ${requestId})`}`
    : `The transfer was refused (${status}).`;
  return new Failure(reason ?? code, told, sayReason(reason) ?? NEXT[code] ?? (status >= 500 ? LATER : null));
};
