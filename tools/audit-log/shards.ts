import { openLogKeeper } from '#audit/server.ts';
import type { TurnedShard } from '#audit/service/keep-log.ts';
import type { ShardRow } from '#audit/store/shard-store.ts';
import { EmbeddedFailure } from '#embedded/failure.ts';
import { readNetwork } from '#embedded/read-network.ts';
import { addLogKey } from '#embedded/secrets.ts';
import { ConfigurationError, readStartConfig, readSubgraphConfig } from '#platform/config/env.ts';
import { readCommandLine } from '../usage.ts';
import { sayFault, sayNoCity } from './say.ts';

export const SHARDS_HELP = `npm run audit-log -- shards [CITY] [--json]
npm run audit-log -- begin-shard CITY [--new-key] [--after-restore [--unseen]]
npm run audit-log -- retire CITY SHARD [--archive FOLDER] [--retention-days N]

shards       lists the shards of each city's log, or of one: a row of logs, each of which begins with how the one before ended
begin-shard  closes the current shard and begins the next one, also while everything runs; nobody who writes waits for it
retire       writes a closed shard to the archive, reads it back there, and deletes its entries from the database; goes on where it was broken off

  --new-key            the embedded network makes a new key for the log first; elsewhere put it last into AUDIT_LOG_KEYS and say no flag
  --after-restore      the database is a restored backup, or entries are gone for good: whoever writes waits for a moment. It stands in the log for
                       good, so a log that is whole refuses it. Say it once nobody restores anything any more
  --unseen             with --after-restore: also where nothing shows it, as after a copy of everything was put back, its witnesses too
  --archive FOLDER     else AUDIT_ARCHIVE_DIR, or DATA_DIR/audit-archive
  --retention-days N   else AUDIT_RETENTION_DAYS; a shard that was closed later stays
  --json               one line of JSON per shard
  --help               this text

Settings: DATA_DIR (.data) finds the running network; under NODE_ENV=production those of the audit subgraph (CITIES …) do.
Exit: 0 done, 1 it could not be done, 2 the command line or the settings are wrong.
`;

const REFUSED = 1;
const MISUSED = 2;
/** Options of each command, beside those of all. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  shards: [],
  'begin-shard': ['new-key', 'after-restore', 'unseen'],
  retire: ['archive', 'retention-days'],
};
const isWhole = (text: string | undefined, most: number): text is string => /^[1-9]\d*$/.test(text ?? '') && Number(text) <= most;

/** Settings of the command, and whether a key can be made by it. */
const readSettings = async () => {
  if (process.env['NODE_ENV'] === 'production') return { ...readSubgraphConfig('audit'), dataDir: null };
  const { dataDir, auditShards } = readStartConfig();
  return { ...(await readNetwork(dataDir)), auditShards, auditPolicy: null, dataDir };
};

const describe = ({ shard, origin, beganAt, closedAt, final, archivedAt, retiredAt }: ShardRow): string => {
  const state = retiredAt ? 'retired' : archivedAt ? 'archived' : closedAt ? 'closed' : 'open';
  const end = closedAt && final ? `, ended ${closedAt.toISOString()} with ${final.size} entries` : '';
  return `${shard}  ${origin}  ${state}, began ${beganAt.toISOString()}${end}`;
};

const sayEnd = (end: TurnedShard['end']): string => {
  const names = end?.witnesses.join(', ') ?? '';
  if (end?.isWitnessed) return `Its final checkpoint is witnessed, by ${names}.`;
  return `Its final checkpoint is not witnessed yet${names === '' ? '' : `, only cosigned by ${names}`}: the sequencer asks the witnesses again when it begins with the next shard.`;
};

/** The commands `shards`, `begin-shard` and `retire`; returns the exit code. */
export const runShardsCommand = async (): Promise<number> => {
  const misuse = (reason: string): number => {
    console.error(`${reason}\n\n${SHARDS_HELP}`);
    return MISUSED;
  };
  const { values: flags, positionals } = readCommandLine(
    SHARDS_HELP,
    {
      'new-key': { type: 'boolean', default: false },
      'after-restore': { type: 'boolean', default: false },
      unseen: { type: 'boolean', default: false },
      archive: { type: 'string' },
      'retention-days': { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    { allowPositionals: true },
  );
  const [command = '', city, number, ...others] = positionals;
  const places = command === 'retire' ? 3 : 2;
  if (others.length > 0 || positionals.length > places) return misuse('There are too many words.');
  const allowed = ALLOWED[command] ?? [];
  const stray = (['new-key', 'after-restore', 'unseen', 'archive', 'retention-days'] as const).find(
    (name) => flags[name] !== undefined && flags[name] !== false && !allowed.includes(name),
  );
  if (stray !== undefined) return misuse(`--${stray} is not for ${command}.`);
  if (flags.unseen && !flags['after-restore']) return misuse('--unseen goes with --after-restore.');
  if (flags.archive === '') return misuse('--archive: is a folder.');
  if (command !== 'shards' && city === undefined) return misuse('Say which city.');
  if (command === 'retire' && !isWhole(number, 999_999_999)) return misuse('Say which shard, by its number.');
  const given = flags['retention-days'];
  if (given !== undefined && given !== '0' && !isWhole(given, 999_999)) return misuse('--retention-days: is a number of days.');

  let settings: Awaited<ReturnType<typeof readSettings>>;
  try {
    settings = await readSettings();
    if (city !== undefined && !settings.cities.some(({ code }) => code === city)) return misuse(sayNoCity(settings.cities));
    if (flags['new-key'] && settings.dataDir === null)
      return misuse('--new-key: put the new key last into AUDIT_LOG_KEYS, start the audit processes with it, and leave this flag away.');
  } catch (error) {
    if (!(error instanceof ConfigurationError || error instanceof EmbeddedFailure)) throw error;
    console.error(error.message);
    return MISUSED;
  }
  const { cities, secrets, auditShards, dataDir } = settings;
  const keeper = openLogKeeper({ cities, secrets, auditPolicy: settings.auditPolicy });
  try {
    if (command === 'shards') {
      let isListed = true;
      for (const { code } of cities.filter((each) => city === undefined || each.code === city)) {
        try {
          for (const row of await keeper.shards(code)) console.log(flags.json ? JSON.stringify(row) : `${code}  ${describe(row)}`);
        } catch (error) {
          isListed = false;
          console.error(sayFault(error, code));
        }
      }
      return isListed ? 0 : REFUSED;
    }
    if (command === 'begin-shard' && city !== undefined) {
      const { shard, origin, vkey, before, end } = await keeper.beginShard(city, {
        afterRestore: flags['after-restore'],
        isUnseen: flags.unseen,
        ...(flags['new-key'] && dataDir !== null ? { addKey: async () => (await addLogKey(dataDir, city))[city] ?? [] } : {}),
      });
      const closed = {
        closedOrigin: before.origin,
        closedSize: before.size,
        closedWitnesses: end?.witnesses,
        isWitnessed: end?.isWitnessed,
      };
      if (flags.json) console.log(JSON.stringify({ city, shard, origin, vkey, ...closed }));
      else
        console.log(
          `${city}: ${before.origin} is closed with ${before.size} entries; shard ${shard} has begun.\n${sayEnd(end)}\nPublish its key beside the others:\n${vkey}`,
        );
    } else if (city !== undefined && number !== undefined) {
      const archive = flags.archive ?? auditShards.archive;
      const retentionDays = given === undefined ? auditShards.retentionDays : Number(given);
      if (archive === null) return misuse('AUDIT_ARCHIVE_DIR is missing, and so is --archive.');
      if (retentionDays === null) return misuse('AUDIT_RETENTION_DAYS is missing, and so is --retention-days.');
      const onProgress = (step: 'archived' | 'deleting', count: number): void => {
        if (!flags.json)
          console.error(step === 'archived' ? `${count} entries are in the archive and were read back` : `${count} rows deleted`);
      };
      const { before, folder, deleted } = await keeper.retire(city, Number(number), { archive, retentionDays, onProgress });
      const { retiredAt = null, archiveSha256 = null } = before ?? {};
      const said =
        folder === null
          ? `was retired before, at ${retiredAt?.toISOString()}; what was read back from its archive then has the SHA-256 ${archiveSha256}. No archive was looked at: npm run verify-audit -- FOLDER/${city}/${number}`
          : `is in ${folder}`;
      console.log(
        flags.json
          ? JSON.stringify({ city, shard: Number(number), folder, deleted, ...(before ? { retiredAt, archiveSha256 } : {}) })
          : `${city}: shard ${number} ${said}`,
      );
    }
    return 0;
  } catch (error) {
    console.error(error instanceof EmbeddedFailure ? error.message : sayFault(error, city ?? ''));
    return REFUSED;
  } finally {
    await keeper.stop();
  }
};
