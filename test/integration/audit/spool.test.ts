import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { appendSpooled } from '#platform/audit/append-many.ts';
import { AUDIT_COLUMNS, type AuditValue, Outcome, RECORDED_AT, toAuditValues } from '#platform/audit/event.ts';
import { openSpools } from '#platform/audit/spool.ts';
import { openSpoolFile } from '#platform/audit/spool-file.ts';
import { type Cities, openCities } from '#platform/database/cities.ts';
import { makeLog } from '#platform/observability/log.ts';
import { type TestNetwork, testNetwork } from '#test/support/network.ts';
import { anEvent, until } from './log-support.ts';

let network: TestNetwork;
let cities: Cities;
const folder = mkdtempSync(path.join(tmpdir(), 'caregraph-spools-'));
const log = makeLog('test', 'silent');
let serial = 0;
const config = () => ({ folder: path.join(folder, String(serial++)), maxBytes: 100_000, alarmSeconds: 60 });

beforeAll(async () => {
  network = await testNetwork();
  const { secrets } = network;
  cities = openCities(network.cities, { role: 'patients', password: secrets.databasePasswords.patients, subjects: network.subjects });
}, 30_000);
afterAll(async () => {
  await cities?.stop();
  await network?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const rowsOf = (requestId: string, count: number): (readonly AuditValue[])[] =>
  Array.from({ length: count }, () =>
    toAuditValues(
      anEvent('MTL', { act: 'patient', action: 'R', outcome: Outcome.SUCCESS, requestId, spooled: true }),
      network.subjects.of('MTL'),
    ),
  );
/** Ids of the entries of a request, in the order in which they stand in the city. */
const written = async (requestId: string): Promise<string[]> => {
  const { rows } = await (await network.admin('MTL')).query<{ id: string }>(
    `select e.event_id as id from audit.entry e where convert_from(e.body, 'UTF8')::jsonb ->> 'requestId' = $1 order by e.id`,
    [requestId],
  );
  return rows.map(({ id }) => id);
};
const idsOf = (rows: readonly (readonly AuditValue[])[]): unknown[] => rows.map((row) => row[1]);

it('is written in order and once, also where some of it was written before', async () => {
  const rows = rowsOf('in-order', 300);
  await appendSpooled(cities.of('MTL'), rows.slice(0, 3));
  await appendSpooled(cities.of('MTL'), rows);
  await appendSpooled(cities.of('MTL'), rows);
  expect(await written('in-order')).toEqual(idsOf(rows));
});

it('gives each process a file of its own, and what one left that is gone to the next', async () => {
  const settings = config();
  const first = await openSpools(settings, 'patients', ['MTL'], log);
  const second = await openSpools(settings, 'patients', ['MTL'], log);
  const mine = rowsOf('first', 5);
  const theirs = rowsOf('second', 5);
  await first.of('MTL').append(mine);
  await second.of('MTL').append(theirs);
  expect(readdirSync(settings.folder).filter((name) => name.endsWith('.spool'))).toEqual(['MTL-patients-0.spool', 'MTL-patients-1.spool']);
  await first.stop();
  await second.stop();
  const third = await openSpools(settings, 'patients', ['MTL'], log);
  expect(third.report()['MTL']).toMatchObject({ state: 'waiting', entries: 5 });
  const stop = third.drainInto([cities.of('MTL')]);
  await until(async () => (await written('second')).length === 5 && third.report()['MTL']?.state === 'empty', 20_000);
  await stop();
  await third.stop();
  expect([await written('first'), await written('second')]).toEqual([idsOf(mine), idsOf(theirs)]);
  expect(readdirSync(settings.folder).filter((name) => name.endsWith('.spool'))).toEqual(['MTL-patients-0.spool']);
});

it('says in health when it is late, and stays as it is where the city refuses it', async () => {
  const settings = { ...config(), alarmSeconds: 1 };
  const spools = await openSpools(settings, 'patients', ['MTL'], log);
  const rows = rowsOf('late', 2).map((row) => row.map((value, i) => (i === RECORDED_AT ? new Date(Date.now() - 60_000) : value)));
  await spools.of('MTL').append(rows);
  expect(spools.report()['MTL']).toMatchObject({ state: 'late', entries: 2 });
  const admin = await network.admin('MTL');
  await admin.query('revoke insert (body) on audit.entry from patients');
  const stop = spools.drainInto([cities.of('MTL')]);
  try {
    await until(() => spools.report()['MTL']?.state === 'stuck', 20_000);
    expect(await written('late')).toEqual([]);
    await admin.query('grant insert (body) on audit.entry to patients');
    await until(() => spools.report()['MTL']?.state === 'empty', 20_000);
    expect(await written('late')).toEqual(idsOf(rows));
  } finally {
    await stop();
    await spools.stop();
  }
});

it('leaves a file of another release alone, says so in health, and takes another one', async () => {
  const settings = config();
  await (await openSpools(settings, 'patients', ['MTL'], log)).stop();
  const name = path.join(settings.folder, 'MTL-patients-0.spool');
  writeFileSync(name, `caregraph readings 1 MTL patients: ${AUDIT_COLUMNS}, another\n`);
  const spools = await openSpools(settings, 'patients', ['MTL'], log);
  await spools.of('MTL').append(rowsOf('beside', 1));
  expect(spools.report()['MTL']).toMatchObject({ state: 'stuck', entries: 1 });
  await spools.stop();
  const file = await openSpoolFile(path.join(settings.folder, 'MTL-patients-1.spool'), {
    kind: `caregraph readings 1 MTL patients: ${AUDIT_COLUMNS}`,
    maxBytes: 1_000,
    timeAt: RECORDED_AT,
  });
  expect(file?.state().entries).toBe(1);
  await file?.close();
});
