import type { FrenchTexts } from '#platform/graphql/say.ts';

/** Texts of this subgraph's errors; refusals have theirs beside them. */
export const FRENCH: FrenchTexts = {
  'must be after {}': 'doit être après {}',
  'must be at most {} h after the start': 'doit être au plus {} h après le début',
  'must be in the future': 'doit être dans le futur',
  'does not exist in the zone {}: the clock jumps over it; take {} or {}':
    'n’existe pas dans le fuseau {} : l’horloge saute par-dessus ; prenez {} ou {}',
  'happens twice in the zone {}; say which: {} or {}': 'arrive deux fois dans le fuseau {} ; dites laquelle : {} ou {}',
  'has an offset that does not hold then in the zone {}; take {}':
    'a un décalage qui ne vaut pas à ce moment dans le fuseau {} ; prenez {}',
  'is no day and time that exists, such as 2027-02-10T08:00': 'n’est pas un jour et une heure qui existent, comme 2027-02-10T08:00',
  'give the time in exactly one way: start and end, or localStart and localEnd, or code':
    'donnez l’heure d’une seule façon : start et end, ou localStart et localEnd, ou code',
  'is no code of a day that exists, such as MTLA100227': 'n’est pas le code d’un jour qui existe, comme MTLA100227',
  'belongs to another city than the slot': 'appartient à une autre ville que la plage',
  'is needed beside {}': 'est nécessaire avec {}',
  'is no city of the network': 'n’est pas une ville du réseau',
  'must be 1–64 of A-Z a-z 0-9 _ -': 'doit avoir de 1 à 64 caractères parmi A-Z a-z 0-9 _ -',
  'is needed: you are no patient yourself': 'est nécessaire : vous n’êtes pas vous-même un patient',
  'is no cursor of this feed; take one that it gave': 'n’est pas un curseur de ce flux ; prenez-en un qu’il a donné',
  'holds more than {} codes': 'contient plus de {} codes',
  'is empty; leave it out for all cities': 'est vide ; omettez-le pour toutes les villes',
  'must be of {}': 'doit être parmi {}',
  'is no id of a practitioner': 'n’est pas l’identifiant d’un professionnel',
};
