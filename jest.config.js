const swc = ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } }];
const base = { testEnvironment: 'node', extensionsToTreatAsEsm: ['.ts'], transform: { '^.+\\.ts$': swc } };
const project = (displayName, extra = {}) => ({
  ...base,
  displayName,
  testMatch: [`<rootDir>/test/${displayName}/**/*.test.ts`],
  ...extra,
});
export default {
  coverageProvider: 'v8',
  collectCoverageFrom: ['subgraphs/**/*.ts', 'gateway/**/*.ts', 'platform/**/*.ts', 'policy/**/*.ts', '!**/generated/**'],
  maxWorkers: 2,
  testTimeout: 30_000,
  projects: [project('unit'), project('contract'), project('integration'), project('e2e'), project('chaos')],
};
