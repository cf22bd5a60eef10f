import { readFileSync } from 'node:fs';
import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';

export const SUBGRAPHS = ['patients', 'scheduling', 'files', 'audit'] as const;
export const SUPERGRAPH_PATH = new URL('../schema/supergraph.graphql', import.meta.url);

/** Text of the supergraph that the four files of `schema/` make, or why they make none. */
export const composeSubgraphs = (): { readonly sdl: string } | { readonly errors: readonly string[] } => {
  const result = composeServices(
    SUBGRAPHS.map((name) => ({
      name,
      url: `http://${name}.invalid/graphql`,
      typeDefs: parse(readFileSync(new URL(`../schema/${name}.graphql`, import.meta.url), 'utf8')),
    })),
  );
  if (result.errors) return { errors: result.errors.map((error) => error.message) };
  return { sdl: result.supergraphSdl };
};
