import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { codegen } from '@graphql-codegen/core';
import * as typescript from '@graphql-codegen/typescript';
import * as resolvers from '@graphql-codegen/typescript-resolvers';
import { parse } from 'graphql';
import { SUBGRAPHS } from './supergraph.ts';

type Settings = { readonly mappers?: Readonly<Record<string, string>>; readonly enumValues?: Readonly<Record<string, string>> };

/** Writes `subgraphs/x/generated/resolvers.ts` from `schema/x.graphql`, with the row types that `subgraphs/x/codegen.json` names. */
for (const name of SUBGRAPHS) {
  const room = new URL(`../subgraphs/${name}/`, import.meta.url);
  const settingsFile = new URL('codegen.json', room);
  const settings: Settings = existsSync(settingsFile) ? JSON.parse(readFileSync(settingsFile, 'utf8')) : {};
  const output = await codegen({
    filename: 'resolvers.ts',
    schema: parse(readFileSync(new URL(`../schema/${name}.graphql`, import.meta.url), 'utf8')),
    documents: [],
    config: {
      federation: true,
      useTypeImports: true,
      immutableTypes: true,
      enumsAsTypes: true,
      strictScalars: true,
      scalars: { DateTime: 'Date', Date: 'string', LocalDateTime: 'string', ID: 'string', _FieldSet: 'string' },
      contextType: '../context.ts#Context',
      ...settings,
    },
    plugins: [{ typescript: {} }, { resolvers: {} }],
    pluginMap: { typescript, resolvers },
  });
  mkdirSync(new URL('generated/', room), { recursive: true });
  writeFileSync(new URL('generated/resolvers.ts', room), output);
}
