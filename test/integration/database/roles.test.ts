import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { APPEND_AUDIT, AUDIT_COLUMNS, type AuditEvent, auditParameters, Outcome, toAuditValues } from '#platform/audit/event.ts';
import type { CityConfig, NodeAddress } from '#platform/config/city.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';

const SUBGRAPHS = ['patients', 'scheduling', 'files', 'audit'] as const;
const ROLES = [...SUBGRAPHS, 'sequencer', 'relay'] as const;
type Role = (typeof ROLES)[number];

let network: TestNetwork;
let admin: pg.Client;
const clients = new Map<Role, pg.Client>();

beforeAll(async () => {
  network = await testNetwork();
  admin = await network.admin('MTL');
  const city = network.cities.find(({ code }) => code === 'MTL') as CityConfig;
  for (const role of ROLES) {
    const client = new pg.Client({
      ...(city.nodes[0] as NodeAddress),
      user: role,
      password: network.secrets.databasePasswords[role],
      database: city.database,
    });
    client.on('error', () => {});
    await client.connect();
    clients.set(role, client);
  }
});
afterAll(async () => {
  for (const client of clients.values()) await client.end();
  await network?.stop();
});

const as = (role: Role): pg.Client => {
  const client = clients.get(role);
  if (!client) throw new Error(`no client for ${role}`);
  return client;
};
/** SQLSTATE that a statement of a role ends with; null when it succeeds. */
const stateOf = async (role: Role, text: string, values: readonly unknown[] = []): Promise<string | null> => {
  try {
    await as(role).query(text, [...values]);
    return null;
  } catch (error) {
    return (error as { code?: string }).code ?? 'none';
  }
};
const DENIED = '42501';
const anEvent = (): AuditEvent => ({
  city: 'MTL',
  observer: 'scheduling',
  act: 'roles',
  action: 'E',
  outcome: Outcome.SUCCESS,
  purpose: 'SYSADMIN',
  actor: { role: 'SERVICE', city: null, accountId: null },
  requestId: 'test',
});
const count = async (): Promise<number> => Number((await admin.query('SELECT count(*) AS n FROM audit.entry')).rows[0].n);

describe.each(SUBGRAPHS)('the role %s and the audit log', (role) => {
  it('may append', async () => {
    const before = await count();
    expect(await stateOf(role, APPEND_AUDIT.text, toAuditValues(anEvent(), network.subjects.of('MTL')))).toBeNull();
    expect(await count()).toBe(before + 1);
  });

  it.each(['id', 'xid'])('may not forge %s', async (column) => {
    const before = await count();
    const values = toAuditValues(anEvent(), network.subjects.of('MTL'));
    const text = `INSERT INTO audit.entry (${AUDIT_COLUMNS}, ${column}) OVERRIDING SYSTEM VALUE VALUES (${auditParameters(1)}, '1')`;
    expect(await stateOf(role, text, values)).toBe(DENIED);
    expect(await count()).toBe(before);
  });

  it.each([
    'UPDATE audit.entry SET act = act',
    "UPDATE audit.entry SET disclosure = '{}'",
    'UPDATE audit.entry SET sealed = sealed',
    "INSERT INTO audit.entry (patient_id) VALUES ('x')",
    'UPDATE audit.shredded SET tag = tag',
    'DELETE FROM audit.shredded',
    'DELETE FROM audit.entry',
    'TRUNCATE audit.entry',
    'DROP TABLE audit.entry',
    'ALTER TABLE audit.entry DISABLE ROW LEVEL SECURITY',
    'CREATE TABLE audit.other (city text)',
    'SELECT * FROM audit.entry FOR UPDATE',
  ])('may not: %s', async (text) => {
    expect(await stateOf(role, text)).toBe(DENIED);
  });

  it('reads it only as the audit subgraph', async () => {
    const expected = role === 'audit' ? null : DENIED;
    expect(await stateOf(role, 'SELECT body FROM audit.entry LIMIT 1')).toBe(expected);
    expect(await stateOf(role, `${APPEND_AUDIT.text} RETURNING id`, toAuditValues(anEvent(), network.subjects.of('MTL')))).toBe(expected);
  });
});

/** What each role may do beyond its own schema: on which tables and views, with which rights. */
const BEYOND: Readonly<Record<Role, readonly string[]>> = {
  patients: [
    'audit.entry INSERT some',
    'directory.access_grant SELECT',
    'directory.care SELECT',
    'directory.erasure SELECT',
    'directory.patient SELECT',
    'directory.practitioner SELECT',
  ],
  scheduling: [
    'audit.entry INSERT some',
    'directory.access_grant SELECT',
    'directory.appointment SELECT',
    'directory.care SELECT',
    'directory.erasure SELECT',
    'directory.patient SELECT',
    'directory.practitioner SELECT',
  ],
  files: [
    'audit.entry INSERT some',
    'directory.access_grant SELECT',
    'directory.appointment SELECT',
    'directory.care SELECT',
    'directory.erasure SELECT',
    'directory.patient SELECT',
    'directory.practitioner SELECT',
  ],
  audit: [
    'directory.access_grant SELECT',
    'directory.care SELECT',
    'directory.erasure SELECT',
    'directory.patient SELECT',
    'directory.practitioner SELECT',
  ],
  sequencer: [
    'audit.entry SELECT some',
    ...['bundle', 'checkpoint', 'cosignature', 'shard', 'state', 'tile'].flatMap((table) => [
      `audit.log_${table} INSERT`,
      `audit.log_${table} SELECT`,
      ...(['bundle', 'shard', 'state', 'tile'].includes(table) ? [`audit.log_${table} UPDATE some`] : []),
    ]),
    'audit.witness_log INSERT',
    'audit.witness_log SELECT',
    'audit.witness_log UPDATE some',
  ],
  relay: ['scheduling.feed_epoch SELECT', 'scheduling.feed_epoch UPDATE', 'scheduling.outbox DELETE', 'scheduling.outbox SELECT'],
};
const RIGHTS = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'];

describe.each(ROLES)('the role %s', (role) => {
  it('sees its own schema, the directory and nothing else', async () => {
    const { rows } = await admin.query<{ right: string }>(
      `SELECT format('%s.%s %s%s', n.nspname, c.relname, p,
          CASE WHEN has_table_privilege($1::name, c.oid, p) THEN '' ELSE ' some' END) AS right
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, unnest($2::text[]) AS p
       WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname <> $1::text
         AND n.nspname !~ '^pg_temp' AND has_schema_privilege($1::name, n.oid, 'USAGE')
         AND (has_table_privilege($1::name, c.oid, p)
           OR p IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND has_any_column_privilege($1::name, c.oid, p))
       ORDER BY 1`,
      [role, RIGHTS],
    );
    expect(rows.map(({ right }) => right)).toEqual(BEYOND[role]);
  });

  it('may create nothing, not even in its own schema', async () => {
    const { rows } = await admin.query(
      `SELECT nspname FROM pg_namespace WHERE has_schema_privilege($1::name, oid, 'CREATE') AND nspname !~ '^pg_temp'
       UNION ALL SELECT datname FROM pg_database WHERE datname = current_database() AND has_database_privilege($1::name, oid, 'CREATE')`,
      [role],
    );
    expect(rows).toEqual([]);
  });

  it('is no superuser, owns nothing and is a member of no other role', async () => {
    const { rows } = await admin.query(
      `SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
         (SELECT count(*)::int FROM pg_auth_members m WHERE m.member = r.oid) AS memberships,
         (SELECT count(*)::int FROM pg_class c WHERE c.relowner = r.oid) AS owned
       FROM pg_roles r WHERE rolname = $1`,
      [role],
    );
    expect(rows).toEqual([
      { rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolreplication: false, rolbypassrls: false, memberships: 0, owned: 0 },
    ]);
  });
});
