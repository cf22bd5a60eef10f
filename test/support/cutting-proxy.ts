import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type CuttingProxy = {
  readonly url: string;
  /** Bytes of one direction behind which the next connection that carries so many is cut, one entry each; `onCut` is called once it is. */
  readonly cuts: { readonly direction: 'up' | 'down'; readonly afterBytes: number; readonly onCut?: () => void }[];
  /** Connections that were cut so far. */
  readonly cutCount: () => number;
  /** All that passed, both ways; emptied by `forget`. */
  readonly passed: () => Buffer;
  readonly forget: () => void;
  readonly stop: () => Promise<void>;
};

/** A way to a server on this machine that breaks off where it is told to, and remembers what passed. */
export const startCuttingProxy = async (target: string): Promise<CuttingProxy> => {
  const { hostname, port } = new URL(target);
  const cuts: { direction: 'up' | 'down'; afterBytes: number; onCut?: () => void }[] = [];
  const sockets = new Set<Socket>();
  let passed: Buffer[] = [];
  let cutCount = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    const carried = { up: 0, down: 0 };
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    const relay = (direction: 'up' | 'down', from: Socket, to: Socket): void => {
      sockets.add(from);
      from.on('error', end);
      from.on('close', () => {
        sockets.delete(from);
        end();
      });
      from.on('end', () => to.end());
      from.on('data', (bytes: Buffer) => {
        carried[direction] += bytes.length;
        passed.push(bytes);
        const at = cuts.findIndex((cut) => cut.direction === direction && carried[direction] >= cut.afterBytes);
        if (at >= 0) {
          const [cut] = cuts.splice(at, 1);
          cutCount++;
          end();
          cut?.onCut?.();
        } else if (!to.write(bytes)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
    };
    relay('up', client, upstream);
    relay('down', upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cuts,
    cutCount: () => cutCount,
    passed: () => Buffer.concat(passed),
    forget: () => {
      passed = [];
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
