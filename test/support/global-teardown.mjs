import { rmSync } from 'node:fs';

export default async function tearDown() {
  const started = globalThis.caregraphTestNetwork;
  if (!started) return;
  await started.network.stop();
  rmSync(started.folder, { recursive: true, force: true });
}
