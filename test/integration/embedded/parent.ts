// Runs the network of one city until it gets SIGTERM, and says when it is ready.
import { startEmbeddedNetwork } from '../../../embedded/network.ts';
import { HOME_CITIES } from '../../../platform/config/city.ts';
import { makeLog } from '../../../platform/observability/log.ts';

const [dataDir = ''] = process.argv.slice(2);
const begin = performance.now();
try {
  const network = await startEmbeddedNetwork({
    dataDir,
    cities: HOME_CITIES.filter((city) => city.code === 'MTL'),
    fsync: false,
    log: makeLog('parent', 'warn', 2),
  });
  const startMs = performance.now() - begin;
  const waiting = setInterval(() => {
    if (!network.city('MTL').synchronous) return;
    clearInterval(waiting);
    const pids = network.city('MTL').nodes.map((node) => node.pid);
    console.log(`READY ${JSON.stringify({ firstStart: network.firstStart, startMs, pids, uid: process.getuid?.() })}`);
  }, 20);
  process.once('SIGTERM', () => {
    network.stop().then(() => process.exit(0));
  });
} catch (error) {
  console.error(error instanceof Error ? `${error.name}: ${error.message}` : 'fault');
  process.exitCode = 3;
}
