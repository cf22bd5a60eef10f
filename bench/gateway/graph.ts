import { composeServices } from '@apollo/composition';
import { parse } from 'graphql';

/** Two small subgraphs, so that the gateway in front of them is what is measured. */
export const SDL: Readonly<Record<'records' | 'slots', string>> = {
  records: `
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
    type Query { practitioner(id: ID!): Practitioner }
    type Practitioner @key(fields: "id") { id: ID! name: String! specialty: String! }
  `,
  slots: `
    extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
    type Query { slots(first: Int = 20): [Slot!]! }
    type Slot @key(fields: "id") { id: ID! code: String! start: String! available: Int! practitioner: Practitioner }
    type Practitioner @key(fields: "id", resolvable: false) { id: ID! }
  `,
};
export const NAMES = ['records', 'slots'] as const;

export const supergraphOf = (urls: Readonly<Record<string, string>>): string => {
  const composed = composeServices(NAMES.map((name) => ({ name, url: urls[name] ?? '', typeDefs: parse(SDL[name]) })));
  if (composed.errors) throw composed.errors[0];
  return composed.supergraphSdl;
};

/** The two measured queries: fields of one subgraph, and of both. */
export const QUERIES = {
  'one subgraph': '{ slots(first: 20) { id code start available } }',
  'two subgraphs': '{ slots(first: 20) { id code start available practitioner { id name specialty } } }',
} as const;
