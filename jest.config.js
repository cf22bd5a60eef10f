const swc = ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } }];
const base = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': swc },
  setupFiles: ['<rootDir>/test/support/load-first.mjs'],
};
const project = (displayName, extra = {}) => ({
  ...base,
  displayName,
  testMatch: [`<rootDir>/test/${displayName}/**/*.test.ts`],
  ...extra,
});
const clusters = {
  globalSetup: '<rootDir>/test/support/global-setup.mjs',
  globalTeardown: '<rootDir>/test/support/global-teardown.mjs',
};
export default {
  coverageProvider: 'v8',
  collectCoverageFrom: ['subgraphs/**/*.ts', 'gateway/**/*.ts', 'platform/**/*.ts', 'policy/**/*.ts', '!**/generated/**'],
  maxWorkers: 2,
  testTimeout: 30_000,
  projects: [
    project('unit'),
    project('contract'),
    project('integration', clusters),
    project('e2e', clusters),
    project('commands', clusters),
    project('chaos'),
    project('engines'),
    project('large'),
  ],
};
