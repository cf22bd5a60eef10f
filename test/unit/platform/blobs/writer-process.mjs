// Writes into a store until it is killed, and tells on standard output how far it got.
import { openDirectoryStore } from '#platform/blobs/directory.ts';

const [, , what, folder] = process.argv;
const store = await openDirectoryStore({ name: 'primary', folder, floorShare: 0 });
if (what === 'append') {
  const writer = await store.open('MTL/killed');
  for (let piece = 0; ; piece++) {
    await writer.append(Buffer.alloc(100_003, 1 + (piece % 250)));
    if (piece % 3 === 2) process.stdout.write(`${await writer.sync()}\n`);
  }
}
for (let round = 1; ; round++) {
  await store.put('MTL/killed.key', Buffer.alloc(300, 1 + (round % 250)));
  process.stdout.write(`${round}\n`);
}
