import { UsageError } from './failure.ts';
import { type Graph, login, openGraph } from './graph.ts';
import { toShown } from './names.ts';
import { askPerson } from './terminal.ts';

const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);

/** Address of the graph, without a path; `given` or the one on this machine. Throws UsageError, also for http beyond this machine. */
export const readUrl = (named?: string): string => {
  const port = process.env['PORT'] || '4000';
  if (named === undefined && !(/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) <= 65_535))
    throw new UsageError('PORT is a port from 1 to 65535; or name the address: --url');
  const given = named ?? `http://127.0.0.1:${port}`;
  if (!URL.canParse(given) || !['http:', 'https:'].includes(new URL(given).protocol))
    throw new UsageError('--url is an address such as https://graph.example.org');
  const { origin, hostname, protocol } = new URL(given);
  // Password and names of files would pass in the open.
  if (protocol === 'http:' && !isLoopback(hostname)) throw new UsageError('--url beyond this machine is an https address.');
  return origin;
};

/** Logs in as the caller says: CAREGRAPH_TOKEN, or a name and CAREGRAPH_PASSWORD, or asked for on the terminal. */
export const openSession = async (url: string, user: string | undefined): Promise<Graph> => {
  const { env } = process;
  const connection = { url };
  const token = env['CAREGRAPH_TOKEN'];
  if (token) return openGraph(connection, { token, refreshToken: null });
  const otherwise = 'Say who you are: --user NAME and CAREGRAPH_PASSWORD, or CAREGRAPH_TOKEN.';
  const username = user ?? env['CAREGRAPH_USER'] ?? (await askPerson('Login name: ', false, otherwise));
  const password = env['CAREGRAPH_PASSWORD'] || (await askPerson(`Password of ${toShown(username)}: `, true, otherwise));
  return openGraph(connection, await login(connection, username, password));
};
