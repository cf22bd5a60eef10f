/**
 * The arrows of the house: who may import whom. `npm run arrows` checks them twice: `allImports` with types, `runTime` on the same
 * files without their types (swc does not say which imports are of types alone), where a room may take another's types but not its code.
 */
const rule = (comment) => (name, from, to) => ({ name, comment, severity: 'error', from, to });
const anyImport = rule('all imports');
const atRunTime = rule('run time');

const HOUSE = '^(subgraphs|gateway|platform|policy|embedded|tools|test|bench|schema|migrations|web)/';
const PRODUCTION = '^(subgraphs|gateway|platform|policy|schema|migrations)/';
const PACKAGES = '(^|/)node_modules/';
const inRoom = (room) => ({ path: `^subgraphs/([^/]+)/${room}/` });

module.exports = {
  forbidden: [
    anyImport('subgraphs-are-strangers', { path: '^subgraphs/([^/]+)/' }, { path: '^subgraphs/', pathNot: '^subgraphs/$1/' }),
    anyImport('subgraphs-do-not-know-the-gateway', { path: '^subgraphs/' }, { path: '^gateway/' }),
    anyImport('domain-is-pure', inRoom('domain'), {
      pathNot: '^subgraphs/$1/domain/|^platform/pure/',
      couldNotResolve: false,
    }),
    anyImport('store-knows-no-story', inRoom('store'), { path: HOUSE, pathNot: '^subgraphs/$1/(store|domain)/|^platform/' }),
    atRunTime('store-takes-types-of-the-domain-alone', inRoom('store'), { path: '^subgraphs/$1/domain/' }),
    anyImport('service-knows-no-resolver', inRoom('service'), {
      path: HOUSE,
      pathNot: '^subgraphs/$1/(service|store|domain)/|^policy/|^schema/events/|^platform/',
    }),
    anyImport('service-knows-no-graph', inRoom('service'), { path: `${PACKAGES}(graphql|graphql-[^/]+|@apollo)/|^platform/graphql/` }),
    anyImport('resolvers-are-thin', inRoom('resolvers'), {
      path: `^subgraphs/$1/store/|^(policy|migrations|embedded)/|^platform/(database|audit)/|${PACKAGES}(typeorm|pg)/`,
    }),
    atRunTime('resolvers-take-types-alone', inRoom('resolvers'), {
      path: HOUSE,
      pathNot: '^subgraphs/$1/(resolvers|generated)/|^platform/(graphql|pure)/|^platform/access/viewer[.]ts$',
    }),
    anyImport(
      'gateway-meets-subgraphs-in-the-graph',
      { path: '^gateway/' },
      { path: HOUSE, pathNot: '^(gateway|platform|policy|schema)/' },
    ),
    anyImport('platform-knows-no-hospital', { path: '^platform/' }, { path: HOUSE, pathNot: '^platform/' }),
    anyImport(
      'pure-is-pure',
      { path: '^platform/pure/' },
      { pathNot: `^platform/pure/|${PACKAGES}temporal-(polyfill|spec)/`, couldNotResolve: false },
    ),
    anyImport('policy-is-pure', { path: '^policy/' }, { pathNot: '^policy/|^platform/pure/', couldNotResolve: false }),
    anyImport('schema-holds-contracts-alone', { path: '^schema/' }, { path: HOUSE, pathNot: '^schema/|^platform/pure/' }),
    anyImport('migrations-are-letters-from-their-day', { path: '^migrations/' }, { path: HOUSE, pathNot: '^migrations/' }),
    anyImport('web-is-a-caller', { path: '^web/' }, { path: HOUSE, pathNot: '^web/' }),
    anyImport(
      'production-knows-no-tests',
      { path: '^(subgraphs|gateway|platform|policy|schema|migrations|embedded)/' },
      {
        path: '^(test|bench|tools)/',
      },
    ),
    anyImport('production-runs-without-the-embedded-network', { path: PRODUCTION }, { path: '^embedded/' }),
    anyImport(
      'the-embedded-network-holds-no-server',
      { path: '^embedded/' },
      {
        path: '^gateway/|^subgraphs/[^/]+/(resolvers|generated)/|^subgraphs/[^/]+/(server|context|main)[.]ts$',
      },
    ),
    anyImport('no-unresolved', {}, { couldNotResolve: true }),
    atRunTime('no-circular', {}, { circular: true }),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    preserveSymlinks: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
