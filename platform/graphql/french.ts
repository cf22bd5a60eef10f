import type { FrenchTexts } from './say.ts';

const KEYS =
  'send a JSON Web Key or a PEM PUBLIC KEY: X25519, P-256 (ECDH-ES), or RSA of 2048 to 8192 bits with exponent 65537 (RSA-OAEP-256)';
const CLES =
  'envoyez une clé JSON Web Key ou PEM PUBLIC KEY : X25519, P-256 (ECDH-ES), ou RSA de 2048 à 8192 bits avec l’exposant 65537 (RSA-OAEP-256)';

/** What is too much in a document, as it stands in `The document has …; the limit is …`. */
const TOO_MUCH: FrenchTexts = {
  'too many tokens': 'trop de mots',
  'too many levels': 'trop de niveaux',
  'too many levels of introspection': 'trop de niveaux d’introspection',
  'introspection that goes round in circles': 'une introspection qui tourne en rond',
  'too many root fields': 'trop de champs à la racine',
  'too many fields': 'trop de champs',
  'too many aliases': 'trop d’alias',
  'too many lists': 'trop de listes',
  'too many directives': 'trop de directives',
  'too many directives in one place': 'trop de directives au même endroit',
  'too many fragments or operations': 'trop de fragments ou d’opérations',
  'too many repeated fields': 'trop de champs répétés',
  'one field too often in one place': 'un champ trop souvent au même endroit',
  'values that are nested too deeply': 'des valeurs trop imbriquées',
  'elements in a list': 'trop d’éléments dans une liste',
  'pages inside pages that could hold too many entries': 'des pages dans des pages qui pourraient contenir trop d’éléments',
};

/** Texts of errors that any room can give. */
export const PLATFORM_FRENCH: FrenchTexts = {
  'Log in first.': 'Connectez-vous d’abord.',
  'You may not do this.': 'Vous n’avez pas le droit de faire cela.',
  'Not found.': 'Introuvable.',
  'No store holds this content intact; it is not shown.': 'Aucun entrepôt n’a ce contenu intact ; il n’est pas montré.',
  'The log does not match its checkpoint; nothing can be proven from it.':
    'Le journal ne correspond pas à son point de contrôle ; rien ne peut en être prouvé.',
  'The storage is full; nothing was written.': 'L’espace est plein ; rien n’a été écrit.',
  'The stores of contents do not answer now. Try again in a moment.':
    'Les entrepôts de contenus ne répondent pas maintenant. Réessayez dans un moment.',
  'The keys of contents cannot be had now. Try again in a moment.':
    'Les clés des contenus ne peuvent pas être obtenues maintenant. Réessayez dans un moment.',
  'The audit entry could not be written, so nothing was done. Try again.':
    'L’entrée d’audit n’a pas pu être écrite ; rien n’a donc été fait. Réessayez.',
  'The city {} does not answer now. Try again in a moment.': 'La ville {} ne répond pas maintenant. Réessayez dans un moment.',
  'Too much work is waiting. Try again in a moment.': 'Trop de demandes attendent. Réessayez dans un moment.',
  'Something went wrong on our side.': 'Une erreur s’est produite de notre côté.',

  'is required.': 'est obligatoire.',
  'is a whole number from {} to {}.': 'est un nombre entier de {} à {}.',
  'is a number.': 'est un nombre.',
  'is a text.': 'est un texte.',
  'is a text in quotes.': 'est un texte entre guillemets.',
  'is an id in quotes.': 'est un identifiant entre guillemets.',
  'is an id, sent as a text.': 'est un identifiant, envoyé comme texte.',
  'is true or false.': 'est true ou false.',
  'is none of the values of {}.': 'n’est aucune des valeurs de {}.',
  'is an object of type {}.': 'est un objet du type {}.',
  'is not what its type asks for.': 'n’est pas ce que son type demande.',
  'Field "{}" is not defined by type "{}".': 'Le champ « {} » n’existe pas dans le type « {} ».',
  'holds control characters; send plain text.': 'contient des caractères de contrôle ; envoyez du texte simple.',
  'is longer than {} characters.': 'dépasse {} caractères.',
  'has more than {} elements.': 'a plus de {} éléments.',
  'is nested too deeply.': 'est trop imbriqué.',
  'stands among too many values; send fewer.': 'est parmi trop de valeurs ; envoyez-en moins.',
  'has a field whose name cannot be used.': 'a un champ dont le nom ne peut pas servir.',
  'has at most {} letters, digits and underscores.': 'a au plus {} lettres, chiffres et traits de soulignement.',
  'the document has no operation of this name.': 'le document n’a pas d’opération de ce nom.',
  'the document has several operations; say which.': 'le document a plusieurs opérations ; dites laquelle.',
  'The document has no operation.': 'Le document n’a pas d’opération.',
  'The document holds broken characters; send it as UTF-8.': 'Le document contient des caractères brisés ; envoyez-le en UTF-8.',
  'The document is nested too deeply to be read.': 'Le document est trop imbriqué pour être lu.',
  'The document does not fit the graph.': 'Le document ne correspond pas au graphe.',
  'A fragment contains itself.': 'Un fragment se contient lui-même.',
  'A value of the document {}': 'Une valeur du document {}',
  'This name cannot be used for an alias.': 'Ce nom ne peut pas servir d’alias.',
  'This name cannot be used for a field.': 'Ce nom ne peut pas servir de champ.',
  'This name cannot be used for a fragment.': 'Ce nom ne peut pas servir de fragment.',
  'This name cannot be used for a variable.': 'Ce nom ne peut pas servir de variable.',
  'The name of an operation has at most {} letters, digits and underscores.':
    'Le nom d’une opération a au plus {} lettres, chiffres et traits de soulignement.',
  ...Object.fromEntries(
    Object.entries(TOO_MUCH).map(([english, french]) => [
      `The document has ${english}; the limit is {}.`,
      `Le document a ${french} ; la limite est {}.`,
    ]),
  ),

  'A DateTime is an instant with an offset, such as 2027-02-10T13:00:00-05:00.':
    'Un DateTime est un instant avec un décalage, comme 2027-02-10T13:00:00-05:00.',
  'A Date is a day that exists, such as 1984-02-29.': 'Une Date est un jour qui existe, comme 1984-02-29.',
  'A LocalDateTime is a wall-clock time, such as 2027-02-10T08:00.': 'Un LocalDateTime est une heure locale, comme 2027-02-10T08:00.',
  'A Base64 is bytes in base64 with padding (RFC 4648, section 4), without line breaks.':
    'Un Base64 est une suite d’octets en base64 avec remplissage (RFC 4648, section 4), sans saut de ligne.',
  'A ByteCount is a whole number from {} to {}.': 'Un ByteCount est un nombre entier de {} à {}.',
  'An EntryCount is a whole number from {} to {}.': 'Un EntryCount est un nombre entier de {} à {}.',
  'A ByteCount is written as a whole number.': 'Un ByteCount s’écrit comme un nombre entier.',
  'An EntryCount is written as a whole number.': 'Un EntryCount s’écrit comme un nombre entier.',
  'A {} is written as a text in quotes.': 'Un {} s’écrit comme un texte entre guillemets.',

  'Subscriptions are asked for as a stream.': 'Les abonnements se demandent comme un flux.',
  'Only subscriptions are asked for as a stream.': 'Seuls les abonnements se demandent comme un flux.',

  'holds control characters; send plain text': 'contient des caractères de contrôle ; envoyez du texte simple',
  'is empty; send at least one character': 'est vide ; envoyez au moins un caractère',
  'is longer than {} characters': 'dépasse {} caractères',
  'must be from {} to {}': 'doit être de {} à {}',
  'is no cursor of this list; take one that this list gave': 'n’est pas un curseur de cette liste ; prenez-en un que cette liste a donné',
  'has a kid that is no text of at most {} characters': 'a un kid qui n’est pas un texte d’au plus {} caractères',
  [`is a private key, keep it and send its public half; ${KEYS}`]: `est une clé privée, gardez-la et envoyez sa moitié publique ; ${CLES}`,
  [`is a private or secret key, keep it and send a public one; ${KEYS}`]: `est une clé privée ou secrète, gardez-la et envoyez une clé publique ; ${CLES}`,
  [`is not for encryption (use); ${KEYS}`]: `ne sert pas à chiffrer (use) ; ${CLES}`,
  [`is not for encryption (key_ops); ${KEYS}`]: `ne sert pas à chiffrer (key_ops) ; ${CLES}`,
  [`is longer than {} characters; ${KEYS}`]: `dépasse {} caractères ; ${CLES}`,
  [`is empty; ${KEYS}`]: `est vide ; ${CLES}`,
  [`is no such key; ${KEYS}`]: `n’est pas une telle clé ; ${CLES}`,
  [`is a key of another kind or strength; ${KEYS}`]: `est une clé d’une autre sorte ou d’une autre force ; ${CLES}`,
  [`is meant for another algorithm (alg); ${KEYS}`]: `est faite pour un autre algorithme (alg) ; ${CLES}`,
  [`is no point that a secret can be agreed with; ${KEYS}`]: `n’est pas un point avec lequel un secret peut être convenu ; ${CLES}`,
};
