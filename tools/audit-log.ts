import { EmbeddedFailure } from '#embedded/failure.ts';
import { ConfigurationError, readStartConfig, readSubgraphConfig } from '#platform/config/env.ts';
import { runExport } from './audit-log/export.ts';
import { readCommandLine } from './usage.ts';

const HELP = `npm run audit-log -- check|rebuild [--city CODE] [--shard N] [--json]
npm run audit-log -- export|drill|shards|begin-shard|retire|alarms|close-alarm|check-evidence …

check    makes each city's log anew from its entries, in memory, and compares it with its tiles and every published checkpoint; counts entries in no shard
export   writes events as FHIR for an auditor, through the graph: npm run audit-log -- export --help
drill    tampers with logs of its own making and shows who finds it: npm run audit-log -- drill --help
shards, begin-shard, retire   a city's log is a row of shards: npm run audit-log -- shards --help
alarms, close-alarm, check-evidence   what witnesses found against logs: npm run audit-log -- alarms --help
rebuild  writes tiles and state anew from the entries, where these make every published checkpoint; otherwise writes nothing

  --city CODE   this city alone
  --shard N     this shard; else each that is not in the archive
  --json        one line of JSON per city
  --help        this text

Settings: DATA_DIR (.data) finds the running network; under NODE_ENV=production those of the audit subgraph (CITIES …) do.
While a city's log is gone through, its entries are accepted and none of them is signed.
Exit: 0 all is as published or was made so, 1 something is not or a city does not answer, 2 the command line or the settings are wrong.
`;

const COMMANDS = ['check', 'rebuild', 'export', 'drill', 'shards', 'begin-shard', 'retire', 'alarms', 'close-alarm', 'check-evidence'];

// What an auditor asks of the graph needs none of what follows.
if (process.argv[2] === 'export') process.exit(await runExport(process.argv.slice(3)));
if (process.argv[2] === 'drill') process.exit(await (await import('./audit-log/drills/run.ts')).runDrillCommand(process.argv.slice(3)));
if (['shards', 'begin-shard', 'retire'].includes(process.argv[2] ?? ''))
  process.exit(await (await import('./audit-log/shards.ts')).runShardsCommand());
if (['alarms', 'close-alarm', 'check-evidence'].includes(process.argv[2] ?? ''))
  process.exit(await (await import('./audit-log/alarms.ts')).runAlarmsCommand());
const { openLogKeeper } = await import('#audit/server.ts');
const { readNetwork } = await import('#embedded/read-network.ts');
const { ShardRefusal } = await import('#audit/service/begin-shard.ts');
const { sayFault, sayNoCity } = await import('./audit-log/say.ts');

const usage = (reason: string): never => {
  console.error(`${reason}\n\n${HELP}`);
  process.exit(2);
};
const { values: flags, positionals } = readCommandLine(
  HELP,
  { city: { type: 'string' }, shard: { type: 'string' }, json: { type: 'boolean', default: false } },
  { allowPositionals: true },
);
const [command, ...others] = positionals;
if (command !== 'check' && command !== 'rebuild') {
  // One of the others, behind an option that it may have.
  if (command !== undefined && COMMANDS.includes(command)) usage(`Say ${command} first: npm run audit-log -- ${command} …`);
  usage(`Say one of ${COMMANDS.join(', ')}.`);
}
if (others.length > 0) usage(`There are too many words behind ${command}.`);

if (flags.shard !== undefined && !/^[1-9]\d{0,8}$/.test(flags.shard)) usage('--shard: is a number from 1 on.');

const readSettings = async () => {
  try {
    return process.env['NODE_ENV'] === 'production' ? readSubgraphConfig('audit') : await readNetwork(readStartConfig().dataDir);
  } catch (error) {
    if (error instanceof ConfigurationError || error instanceof EmbeddedFailure) {
      console.error(error.message);
      process.exit(2);
    }
    throw error;
  }
};
const { cities, secrets } = await readSettings();
const chosen = cities.filter(({ code }) => flags.city === undefined || code === flags.city);
if (chosen.length === 0) usage(`--city: ${sayNoCity(cities)}`);

const keeper = openLogKeeper({ cities, secrets });
let isSound = true;
const tell = (city: string, fields: Readonly<Record<string, unknown>>, sentence: string): void => {
  if (flags.json) console.log(JSON.stringify({ city, ...fields }));
  else console.log(`${typeof fields['shard'] === 'number' && fields['shard'] > 1 ? `${city}/${fields['shard']}` : city}: ${sentence}`);
};
/** Numbers of the shards to go through; the current one where none is told of. */
const shardsOf = async (code: string): Promise<readonly (number | null)[]> => {
  if (flags.shard !== undefined) return [Number(flags.shard)];
  const shards = (await keeper.shards(code)).filter(({ archivedAt }) => archivedAt === null).map(({ shard }) => shard);
  return shards.length === 0 ? [null] : shards;
};
const goThrough = async (code: string, shard: number | null): Promise<void> => {
  const { found, isRebuilt } =
    command === 'rebuild' ? await keeper.rebuild(code, shard) : { found: await keeper.check(code, shard), isRebuilt: false };
  const { size, checkpoints, firstBadIndex } = found;
  const whole = `${size} entries, ${checkpoints} checkpoints`;
  if (firstBadIndex !== null && !isRebuilt) isSound = false;
  tell(
    code,
    { shard, ...found, isRebuilt },
    firstBadIndex === null
      ? `${whole}, all as published${isRebuilt ? '; tiles written anew' : ''}`
      : isRebuilt
        ? `${whole}; tiles or state were wrong from entry ${firstBadIndex} on and were written anew from the entries`
        : `${whole}; entry ${firstBadIndex} is the first that is not as published`,
  );
};
for (const { code } of chosen) {
  try {
    for (const shard of await shardsOf(code)) await goThrough(code, shard);
    const { count, firstId } = await keeper.unplaced(code);
    if (count === 0) continue;
    isSound = false;
    tell(
      code,
      { unplaced: count, firstUnplacedId: firstId },
      `${count} entries lie in no shard and have no proof; number ${firstId} is the first`,
    );
  } catch (error) {
    isSound = false;
    const reason = sayFault(error, code).slice(code.length + 2);
    tell(code, { error: error instanceof ShardRefusal ? 'refused' : 'unavailable', reason }, reason);
  }
}
await keeper.stop();
process.exitCode = isSound ? 0 : 1;
