import { randomUUID } from 'node:crypto';
import type { Answer, GraphClient } from './graph.ts';
import { rawSocket } from './graph.ts';

/** What came back for one document, whatever carried it. `status` is null where the transport has none. */
export type Outcome = { readonly status: number | null; readonly errors: Answer['errors']; readonly data: unknown; readonly bytes: number };
export type Document = { readonly query: string; readonly variables?: Readonly<Record<string, unknown>>; readonly operationName?: string };

const fromBody = (status: number | null, text: string): Outcome => {
  const body = JSON.parse(text) as { errors?: Answer['errors']; data?: unknown };
  return { status, errors: body.errors ?? [], data: body.data ?? null, bytes: text.length };
};

const overHttp = async (graph: GraphClient, document: Document, token: string | null): Promise<Outcome> => {
  const answer = await graph.post(JSON.stringify(document), token === null ? {} : { authorization: `Bearer ${token}` });
  return fromBody(answer.status, answer.text);
};

class ClosedError extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`closed with ${code}`);
    this.code = code;
  }
}

const overWebSocket = async (graph: GraphClient, document: Document, token: string | null): Promise<Outcome> => {
  const { socket, messages, closed, send } = await rawSocket(graph.url);
  const waitFor = async (found: () => unknown): Promise<void> => {
    const end = Date.now() + 5_000;
    while (!found()) {
      if (Date.now() > end) throw new Error(`the socket gave no answer: ${JSON.stringify(messages)}`);
      await Promise.race([
        new Promise((resolve) => setTimeout(resolve, 10)),
        closed.then(({ code }) => {
          throw new ClosedError(code);
        }),
      ]);
    }
  };
  try {
    send({ type: 'connection_init', payload: token === null ? {} : { authorization: `Bearer ${token}` } });
    await waitFor(() => messages.length > 0);
    const id = randomUUID();
    send({ id, type: 'subscribe', payload: document });
    type Message = { id?: string; type: string; payload?: unknown };
    const answer = () => (messages as Message[]).find((message) => message.id === id && ['next', 'error'].includes(message.type));
    await waitFor(answer);
    const { type, payload } = answer() as Message;
    return fromBody(null, JSON.stringify(type === 'error' ? { errors: payload } : payload));
  } catch (error) {
    if (!(error instanceof ClosedError) || error.code !== 1009) throw error;
    // A frame of more than 64 KB is refused by the socket itself (RFC 6455: 1009), before anybody reads it.
    return { status: null, errors: [{ message: 'frame too large', extensions: { code: 'LIMIT_EXCEEDED' } }], data: null, bytes: 0 };
  } finally {
    socket.terminate();
  }
};

const overSse = async (graph: GraphClient, document: Document, token: string | null): Promise<Outcome> => {
  const response = await fetch(`${graph.url}/graphql/stream`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(document),
  });
  if (!response.headers.get('content-type')?.includes('event-stream')) return fromBody(response.status, await response.text());
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString('utf8');
    const data = /^data: ?(\{.*\})$/m.exec(text)?.[1];
    // Leaving the loop cancels the stream.
    if (data) return fromBody(null, data);
  }
  throw new Error(`the stream ended without an answer: ${text}`);
};

/** The ways in which a document can reach the gateway. */
export const TRANSPORTS = { HTTP: overHttp, WebSocket: overWebSocket, SSE: overSse } as const;
export type Transport = keyof typeof TRANSPORTS;
export const TRANSPORT_NAMES = Object.keys(TRANSPORTS) as Transport[];
