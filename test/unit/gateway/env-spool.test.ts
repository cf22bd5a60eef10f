import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ConfigurationError, readStartConfig } from '#platform/config/env.ts';

const faultsOf = (env: Record<string, string>): string => {
  try {
    readStartConfig(env);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
};

describe('where entries of readings wait', () => {
  it('is a folder of the embedded network, with a bound and an age', () => {
    expect(readStartConfig({ DATA_DIR: '/data' }).spool).toEqual({
      folder: path.join('/data', 'spool'),
      maxBytes: 64 * 1024 ** 2,
      alarmSeconds: 900,
    });
  });
  it('can be said', () => {
    const given = { AUDIT_SPOOL_DIR: '/spool', AUDIT_SPOOL_BYTES: '1000', AUDIT_SPOOL_ALARM_SECONDS: '5' };
    expect(readStartConfig(given).spool).toEqual({ folder: '/spool', maxBytes: 1_000, alarmSeconds: 5 });
  });
  it.each([
    ['AUDIT_SPOOL_BYTES', '0'],
    ['AUDIT_SPOOL_BYTES', 'much'],
    ['AUDIT_SPOOL_ALARM_SECONDS', '-1'],
    ['AUDIT_SPOOL_ALARM_SECONDS', '1.5'],
  ])('is refused with %s %s', (name, value) => {
    expect(faultsOf({ [name]: value })).toContain(name);
  });
});
