import net, { type Socket } from 'node:net';
import type { CityConfig } from '#platform/config/city.ts';

/** The way from this process to a city's server, which a test can cut and mend. */
export type CityLink = {
  readonly city: CityConfig;
  /** Drops every connection and refuses new ones. */
  readonly cut: () => Promise<void>;
  readonly mend: () => Promise<void>;
  /** Keeps back what the server says from now on, until it is given out. What is said to the server arrives. */
  readonly keepBack: () => void;
  readonly giveOut: () => void;
};

/** Ports below the range that the system itself gives out. */
const listenSomewhere = async (server: net.Server, port?: number): Promise<number> => {
  for (;;) {
    const wanted = port ?? 20_000 + Math.floor(Math.random() * 12_000);
    const isListening = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(wanted, '127.0.0.1', () => resolve(true));
    });
    if (isListening) return wanted;
  }
};

/** Puts a link in front of a city's first server. */
export const linkTo = async (city: CityConfig): Promise<CityLink> => {
  const node = city.nodes[0];
  if (!node) throw new Error(`city ${city.code} has no node`);
  const sockets = new Set<Socket>();
  const fromServer = new Map<Socket, Socket>();
  let isKeptBack = false;
  const open = (): net.Server =>
    net.createServer((near) => {
      const far = net.connect(node.port, node.host);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          sockets.delete(socket);
          other.destroy();
        });
      }
      near.pipe(far);
      fromServer.set(far, near);
      far.on('close', () => fromServer.delete(far));
      if (!isKeptBack) far.pipe(near);
    });
  let server = open();
  const port = await listenSomewhere(server);
  let isCut = false;
  return {
    city: { ...city, nodes: [{ host: '127.0.0.1', port }] },
    cut: async () => {
      if (isCut) return;
      isCut = true;
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    keepBack: () => {
      isKeptBack = true;
      for (const [far, near] of fromServer) far.unpipe(near);
    },
    giveOut: () => {
      isKeptBack = false;
      for (const [far, near] of fromServer) far.pipe(near);
    },
    mend: async () => {
      if (!isCut) return;
      isCut = false;
      server = open();
      await listenSomewhere(server, port);
    },
  };
};
