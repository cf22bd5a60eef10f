import net from 'node:net';
import { ConfigurationError } from '#platform/config/configuration-error.ts';

type ListenAddress = { readonly host: string; readonly port: number };

/** Ports behind the taken one that are looked at. */
const TRIES = 100;
const MAX_PORT = 65_535;

const bind = ({ host, port }: ListenAddress): Promise<string | null> =>
  new Promise((resolve) => {
    const probe = net.createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(null)));
  });

const findFree = async ({ host, port }: ListenAddress): Promise<number | null> => {
  for (let next = port + 1; next <= Math.min(MAX_PORT, port + TRIES); next++) if ((await bind({ host, port: next })) === null) return next;
  return null;
};

/** What is wrong with `HOST` or `PORT` where listening failed with this code of a system error; null where it is about neither. */
export const sayListenFault = (code: string, { port }: Pick<ListenAddress, 'port'>): string | null => {
  switch (code) {
    case 'EADDRINUSE':
      return `PORT ${port} is in use by another program`;
    case 'EACCES':
      return `PORT ${port} may not be opened by this account: choose one from 1024 on`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
      return 'HOST is no address of this machine: name one, such as 127.0.0.1 (this machine alone) or 0.0.0.0 (every network it is in)';
    default:
      return null;
  }
};

/** A port that was taken, where a free one could be found. */
export class PortTaken extends ConfigurationError {
  readonly free: number | null;
  constructor(fault: string, free: number | null) {
    super([fault]);
    this.free = free;
  }
}

/** Sees that a server could listen here now. Throws `PortTaken`, `ConfigurationError`. */
export const requireAddress = async (address: ListenAddress): Promise<void> => {
  const code = await bind(address);
  if (code === null) return;
  const fault = sayListenFault(code, address) ?? `HOST and PORT cannot be listened on (${code})`;
  throw code === 'EADDRINUSE' ? new PortTaken(fault, await findFree(address)) : new ConfigurationError([fault]);
};
