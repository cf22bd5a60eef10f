/** The arrows of the house: who may import whom. `npm run arrows` also fails when it cruised too few modules. */
const rule = (name, from, to) => ({ name, severity: 'error', from, to });
const outside = '^(subgraphs|gateway|platform|policy|embedded|tools|test|bench|schema|migrations|web)/';
module.exports = {
  forbidden: [
    rule('subgraphs-are-strangers', { path: '^subgraphs/([^/]+)/' }, { path: '^subgraphs/', pathNot: '^subgraphs/$1/' }),
    rule('subgraphs-do-not-know-the-gateway', { path: '^subgraphs/' }, { path: '^gateway/' }),
    rule('domain-is-pure', { path: '^subgraphs/([^/]+)/domain/' }, { pathNot: '^subgraphs/$1/domain/|^platform/pure/' }),
    rule('store-knows-no-story', { path: '^subgraphs/[^/]+/store/' }, { path: '/(service|resolvers|generated)/' }),
    rule(
      'service-knows-no-graph',
      { path: '^subgraphs/[^/]+/service/' },
      { path: '/(resolvers|generated)/|^node_modules/graphql/|^platform/graphql/' },
    ),
    rule(
      'resolvers-are-thin',
      { path: '^subgraphs/[^/]+/resolvers/' },
      { path: '/store/|^node_modules/(typeorm|pg)/|^platform/database/' },
    ),
    rule('gateway-meets-subgraphs-in-the-graph', { path: '^gateway/' }, { path: '^subgraphs/' }),
    rule('platform-knows-no-hospital', { path: '^platform/' }, { path: outside, pathNot: '^platform/' }),
    rule('pure-is-pure', { path: '^platform/pure/' }, { path: `${outside}|^node:|^(fs|crypto|net)$`, pathNot: '^platform/pure/' }),
    rule('policy-is-pure', { path: '^policy/' }, { pathNot: '^policy/|^platform/pure/' }),
    rule('production-knows-no-tests', { path: '^(subgraphs|gateway|platform|policy|embedded)/' }, { path: '^(test|bench|tools)/' }),
    rule('no-unresolved', {}, { couldNotResolve: true }),
    rule('no-circular', {}, { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } }),
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
