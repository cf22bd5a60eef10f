import { subjectsEnv } from '#tools/processes.ts';
import type { TestNetwork } from './network.ts';

type Key = { readonly kid: string; readonly privateJwk: Readonly<Record<string, string>> };

/** Settings of the audit subgraph under production, for commands that work on a test network. `config` is where its subjects' keys lie. */
export const auditEnv = ({ cities, secrets, subjectsConfig }: TestNetwork, config = subjectsConfig): Readonly<Record<string, string>> => {
  const text = ({ kid, privateJwk }: Key) => ({ ...privateJwk, kid });
  return {
    NODE_ENV: 'production',
    PATH: process.env['PATH'] ?? '',
    CITIES: JSON.stringify(
      cities.map(({ nodes, database, tls: _tls, ...city }) => ({
        ...city,
        dsn: `postgres://${nodes.map(({ host, port }) => `${host}:${port}`).join(',')}/${database}`,
      })),
    ),
    AUDIT_DB_PASSWORD: secrets.databasePasswords.audit,
    SEQUENCER_DB_PASSWORD: secrets.databasePasswords.sequencer,
    ASSERTION_PUBLIC_KEYS: JSON.stringify([{ kid: secrets.assertionKey.kid, ...secrets.assertionKey.publicJwk }]),
    CURSOR_KEY: secrets.cursorKey,
    AUDIT_LOG_KEYS: JSON.stringify(Object.fromEntries(Object.entries(secrets.logKeys).map(([city, keys]) => [city, keys.map(text)]))),
    AUDIT_WITNESS_KEYS: JSON.stringify(Object.fromEntries(Object.entries(secrets.witnessKeys).map(([city, key]) => [city, text(key)]))),
    SUBJECT_INDEX_KEY: secrets.subjectIndexKey,
    ...subjectsEnv(config),
  };
};
