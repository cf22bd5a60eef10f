import { CityUnavailableError } from '#platform/database/errors.ts';

/** Refusals that several services share, as values. */
export type CityUnavailable = { readonly kind: 'city-unavailable'; readonly city: string; readonly retryAfterSeconds: number };
export type IdentifierUsed = { readonly kind: 'identifier-used'; readonly system: string };
export type PatientNotFound = { readonly kind: 'patient-not-found' };
export const PATIENT_NOT_FOUND: PatientNotFound = { kind: 'patient-not-found' };

/** Turns a city that did not answer into the refusal that tells so; everything else goes on its way. */
export const orCityUnavailable = async <T>(work: () => Promise<T>): Promise<T | CityUnavailable> => {
  try {
    return await work();
  } catch (error) {
    const cause = error instanceof CityUnavailableError ? error : error instanceof Error ? error.cause : null;
    if (cause instanceof CityUnavailableError)
      return { kind: 'city-unavailable', city: cause.city, retryAfterSeconds: cause.retryAfterSeconds };
    throw error;
  }
};
