import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

const PACKAGES = 'swift swift-proxy swift-account swift-container swift-object';
const KINDS = ['account', 'container', 'object'] as const;
const START_MS = 30_000;
/** The partitions of a ring, as a power of two. One disk needs few. */
const RING = ['create', '4', '1', '0'];

/** A real S3 server: OpenStack Swift with its s3api, on loopback, with a bucket. */
export type Swift = {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Stops the server's process where it stands; connections are still taken by the kernel. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** Ends the proxy, so that connections are refused, and starts it again at the same port. */
  readonly endProxy: () => Promise<void>;
  readonly startProxy: () => Promise<void>;
  /** Makes another bucket, of at most `quotaBytes`. */
  readonly makeBucket: (bucket: string, quotaBytes?: number) => Promise<void>;
  readonly stop: () => Promise<void>;
};

const findPort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    server.once('error', () => findPort().then(resolve, reject));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(port)));
  });

const run = (command: string, args: readonly string[]): void => {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 });
  // swift-ring-builder ends with 1 for a warning.
  if (error !== undefined || status === null || status > 1) throw new Error(`${command} ended with ${status}: ${stderr}`);
};

const storageConf = (kind: (typeof KINDS)[number], port: number, folder: string): string => `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = ${userInfo().username}
swift_dir = ${folder}
devices = ${folder}/devices
mount_check = false
disable_fallocate = true
log_level = ERROR
log_udp_host = 127.0.0.1
log_udp_port = 9
[pipeline:main]
pipeline = ${kind}-server
[app:${kind}-server]
use = egg:swift#${kind}
`;

const proxyConf = (port: number, folder: string): string => `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = ${userInfo().username}
swift_dir = ${folder}
log_level = ERROR
log_udp_host = 127.0.0.1
log_udp_port = 9
[pipeline:main]
pipeline = catch_errors gatekeeper cache listing_formats s3api tempauth bulk container-quotas slo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
# A server that was slow a few times is left out for a minute otherwise, and there is no other here.
error_suppression_limit = 1000000
conn_timeout = 5
node_timeout = 30
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
# tempauth wants a cache to be there; nothing listens at this port, and nothing needs to.
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:9
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
[filter:container-quotas]
use = egg:swift#container_quotas
`;

/** S3 has no word for a quota; Swift's own interface does, which here goes past the proxy's login. */
const SET_QUOTA = `import sys
from swift.common.internal_client import InternalClient
folder, bucket, quota = sys.argv[1:]
open(folder + '/internal.conf', 'w').write('''[DEFAULT]
swift_dir = %s
[pipeline:main]
pipeline = catch_errors proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
''' % folder)
client = InternalClient(folder + '/internal.conf', 'test', 3)
client.set_container_metadata('AUTH_test', bucket, {'x-container-meta-quota-bytes': quota})
`;

/**
 * Starts Swift from Debian's packages with everything in a folder of its own, removed at the end. Installs nothing: where a package is
 * missing it says which, and throws.
 */
export const startSwift = async (): Promise<Swift> => {
  const missing = ['swift-ring-builder', 'swift-proxy-server', ...KINDS.map((kind) => `swift-${kind}-server`)].filter(
    (command) => !existsSync(`/usr/bin/${command}`),
  );
  if (missing.length > 0 || !existsSync('/etc/swift/swift.conf'))
    throw new Error(`Swift is not installed: apt-get install -y --no-install-recommends ${PACKAGES}`);

  const folder = mkdtempSync(join(tmpdir(), 'caregraph-swift-'));
  mkdirSync(join(folder, 'devices', 'd1'), { recursive: true });
  const pids = new Map<string, { readonly pid: number; readonly ended: Promise<unknown> }>();
  const start = (name: string): void => {
    const log = openSync(join(folder, `${name}.log`), 'a');
    const child = spawn(`/usr/bin/swift-${name}-server`, [join(folder, `${name}.conf`)], { stdio: ['ignore', log, log] });
    if (child.pid === undefined) throw new Error(`swift-${name}-server does not start`);
    pids.set(name, { pid: child.pid, ended: once(child, 'exit') });
  };
  const end = async (name: string): Promise<void> => {
    const process_ = pids.get(name);
    if (process_ === undefined) return;
    pids.delete(name);
    for (const signal of ['SIGCONT', 'SIGKILL'] as const) {
      try {
        process.kill(process_.pid, signal);
      } catch {}
    }
    await Promise.race([process_.ended, pause(5_000, undefined, { ref: false })]);
  };
  const stop = async (): Promise<void> => {
    for (const name of [...pids.keys()]) await end(name);
    rmSync(folder, { recursive: true, force: true });
  };

  try {
    const ports = new Map<string, number>();
    for (const name of [...KINDS, 'proxy']) ports.set(name, await findPort());
    const portOf = (name: string): number => ports.get(name) ?? 0;
    for (const kind of KINDS) {
      const ring = join(folder, `${kind}.builder`);
      run('swift-ring-builder', [ring, ...RING]);
      run('swift-ring-builder', [ring, 'add', `r1z1-127.0.0.1:${portOf(kind)}/d1`, '1']);
      run('swift-ring-builder', [ring, 'rebalance']);
      writeFileSync(join(folder, `${kind}.conf`), storageConf(kind, portOf(kind), folder));
      start(kind);
    }
    writeFileSync(join(folder, 'proxy.conf'), proxyConf(portOf('proxy'), folder));
    const endpoint = `http://127.0.0.1:${portOf('proxy')}`;
    const startProxy = async (): Promise<void> => {
      start('proxy');
      const deadline = Date.now() + START_MS;
      for (;;) {
        try {
          const answer = await fetch(`${endpoint}/`, { signal: AbortSignal.timeout(1_000) });
          await answer.arrayBuffer();
          return;
        } catch {}
        if (Date.now() > deadline)
          throw new Error(`Swift does not answer: ${readFileSync(join(folder, 'proxy.log'), 'utf8').slice(-2_000)}`);
        await pause(100);
      }
    };
    await startProxy();

    const access = { accessKeyId: 'test:tester', secretAccessKey: 'testing', region: 'us-east-1', bucket: 'contents' };
    const client = new S3Client({ endpoint, region: access.region, forcePathStyle: true, credentials: access });
    const makeBucket = async (bucket: string, quotaBytes?: number): Promise<void> => {
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      if (quotaBytes === undefined) return;
      const quota = `${folder}/quota.py`;
      writeFileSync(quota, SET_QUOTA);
      run('/usr/bin/python3', [quota, folder, bucket, String(quotaBytes)]);
    };
    await makeBucket(access.bucket);

    const signal = (name: NodeJS.Signals): void => {
      const proxy = pids.get('proxy');
      if (proxy !== undefined) process.kill(proxy.pid, name);
    };
    return {
      ...access,
      endpoint,
      freeze: () => signal('SIGSTOP'),
      thaw: () => signal('SIGCONT'),
      endProxy: () => end('proxy'),
      startProxy,
      makeBucket,
      stop: async () => {
        client.destroy();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
