import { once } from 'node:events';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient, type Client as WsClient } from 'graphql-ws';
import { WebSocket } from 'ws';

/** An answer of the graph over HTTP. */
export type Answer<T = Record<string, unknown>> = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly data: T | null;
  readonly errors: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions: Record<string, unknown>;
  }[];
};

export type AskOptions = {
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly operationName?: string;
};

/** Callers' view of a running graph: HTTP, WebSocket, SSE. */
export const graphClient = (url: string) => {
  const endpoint = `${url}/graphql`;
  const post = async (body: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> => {
    const response = await fetch(endpoint, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
    return toAnswer(response);
  };
  const ask = <T = Record<string, unknown>>(
    query: string,
    variables: Readonly<Record<string, unknown>> = {},
    options: AskOptions = {},
  ): Promise<Answer<T>> =>
    post(JSON.stringify({ query, variables, ...(options.operationName === undefined ? {} : { operationName: options.operationName }) }), {
      ...(options.token ? { authorization: `Bearer ${options.token}` } : {}),
      ...options.headers,
    }) as Promise<Answer<T>>;
  const login = async (username: string, password = DEMO_PASSWORD): Promise<string> => {
    const answer = await ask<{ login: { token?: string } | null }>(
      'mutation ($username: String!, $password: String!) { login(username: $username, password: $password) { ... on Session { token } } }',
      { username, password },
    );
    const token = answer.data?.login?.token;
    if (!token) throw new Error(`login of ${username} failed: ${answer.text}`);
    return token;
  };
  return {
    url,
    endpoint,
    post,
    ask,
    login,
    overWebSocket: (token: string | null) => webSocketClient(url, token),
    overSse: (token: string | null) => sseClient(url, token),
  };
};
export type GraphClient = ReturnType<typeof graphClient>;
export const DEMO_PASSWORD = 'caregraph-demo';

export const toAnswer = async (response: Response): Promise<Answer> => {
  const text = await response.text();
  let body: { data?: Record<string, unknown> | null; errors?: Answer['errors'] } = {};
  try {
    body = JSON.parse(text);
  } catch {
    // the test that expects JSON sees `data` null and no errors, and prints `text`
  }
  return { status: response.status, headers: response.headers, text, data: body.data ?? null, errors: body.errors ?? [] };
};

export type Result = { readonly data?: Record<string, unknown> | null; readonly errors?: Answer['errors'] };
/** Results of one operation as they come. `next` waits for one; null once the server completed the operation. */
export type Feed = {
  readonly next: (withinMs?: number) => Promise<Result | null>;
  readonly results: readonly Result[];
  readonly close: () => Promise<void>;
};

const makeFeed = (
  start: (sink: { next: (value: unknown) => void; error: (error: unknown) => void; complete: () => void }) => () => void,
  end: () => Promise<void>,
): Feed => {
  const results: Result[] = [];
  const waiting: ((value: Result | null) => void)[] = [];
  let read = 0;
  let done = false;
  const wake = (): void => {
    while (waiting.length > 0 && read < results.length) waiting.shift()?.(results[read++] ?? null);
    if (done) for (const resolve of waiting.splice(0)) resolve(null);
  };
  const stop = start({
    next: (value) => {
      results.push(value as Result);
      wake();
    },
    error: (error) => {
      const errors = Array.isArray(error)
        ? error
        : [
            {
              message: String((error as Error)?.message ?? (error as { reason?: string })?.reason ?? error),
              extensions: { closeCode: (error as { code?: unknown })?.code },
            },
          ];
      results.push({ errors });
      done = true;
      wake();
    },
    complete: () => {
      done = true;
      wake();
    },
  });
  return {
    results,
    next: (withinMs = 5_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(settle), 1);
          reject(new Error(`nothing came within ${withinMs} ms`));
        }, withinMs);
        const settle = (value: Result | null): void => {
          clearTimeout(timer);
          resolve(value);
        };
        waiting.push(settle);
        wake();
      }),
    close: async () => {
      stop();
      await end();
    },
  };
};

const webSocketClient = (url: string, token: string | null) => ({
  subscribe: (query: string, variables: Readonly<Record<string, unknown>> = {}): Feed => {
    const client: WsClient = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: token === null ? {} : { authorization: `Bearer ${token}` },
    });
    return makeFeed(
      (sink) => client.subscribe({ query, variables: { ...variables } }, sink),
      async () => void (await client.dispose()),
    );
  },
});

const sseClient = (url: string, token: string | null) => ({
  subscribe: (query: string, variables: Readonly<Record<string, unknown>> = {}): Feed => {
    const client = createSseClient({
      url: `${url}/graphql/stream`,
      retryAttempts: 0,
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
    });
    return makeFeed(
      (sink) => client.subscribe({ query, variables: { ...variables } }, sink as never),
      async () => client.dispose(),
    );
  },
});

/** A WebSocket that speaks frames by hand, for what no client would send. */
export const rawSocket = async (url: string, headers: Readonly<Record<string, string>> = {}) => {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers: { ...headers } });
  const messages: unknown[] = [];
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  );
  socket.on('message', (data) => messages.push(JSON.parse(String(data))));
  socket.on('error', () => {});
  await Promise.race([once(socket, 'open'), closed]);
  return {
    socket,
    messages,
    closed,
    send: (message: unknown) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
  };
};
