/** A city as callers read it, in their language. */
export type CityView = { readonly code: string; readonly name: string; readonly timeZone: string };

/** What configuration says of a city. */
export type KnownCity = { readonly code: string; readonly name: { readonly en: string; readonly fr: string }; readonly timeZone: string };

/** Makes the answer to a code: null for a code that is no city. */
export const makeCityNames =
  (cities: readonly KnownCity[], language: 'en' | 'fr') =>
  (code: string): CityView | null => {
    const city = cities.find((each) => each.code === code);
    return city ? { code, name: city.name[language], timeZone: city.timeZone } : null;
  };
