import { text } from 'node:stream/consumers';
import { openLogKeeper } from '#audit/server.ts';

/** A process that retires a shard, a row at a time, until it is killed. Takes the settings as JSON; tells each step on a line. */
const { cities, secrets, city, shard, archive } = JSON.parse(await text(process.stdin));
const keeper = openLogKeeper({ cities, secrets });
const onProgress = (step: string, count: number): void => void process.stdout.write(`${step} ${count}\n`);
await keeper.retire(city, shard, { archive, retentionDays: 0, batch: 1, onProgress });
process.stdout.write('done\n');
