import { unreachable } from '#platform/pure/unreachable.ts';
import type { ContentRefusedReason, FileRefusal } from '../domain/refusal.ts';

type Language = 'en' | 'fr';

const say = (language: Language, en: string, fr: string): string => (language === 'fr' ? fr : en);

const whyRefused = (language: Language, reason: ContentRefusedReason): string => {
  switch (reason) {
    case 'TYPE_NOT_ALLOWED':
      return say(language, 'Contents of this type are not kept.', 'Les contenus de ce type ne sont pas conservés.');
    case 'TYPE_MISMATCH':
      return say(
        language,
        'The content is not of the type it was declared to be. Texts have to be UTF-8.',
        'Le contenu n’est pas du type annoncé. Les textes doivent être en UTF-8.',
      );
    case 'HASH_MISMATCH':
      return say(
        language,
        'The content does not have the hash that was told. Send it again.',
        'Le contenu n’a pas l’empreinte annoncée. Envoyez-le de nouveau.',
      );
    case 'SIZE_MISMATCH':
      return say(
        language,
        'The content does not have the length that was told. Send it again.',
        'Le contenu n’a pas la longueur annoncée. Envoyez-le de nouveau.',
      );
    case 'MALWARE_SIGNATURE':
      return say(language, 'The content holds a signature of malware.', 'Le contenu porte une signature de logiciel malveillant.');
    case 'SEAL_BROKEN':
      return say(
        language,
        'The seal does not open with the server’s key. Take serverKey and seal it again.',
        'Le sceau ne s’ouvre pas avec la clé du serveur. Prenez serverKey et scellez-le de nouveau.',
      );
    default:
      return unreachable(reason);
  }
};

/** What happened, for a person to read. */
const messageOf = (language: Language, refusal: FileRefusal): string => {
  switch (refusal.kind) {
    case 'FileNotFound':
      return say(language, 'There is no such file.', 'Ce fichier n’existe pas.');
    case 'PatientNotFound':
      return say(language, 'There is no such patient.', 'Ce patient n’existe pas.');
    case 'AppointmentNotFound':
      return say(language, 'The patient has no such appointment.', 'Le patient n’a pas ce rendez-vous.');
    case 'UploadNotFound':
      return say(language, 'There is no such upload. Ask for a new one.', 'Cet envoi n’existe pas. Demandez-en un nouveau.');
    case 'UploadIncomplete':
      return say(
        language,
        `The upload has ${refusal.offsetBytes} of ${refusal.sizeBytes} bytes. Send the rest.`,
        `L’envoi compte ${refusal.offsetBytes} octets sur ${refusal.sizeBytes}. Envoyez le reste.`,
      );
    case 'QuotaExceeded':
      return say(
        language,
        `There is no room: ${refusal.usedBytes} of ${refusal.limitBytes} bytes are in use.`,
        `Il n’y a plus de place : ${refusal.usedBytes} octets sur ${refusal.limitBytes} sont utilisés.`,
      );
    case 'ContentRefused':
      return whyRefused(language, refusal.reason);
    case 'CityUnavailable':
      return say(
        language,
        `The city ${refusal.city} does not answer now. Try again in a moment.`,
        `La ville ${refusal.city} ne répond pas en ce moment. Réessayez dans un instant.`,
      );
    default:
      return unreachable(refusal);
  }
};

type Said<R extends FileRefusal> = R extends FileRefusal ? R & { readonly __typename: R['kind']; readonly message: string } : never;

/** A refusal as the graph shows it: the union member of its name, with a message in the caller's language. */
export const sayRefusal = <R extends FileRefusal>(language: Language, refusal: R): Said<R> =>
  ({
    ...refusal,
    __typename: refusal.kind,
    message: messageOf(language, refusal),
  }) as unknown as Said<R>;
