import type { Caller } from '#platform/access/viewer.ts';
import { unreachable } from '#platform/pure/unreachable.ts';
import type { SeenPatient } from '../domain/patient.ts';

type Said = Pick<Caller, 'language'>;
/** Refusals as services give them. */
export type ServiceRefusal =
  | { readonly kind: 'patient-not-found' }
  | { readonly kind: 'practitioner-not-found' }
  | { readonly kind: 'account-not-found' }
  | { readonly kind: 'identifier-used'; readonly system: string }
  | { readonly kind: 'version-conflict'; readonly current: SeenPatient }
  | { readonly kind: 'city-unavailable'; readonly city: string; readonly retryAfterSeconds: number };

const MESSAGES = {
  InvalidCredentials: {
    en: 'Name or password is wrong, or too many tries were made. Wait a minute after five failed tries.',
    fr: 'Nom ou mot de passe erroné, ou trop d’essais. Attendez une minute après cinq essais manqués.',
  },
  InvalidRefreshToken: {
    en: 'This refresh token is worth nothing any more. Log in again.',
    fr: 'Ce jeton de renouvellement ne vaut plus rien. Ouvrez une nouvelle session.',
  },
  PatientNotFound: { en: 'There is no such patient.', fr: 'Ce patient n’existe pas.' },
  PractitionerNotFound: {
    en: 'There is no such practitioner of another city, or none to whom this record is open.',
    fr: 'Aucun professionnel d’une autre ville ne correspond, ou ce dossier ne lui est pas ouvert.',
  },
  AccountNotFound: { en: 'There is no such account in your city.', fr: 'Ce compte n’existe pas dans votre ville.' },
  IdentifierAlreadyUsed: { en: 'Another patient has this identifier.', fr: 'Un autre patient porte cet identifiant.' },
  VersionConflict: {
    en: 'The record changed since you read it. Look at the current version and try again.',
    fr: 'Le dossier a changé depuis votre lecture. Consultez la version actuelle et réessayez.',
  },
  CityUnavailable: {
    en: 'The city that keeps this record cannot be reached now. Try again in a moment.',
    fr: 'La ville qui garde ce dossier est injoignable pour l’instant. Réessayez dans un moment.',
  },
} as const;

/** A refusal's name and its message in the caller's language. */
export const say = <N extends keyof typeof MESSAGES>(name: N, { language }: Said) => ({
  __typename: name,
  message: MESSAGES[name][language],
});

type ShapeOf<R extends ServiceRefusal> = R extends { kind: 'patient-not-found' }
  ? { __typename: 'PatientNotFound'; message: string }
  : R extends { kind: 'practitioner-not-found' }
    ? { __typename: 'PractitionerNotFound'; message: string }
    : R extends { kind: 'account-not-found' }
      ? { __typename: 'AccountNotFound'; message: string }
      : R extends { kind: 'identifier-used' }
        ? { __typename: 'IdentifierAlreadyUsed'; message: string; system: string }
        : R extends { kind: 'version-conflict' }
          ? { __typename: 'VersionConflict'; message: string; current: SeenPatient }
          : { __typename: 'CityUnavailable'; message: string; city: string; retryAfterSeconds: number };

const shape = (refusal: ServiceRefusal, caller: Said) => {
  switch (refusal.kind) {
    case 'patient-not-found':
      return say('PatientNotFound', caller);
    case 'practitioner-not-found':
      return say('PractitionerNotFound', caller);
    case 'account-not-found':
      return say('AccountNotFound', caller);
    case 'identifier-used':
      return { ...say('IdentifierAlreadyUsed', caller), system: refusal.system };
    case 'version-conflict':
      return { ...say('VersionConflict', caller), current: refusal.current };
    case 'city-unavailable': {
      const { city, retryAfterSeconds } = refusal;
      return { ...say('CityUnavailable', caller), city, retryAfterSeconds };
    }
    default:
      return unreachable(refusal);
  }
};

/** A service's refusal as the member of the union that it is. */
export const toRefusal = <R extends ServiceRefusal>(refusal: R, caller: Said): ShapeOf<R> => shape(refusal, caller) as ShapeOf<R>;
