import { unreachable } from '#platform/pure/unreachable.ts';
import type { AddSlotRefusal, BookingRefusal, CancelRefusal } from '../domain/refusal.ts';

type Language = 'en' | 'fr';
type AnyRefusal = AddSlotRefusal | BookingRefusal | CancelRefusal;

const say = (language: Language, en: string, fr: string): string => (language === 'fr' ? fr : en);

/** What happened, for a person to read. */
const messageOf = (language: Language, refusal: AnyRefusal): string => {
  switch (refusal.kind) {
    case 'PatientNotFound':
      return say(language, 'There is no such patient.', 'Ce patient n’existe pas.');
    case 'PractitionerNotFound':
      return say(language, 'The city has no such practitioner.', 'Cette ville n’a pas ce professionnel.');
    case 'SlotNotFound':
      return say(language, 'There is no such slot.', 'Cette plage n’existe pas.');
    case 'SlotRemoved':
      return say(language, 'The slot was removed.', 'Cette plage a été retirée.');
    case 'SlotAlreadyStarted':
      return say(language, 'The slot has begun.', 'Cette plage est déjà commencée.');
    case 'SlotAlreadyExists':
      return say(
        language,
        'There is such a slot, or the practitioner has another one at that time.',
        'Cette plage existe déjà, ou le professionnel en a une autre à ce moment.',
      );
    case 'UnknownAppointmentType':
      return say(language, 'This type of appointment cannot be had.', 'Ce type de rendez-vous n’est pas offert.');
    case 'IdempotencyMismatch':
      return say(language, 'The key was used with another input.', 'Cette clé a servi avec une autre demande.');
    case 'AlreadyBooked':
      return say(language, 'The patient has a place in this slot.', 'Le patient a déjà une place dans cette plage.');
    case 'SameTypeSameDay':
      return say(
        language,
        'The patient has an appointment of this type on that day.',
        'Le patient a déjà un rendez-vous de ce type ce jour-là.',
      );
    case 'OverlappingAppointment':
      return say(language, 'The patient has an appointment at that time.', 'Le patient a déjà un rendez-vous à ce moment.');
    case 'WeeklyLimitReached':
      return say(
        language,
        `The patient has ${refusal.limit} appointments outside the home city in week ${refusal.week}; more cannot be had.`,
        `Le patient a ${refusal.limit} rendez-vous hors de sa ville dans la semaine ${refusal.week} ; c’est le maximum.`,
      );
    case 'SlotFull':
      return say(language, 'No place is left.', 'Il ne reste aucune place.');
    case 'AppointmentNotFound':
      return say(language, 'There is no such appointment.', 'Ce rendez-vous n’existe pas.');
    case 'NoticeWindowPassed':
      return say(
        language,
        `A patient can cancel up to ${refusal.noticeMinutes} minutes before the start; staff still can.`,
        `Un patient peut annuler jusqu’à ${refusal.noticeMinutes} minutes avant le début ; le personnel le peut encore.`,
      );
    case 'CityUnavailable':
      return say(
        language,
        `The city ${refusal.city} does not answer now. Try again in a moment with the same key.`,
        `La ville ${refusal.city} ne répond pas en ce moment. Réessayez dans un instant avec la même clé.`,
      );
    default:
      return unreachable(refusal);
  }
};

type Said<R extends AnyRefusal> = R extends AnyRefusal ? R & { readonly __typename: R['kind']; readonly message: string } : never;

/** A refusal as the graph shows it: the union member of its name, with a message in the caller's language. */
export const sayRefusal = <R extends AnyRefusal>(language: Language, refusal: R): Said<R> =>
  ({ ...refusal, __typename: refusal.kind, message: messageOf(language, refusal) }) as unknown as Said<R>;
