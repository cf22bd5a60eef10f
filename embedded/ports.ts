import { createHash } from 'node:crypto';
import net from 'node:net';
import { EmbeddedFailure } from './failure.ts';

// Below 32768: from there on systems hand out ports to outgoing connections, and a server would find its own taken.
const FIRST = 21_000;
const LAST = 31_999;

/** Whether a server could listen on this port of the loopback now. */
export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve(true)));
  });

/** The first free port from a place that differs by data folder, so that networks side by side seldom meet. `taken` are skipped. */
export const pickPort = async (dataDir: string, taken: ReadonlySet<number>): Promise<number> => {
  const span = LAST - FIRST + 1;
  const start = createHash('sha256').update(dataDir).digest().readUInt32BE(0) % span;
  for (let step = 0; step < span; step += 1) {
    const port = FIRST + ((start + step) % span);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new EmbeddedFailure(`No port between ${FIRST} and ${LAST} is free on 127.0.0.1.`);
};
