/** Something that another subgraph keeps, by its id. */
export type Reference = { readonly id: string };
export type CityReference = { readonly code: string };
