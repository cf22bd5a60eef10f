import type { FrenchTexts } from '#platform/graphql/say.ts';

/** Texts of this subgraph's errors. */
export const FRENCH: FrenchTexts = {
  'is no city; known are {}': 'n’est pas une ville ; connues sont {}',
  'is empty; leave it out to ask all cities': 'est vide ; omettez-le pour demander à toutes les villes',
  'is no id of a patient': 'n’est pas l’identifiant d’un patient',
  'is no id of an account': 'n’est pas l’identifiant d’un compte',
  'is no name of an act, such as bookAppointment': 'n’est pas le nom d’un acte, comme bookAppointment',
  'is no act that is known or stands in a log; near are {}': 'n’est pas un acte connu ni présent dans un journal ; proches sont {}',
  'is no act that is known or stands in a log; docs/audit-log.md lists all':
    'n’est pas un acte connu ni présent dans un journal ; docs/audit-log.md les donne tous',
  'must be later than from': 'doit être plus tard que from',
  'was retired; its archive proves the same': 'a été retiré ; son archive prouve la même chose',
  'is more than the log has entries': 'est plus que le nombre d’entrées du journal',
  'must be at most toSize': 'doit être au plus toSize',
};
