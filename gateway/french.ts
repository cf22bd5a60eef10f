import { PLATFORM_FRENCH } from '#platform/graphql/french.ts';
import { type FrenchTexts, makeSay } from '#platform/graphql/say.ts';

/** Texts of errors that the gateway gives by itself. */
export const GATEWAY_FRENCH: FrenchTexts = {
  'The part of the graph that answers this cannot be reached now.':
    'La partie du graphe qui répond à ceci ne peut pas être jointe maintenant.',
  'The token does not hold. Log in again.': 'Le jeton n’est pas valable. Connectez-vous de nouveau.',
  'Introspection is for administrators alone.': 'L’introspection est réservée à l’administration.',
  'Subscriptions are asked for over WebSocket, or as a stream at /graphql/stream.':
    'Les abonnements se demandent par WebSocket, ou comme un flux à /graphql/stream.',
  'Too many subscriptions are open. Try again later.': 'Trop d’abonnements sont ouverts. Réessayez plus tard.',
  'The events were not read fast enough. Subscribe again from the last cursor.':
    'Les événements n’ont pas été lus assez vite. Abonnez-vous de nouveau à partir du dernier curseur.',
  'One connection takes {} operations at once.': 'Une connexion accepte {} opérations à la fois.',
  'Send JSON as application/json; what a form can send is refused.':
    'Envoyez du JSON comme application/json ; ce qu’un formulaire peut envoyer est refusé.',
  'The answer is a stream: accept text/event-stream.': 'La réponse est un flux : acceptez text/event-stream.',
  'The request cannot be read.': 'La demande ne peut pas être lue.',
  'Several operations in one request are not taken; send one.':
    'Plusieurs opérations dans une demande ne sont pas acceptées ; envoyez-en une.',
  'Send a JSON object with a query.': 'Envoyez un objet JSON avec une query.',
  'is a text that is not empty.': 'est un texte qui n’est pas vide.',
  'is an object.': 'est un objet.',
  'has version 1 and a sha256Hash of 64 hexadecimal digits.': 'a la version 1 et un sha256Hash de 64 chiffres hexadécimaux.',
};

/** What leaves the gateway, in the caller's language; subgraphs have said their own. */
export const say = makeSay(GATEWAY_FRENCH, PLATFORM_FRENCH);
