import type { FrenchTexts } from '#platform/graphql/say.ts';

/** Texts of this subgraph's errors; refusals have theirs beside them. */
export const FRENCH: FrenchTexts = {
  'holds characters that do not exist; send plain text': 'contient des caractères qui n’existent pas ; envoyez du texte simple',
  'holds control, direction or zero-width characters; leave them out':
    'contient des caractères de contrôle, de direction ou de largeur nulle ; enlevez-les',
  'holds a path separator; send the name alone': 'contient un séparateur de chemin ; envoyez le nom seul',
  'holds one of < > : " | ? *; leave it out': 'contient l’un de < > : " | ? * ; enlevez-le',
  'ends with a dot; leave it out': 'finit par un point ; enlevez-le',
  'is the name of a device on some systems; choose another': 'est le nom d’un appareil sur certains systèmes ; choisissez-en un autre',
  'is longer than {} characters or {} bytes of UTF-8': 'dépasse {} caractères ou {} octets d’UTF-8',
  'is a whole number from {} to {}': 'est un nombre entier de {} à {}',
  'is a SHA-256 in hex, 64 digits': 'est un SHA-256 en hexadécimal, 64 chiffres',
  'is no city of the network': 'n’est pas une ville du réseau',
  'A content of more than {} bytes does not travel in the graph; fetch it by downloadUrl.':
    'Un contenu de plus de {} octets ne passe pas par le graphe ; prenez-le par downloadUrl.',
  'One request is answered with at most {} bytes of contents; ask for fewer, or use downloadUrl.':
    'Une demande reçoit au plus {} octets de contenus ; demandez-en moins, ou utilisez downloadUrl.',
  'holds a control character; leave it out': 'contient un caractère de contrôle ; enlevez-le',
  'cannot be true here: keys of this city are made where they are held; leave it out':
    'ne peut pas être vrai ici : les clés de cette ville se font là où elles sont gardées ; omettez-le',
  'is missing; send content or sealed': 'manque ; envoyez content ou sealed',
  'stands beside content; send one of the two': 'est à côté de content ; envoyez l’un des deux',
  'is longer than {} bytes; send it by requestUpload': 'dépasse {} octets ; envoyez-le par requestUpload',
  'holds more than {} bytes; send it by requestUpload': 'contient plus de {} octets ; envoyez-le par requestUpload',
};
