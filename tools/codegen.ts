import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { codegen } from '@graphql-codegen/core';
import * as typescript from '@graphql-codegen/typescript';
import * as resolvers from '@graphql-codegen/typescript-resolvers';
import { parse } from 'graphql';
import { SUBGRAPHS } from './supergraph.ts';
import { readCommandLine } from './usage.ts';

type SubgraphName = (typeof SUBGRAPHS)[number];

/**
 * What a subgraph may say about its types in `subgraphs/x/codegen.json`: the row type behind a type of the graph
 * (`"Slot": "../domain/slot.ts#Slot"`, seen from `generated/`) and the values behind an enum.
 */
type Settings = { readonly mappers?: Readonly<Record<string, string>>; readonly enumValues?: Readonly<Record<string, string>> };

const KNOWN_SETTINGS = new Set(['mappers', 'enumValues']);

const readSettings = (file: URL): Settings => {
  if (!existsSync(file)) return {};
  const settings: Settings = JSON.parse(readFileSync(file, 'utf8'));
  const unknown = Object.keys(settings).filter((key) => !KNOWN_SETTINGS.has(key));
  if (unknown.length > 0)
    throw new Error(`${file.pathname}: unknown setting ${unknown.join(', ')}; known are ${[...KNOWN_SETTINGS].join(', ')}`);
  return settings;
};

/** Where the types of a subgraph stand. */
export const generatedPath = (name: SubgraphName): URL => new URL(`../subgraphs/${name}/generated/resolvers.ts`, import.meta.url);

/** Text of `subgraphs/x/generated/resolvers.ts` as `schema/x.graphql` and `subgraphs/x/codegen.json` make it; the same input, the same text. */
export const generateTypes = async (name: SubgraphName): Promise<string> => {
  const text = await codegen({
    filename: 'resolvers.ts',
    schema: parse(readFileSync(new URL(`../schema/${name}.graphql`, import.meta.url), 'utf8')),
    documents: [],
    config: {
      federation: true,
      useTypeImports: true,
      immutableTypes: true,
      enumsAsTypes: true,
      strictScalars: true,
      scalars: {
        DateTime: 'Date',
        Date: 'string',
        LocalDateTime: 'string',
        Base64: 'Uint8Array',
        ByteCount: 'number',
        EntryCount: 'number',
        ID: 'string',
        _FieldSet: 'string',
      },
      contextType: '../context.ts#Context',
      ...readSettings(new URL(`../subgraphs/${name}/codegen.json`, import.meta.url)),
    },
    plugins: [{ typescript: {} }, { resolvers: {} }],
    pluginMap: { typescript, resolvers },
  });
  return `// Written by "npm run codegen" from schema/${name}.graphql; change that file and run it again.\n${text.trimEnd()}\n`;
};

const HELP = `npm run codegen [-- --help]

Writes the types of each subgraph's resolvers, subgraphs/NAME/generated/resolvers.ts, from schema/NAME.graphql.
Exit: 0 they are written, 1 they could not be, 2 the command line is wrong.
`;

if (import.meta.main) {
  readCommandLine(HELP, {});
  for (const name of SUBGRAPHS) {
    const path = generatedPath(name);
    mkdirSync(new URL('./', path), { recursive: true });
    writeFileSync(path, await generateTypes(name));
  }
}
