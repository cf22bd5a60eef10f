import type { FrenchTexts } from '#platform/graphql/say.ts';

/** Texts of this subgraph's errors. */
export const FRENCH: FrenchTexts = {
  'holds more than {} entries': 'contient plus de {} éléments',
  'is empty; send at least one given name': 'est vide ; envoyez au moins un prénom',
  'is before 1850': 'est avant 1850',
  'is in the future': 'est dans le futur',
  'is no URI, such as {}': 'n’est pas un URI, comme {}',
  'is no RAMQ number: four letters, then eight digits with a day of birth in them':
    'n’est pas un numéro de la RAMQ : quatre lettres, puis huit chiffres qui contiennent une date de naissance',
  'stands twice in the list': 'figure deux fois dans la liste',
  'holds no letter; send the beginning of a name': 'ne contient aucune lettre ; envoyez le début d’un nom',
  'is no city; send one of {}': 'n’est pas une ville ; envoyez l’une de {}',
  'needs at least {} characters': 'doit avoir au moins {} caractères',
  'holds nothing but spaces; send at least one other character': 'ne contient que des espaces ; envoyez au moins un autre caractère',
  'needs a person: this account belongs to no patient or practitioner':
    'demande une personne : ce compte n’appartient à aucun patient ni professionnel',
  'needs a patient: this account belongs to none; register the person instead':
    'demande un patient : ce compte n’appartient à aucun ; inscrivez plutôt la personne',
  'is missing': 'manque',
  'is missing, and no payor tells the plan': 'manque, et aucun payeur ne dit le régime',
  'is missing; a person needs a name': 'manque ; une personne doit avoir un nom',
  'is missing; without one the record could not be known again': 'manque ; sans lui, le dossier ne pourrait pas être reconnu',
  'is none of {}': 'n’est aucun de {}',
  'is no text': 'n’est pas un texte',
  'is no object': 'n’est pas un objet',
  'is no list': 'n’est pas une liste',
  'is no day, such as 1984-02-29': 'n’est pas un jour, comme 1984-02-29',
  'holds no name': 'ne contient aucun nom',
};
