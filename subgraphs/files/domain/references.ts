/** Something that another subgraph keeps, by its id. */
export type Reference = { readonly id: string };

/** An appointment as the graph tells it here: its patient where the caller may see one. */
export type AppointmentReference = { readonly id: string; readonly patient?: Reference | null };
