import { startTestApp } from './app.ts';

/**
 * The whole network in a process of its own, for tests that look at its memory. Told `mark`, it collects garbage and notes where its
 * resident memory stands; asked for `peak`, it answers how far it rose above that since, in bytes.
 */
const app = await startTestApp();
const { patientId } = await app.account('MTLP0001');
let base = 0;
let peak = 0;
setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 10);
process.on('message', async (message) => {
  if (message === 'mark') {
    globalThis.gc?.();
    base = process.memoryUsage.rss();
    peak = base;
    process.send?.({ marked: base });
  } else if (message === 'peak') {
    process.send?.({ peak: Math.max(peak, process.memoryUsage.rss()) - base });
  } else if (message === 'stop') {
    await app.stop();
    process.exit(0);
  }
});
process.on('disconnect', () => process.exit(1));
process.send?.({ url: app.graph.url, token: await app.tokenOf('MTLP0001', 600), patientId });
