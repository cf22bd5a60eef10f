import { ConfigurationError, readStartConfig } from '#platform/config/env.ts';

/** Each number, flag and address that `npm start` reads: values that are none, and the form that is told. */
const WRONG: readonly (readonly [setting: string, form: RegExp, values: readonly string[]])[] = [
  ['PORT', /^PORT is a port from 0 to 65535$/, ['abc', '-1', '70000', '4000.5', '1e3', '0x10', ' ', '4000 ', '999999']],
  [
    'HOST',
    /^HOST is a host name or an address, such as 127\.0\.0\.1$/,
    ['0.0.0.0.0', '300.1.1.1', '127.1', '1', ' ', 'a b', 'http://x', '::g', 'a:1', '[::1]', 'a/b'],
  ],
  ['HOST', /^HOST is unsafe/, ['*']],
  ['LOG_LEVEL', /^LOG_LEVEL is one of debug, info, warn, error, silent$/, ['INFO', 'verbose', '1', ' ']],
  ['TRUST_PROXY', /^TRUST_PROXY is true or false$/, ['yes', 'TRUE', '2', ' ', 'on']],
  ['ALLOWED_ORIGINS', /^ALLOWED_ORIGINS holds origins such as https/, ['app.example.org', 'https://app.example.org/', 'x']],
  ['ALLOWED_ORIGINS', /^ALLOWED_ORIGINS is unsafe/, ['*', 'https://*.example.org']],
  ['APPOINTMENT_TYPES', /^APPOINTMENT_TYPES holds names in capitals/, ['physician', ',', 'A B', ' ']],
  ['FILES_DISK_FLOOR', /^FILES_DISK_FLOOR is a share of the disk from 0 to 0\.5$/, ['-0.1', '0.6', '1', '10%', 'x', '.', '1e-1', ' ']],
  [
    'FILES_PATIENT_QUOTA_BYTES',
    /^FILES_PATIENT_QUOTA_BYTES is a whole number of bytes, 1 or more$/,
    ['0', '-1', '1.5', '10G', '9999999999999999', ' '],
  ],
  ['FILES_CITY_QUOTA_BYTES', /^FILES_CITY_QUOTA_BYTES is a whole number of bytes, 1 or more$/, ['0', '-1', '1e9', 'x']],
  ['AUDIT_SPOOL_BYTES', /^AUDIT_SPOOL_BYTES is a whole number of bytes, 1 or more$/, ['0', '-1', '1 MB', 'NaN']],
  [
    'AUDIT_SPOOL_ALARM_SECONDS',
    /^AUDIT_SPOOL_ALARM_SECONDS is a whole number of seconds, 1 or more$/,
    ['0', '-1', '1.5', '15m', '9999999999'],
  ],
  ['AUDIT_SHARD_DAYS', /^AUDIT_SHARD_DAYS is a number of days from 1 on, or none$/, ['0', '-1', '1.5', 'never', '1000000', ' ']],
  ['AUDIT_RETENTION_DAYS', /^AUDIT_RETENTION_DAYS is a number of days from 1 on, or none$/, ['0', '-1', 'x', '3650d']],
  ['AUDIT_CHECKPOINT_MINUTES', /^AUDIT_CHECKPOINT_MINUTES is a number of minutes from 1 on$/, ['0', '-1', '1.5', 'none', '99999999']],
];
const faultsOf = (env: Readonly<Record<string, string>>): readonly string[] => {
  try {
    readStartConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults;
    throw error;
  }
};

describe('a setting of npm start', () => {
  it.each(WRONG)('%s that is wrong is named with its form: %s', (setting, form, values) => {
    for (const value of values) expect([value, faultsOf({ [setting]: value })]).toEqual([value, [expect.stringMatching(form)]]);
  });
  it('that is wrong is told together with all others, and no value is', () => {
    const env = Object.fromEntries(WRONG.map(([setting, , [value = '']]) => [setting, value === ' ' ? value : `${value}`]));
    const faults = faultsOf({ ...env, LOG_LEVEL: 'canary-level', ALLOWED_ORIGINS: 'canary-origin' });
    expect(faults.map((fault) => fault.split(' ')[0]).sort()).toEqual([...new Set(WRONG.map(([setting]) => setting))].sort());
    expect(faults.join()).not.toContain('canary');
  });
  it('that is empty counts as left out', () => {
    const empty = Object.fromEntries(WRONG.map(([setting]) => [setting, '']));
    expect(readStartConfig({ ...empty, DATA_DIR: '' })).toEqual(readStartConfig({}));
  });
  it.each([
    ['HOST', ['127.0.0.1', '0.0.0.0', '::1', '::', 'localhost', 'graph.example.org', '10-0-0-1.example']],
    ['PORT', ['0', '1', '65535']],
    ['TRUST_PROXY', ['true', 'false', '0', '1']],
    ['FILES_DISK_FLOOR', ['0', '0.5', '.1', '0.02']],
    ['AUDIT_SHARD_DAYS', ['1', 'none', '3650']],
  ] as const)('%s is taken where it has its form', (setting, values) => {
    for (const value of values) expect([value, faultsOf({ [setting]: value })]).toEqual([value, []]);
  });
});
