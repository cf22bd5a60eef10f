/** A city by its code; its names are configuration's. */
export type CityView = { readonly code: string };
