/** Every text of the page, in both languages; functions where a number or name stands in it. */

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];
/** In the largest unit of which there are two or more, as “3 hours ago” or « il y a 3 heures ». */
const toAge = (language, seconds) => {
  const [unit, length] = UNITS.find(([, each]) => seconds >= 2 * each) ?? ['second', 1];
  return new Intl.RelativeTimeFormat(language).format(-Math.floor(seconds / length), unit);
};
/** Date and time in UTC, the same in every language. */
const toTime = (at) => at.toISOString().slice(0, 19).replace('T', ' ');

const en = {
  title: 'Audit log verifier',
  intro:
    'This page goes through a city’s audit log in your browser: signatures, witnesses, and every entry up to the signed root. It fetches the log’s public files and nothing else; entries hold no personal values. What was seen is kept in this browser, so that a past that changes later is found.',
  logTitle: 'A city’s log',
  city: 'City',
  full: 'Go through every entry again, not only through those that are new',
  policyTitle: 'Whom to believe (optional)',
  policyHelp:
    'A policy (c2sp.org/tlog-policy) with the log’s key, the witnesses and the quorum, from a source that you trust. Left empty, what the server says the first time is believed and kept.',
  start: 'Verify',
  stop: 'Stop',
  forget: 'Forget what was seen',
  progress: (done, total, shard) =>
    `${done.toLocaleString('en')} of ${total.toLocaleString('en')} entries${shard > 1 ? ` of shard ${shard}` : ''}`,
  beginning: 'The checkpoint is being fetched.',
  sound: (city) => `The log of ${city} is sound`,
  broken: (city) => `The log of ${city} is not sound`,
  notAsked: 'The log could not be asked; nothing is said of it',
  noWorker: 'The part of this page that verifies could not be loaded. Is there a network? Try again once there is.',
  noKey: (origin) => `The policy has no key for ${origin}; nothing is said of that log. Paste one that has a line for it.`,
  noStates: 'What was kept in this browser cannot be read. Forget it to begin anew.',
  cannotKeep: 'This browser keeps nothing: the next visit will not know what was seen now.',
  stopped: 'Stopped. What was known before stays.',
  forgotten: 'What was seen of this log is forgotten.',
  shard: 'Shard',
  entries: 'Entries',
  checked: 'Gone through now',
  rate: (n) => `${n.toLocaleString('en')} a second`,
  origin: 'Log',
  witnesses: 'Witnesses',
  witnessedBy: (names) => `Witnesses: ${names}`,
  notWitnessed: 'none: this checkpoint is not witnessed',
  cosigned: 'Last cosigned',
  since: (at, ageSeconds) => `${toTime(at)} UTC (${toAge('en', ageSeconds)})`,
  noTime: 'no witness says when',
  closed: 'This shard is closed: the log goes on in another one, which is not shown here.',
  stale: (at, ageSeconds) =>
    `This may be an old log: not since ${toTime(at)} UTC (${toAge('en', ageSeconds)}) have the witnesses said that this checkpoint is still the newest. Newer entries may be held back. Try again in an hour; if it stays so, compare with what others have seen, and tell the auditors of the network.`,
  ahead: (count) =>
    `${count === 1 ? 'A witness' : `${count} witnesses`} cosigned with a time that lies more than 10 minutes ahead of the clock of this computer; it does not count.`,
  fault: 'Fault',
  firstBad: 'First bad entry',
  orLater: (n) => `${n} or one behind it`,
  evidence: 'Evidence: the signed notes',
  keepEvidence: 'Keep these notes, compare them with what others have seen, and tell the auditors of the network.',
  onFirstUse: (key) =>
    `Trusted on first use, on the word of the server that is being checked: ${key}. Compare this key with one from another source. From now on it is believed in this browser, and another one is refused.`,
  policyDiffers: 'The server gives another policy now than the one that is kept and goes on being believed.',
  notServed: (shard) => `Shard ${shard} is not served any more.`,
  warning: (kind, index, count) => `Warning at entry ${index} (${count} ×): ${en.warnings[kind] ?? kind}`,
  proofTitle: 'A proof, offline',
  proofIntro:
    'A .tlog-proof file and the bytes of its entry are judged here without a network, by the policy above or by what this browser keeps.',
  proofFile: 'Proof file',
  leafFile: 'Entry (its bytes, as in the log)',
  drop: 'Both files can be dropped here as well.',
  check: 'Judge the proof',
  proven: (index, size, origin) => `Proven: entry ${index} of ${size} in ${origin}`,
  notProven: 'Not proven',
  inMs: (ms) => `Judged in ${ms.toFixed(1)} ms.`,
  noPolicy: 'Nobody is known who could be believed: paste a policy above, or verify the city’s log first.',
  badPolicy: (line) => (line === null ? 'The policy cannot be read.' : `Line ${line} of the policy cannot be read.`),
  newlineTooMuch:
    'Without the newline at the end of its file, the entry is proven. No entry has one: save its bytes alone, as with jq -j in the place of jq -r.',
  /** What is wrong, in the words of the verifier; others than these are shown as they are. */
  whys: [[/^the log serves neither .*$/, 'the log serves neither a policy that names it nor a key: paste a policy above']],
  reasons: {
    malformed: 'the file is not a proof',
    'bad-signature': 'a signature does not belong to the checkpoint',
    'unknown-log': 'no key that is believed signed the checkpoint',
    'no-quorum': 'fewer witnesses cosigned than the policy asks for',
    'not-included': 'the entry is not in the log that the checkpoint signs',
  },
  warnings: {
    'clock-back': 'times of recording jump back by more than 10 minutes, as behind a clock that was turned back',
    'clock-ahead': 'times of recording lie more than 10 minutes ahead of the clock here',
    'witness-clock-back': 'a witness cosigned with an earlier time than before',
  },
  faults: {
    gone: 'the log is not there any more',
    malformed: 'the checkpoint is none',
    'bad-signature': 'the log’s key did not sign this checkpoint',
    'bad-cosignature': 'a witness’s key did not make the cosignature under its name',
    'unknown-log': 'no key that is believed signed the checkpoint',
    'no-quorum': 'fewer witnesses cosigned than the policy asks for',
    'other-log': 'another log stands where this one was',
    'rolled-back': 'an older checkpoint is shown again: a backup was restored, or a copy is behind',
    truncated: 'the log is smaller than it was',
    fork: 'the log signed two trees of one size',
    rewritten: 'the log did not grow out of the one that was seen before',
    'entry-missing': 'entries are not there',
    'entry-changed': 'an entry is not the one that was published',
    'tile-missing': 'hashes of the tree are not there',
    'tile-changed': 'hashes of the tree are not those that were published',
    'root-changed': 'entries and tiles agree with each other and not with the signed root',
    'entry-malformed': 'an entry has not the form that entries have',
    'entry-foreign': 'an entry is of another city',
    'entry-twice': 'an entry has the id of another one',
    'shard-broken-off': 'a shard does not begin with the last checkpoint of the one before',
  },
};

const fr = {
  title: 'Vérification du journal d’audit',
  intro:
    'Cette page parcourt le journal d’audit d’une ville dans votre navigateur : signatures, témoins, et chaque entrée jusqu’à la racine signée. Elle ne demande que les fichiers publics du journal ; les entrées ne contiennent aucune donnée personnelle. Ce qui a été vu est gardé dans ce navigateur, afin qu’un passé modifié plus tard soit découvert.',
  logTitle: 'Le journal d’une ville',
  city: 'Ville',
  full: 'Parcourir de nouveau toutes les entrées, pas seulement les nouvelles',
  policyTitle: 'À qui se fier (facultatif)',
  policyHelp:
    'Une politique (c2sp.org/tlog-policy) avec la clé du journal, les témoins et le quorum, venant d’une source sûre. Sans elle, ce que dit le serveur la première fois est cru et gardé.',
  start: 'Vérifier',
  stop: 'Arrêter',
  forget: 'Oublier ce qui a été vu',
  progress: (done, total, shard) =>
    `${done.toLocaleString('fr')} entrées sur ${total.toLocaleString('fr')}${shard > 1 ? ` du volume ${shard}` : ''}`,
  beginning: 'Le point de contrôle est demandé.',
  sound: (city) => `Le journal de ${city} est intact`,
  broken: (city) => `Le journal de ${city} n’est pas intact`,
  notAsked: 'Le journal n’a pas pu être lu ; rien n’est dit de lui',
  noWorker: 'La partie de cette page qui vérifie n’a pas pu être chargée. Y a-t-il un réseau ? Réessayez dès qu’il y en a un.',
  noKey: (origin) => `La politique n’a pas de clé pour ${origin} ; rien n’est dit de ce journal. Collez-en une qui a une ligne pour lui.`,
  noStates: 'Ce qui était gardé dans ce navigateur est illisible. Oubliez-le pour recommencer.',
  cannotKeep: 'Ce navigateur ne garde rien : la prochaine visite ne saura pas ce qui a été vu.',
  stopped: 'Arrêté. Ce qui était connu reste.',
  forgotten: 'Ce qui a été vu de ce journal est oublié.',
  shard: 'Volume',
  entries: 'Entrées',
  checked: 'Parcourues maintenant',
  rate: (n) => `${n.toLocaleString('fr')} par seconde`,
  origin: 'Journal',
  witnesses: 'Témoins',
  witnessedBy: (names) => `Témoins : ${names}`,
  notWitnessed: 'aucun : ce point de contrôle n’a pas de témoin',
  cosigned: 'Dernière cosignature',
  since: (at, ageSeconds) => `${toTime(at)} UTC (${toAge('fr', ageSeconds)})`,
  noTime: 'aucun témoin ne dit quand',
  closed: 'Ce volume est clos : le journal continue dans un autre, qui n’est pas montré ici.',
  stale: (at, ageSeconds) =>
    `Ce journal est peut-être ancien : depuis le ${toTime(at)} UTC (${toAge('fr', ageSeconds)}), les témoins n’ont plus dit que ce point de contrôle est encore le dernier. Des entrées plus récentes sont peut-être retenues. Réessayez dans une heure ; si rien ne change, comparez avec ce que d’autres ont vu, et prévenez les auditeurs du réseau.`,
  ahead: (count) =>
    `${count === 1 ? 'Un témoin a' : `${count} témoins ont`} cosigné avec une heure en avance de plus de 10 minutes sur l’horloge de cet ordinateur ; elle ne compte pas.`,
  fault: 'Faute',
  firstBad: 'Première entrée fautive',
  orLater: (n) => `${n} ou une suivante`,
  evidence: 'Preuves : les notes signées',
  keepEvidence: 'Gardez ces notes, comparez-les avec ce que d’autres ont vu, et prévenez les auditeurs du réseau.',
  onFirstUse: (key) =>
    `Cru à la première rencontre, sur la parole du serveur qui est vérifié : ${key}. Comparez cette clé avec celle d’une autre source. Elle est crue désormais dans ce navigateur, et toute autre est refusée.`,
  policyDiffers: 'Le serveur donne maintenant une autre politique que celle qui est gardée et reste crue.',
  notServed: (shard) => `Le volume ${shard} n’est plus servi.`,
  warning: (kind, index, count) => `Avertissement à l’entrée ${index} (${count} ×) : ${fr.warnings[kind] ?? kind}`,
  proofTitle: 'Une preuve, hors ligne',
  proofIntro:
    'Un fichier .tlog-proof et les octets de son entrée sont jugés ici sans réseau, selon la politique ci-dessus ou ce que garde ce navigateur.',
  proofFile: 'Fichier de preuve',
  leafFile: 'Entrée (ses octets, comme dans le journal)',
  drop: 'Les deux fichiers peuvent aussi être déposés ici.',
  check: 'Juger la preuve',
  proven: (index, size, origin) => `Prouvé : entrée ${index} sur ${size} dans ${origin}`,
  notProven: 'Non prouvé',
  inMs: (ms) => `Jugé en ${ms.toFixed(1).replace('.', ',')} ms.`,
  noPolicy: 'On ne connaît personne à croire : collez une politique ci-dessus, ou vérifiez d’abord le journal de la ville.',
  badPolicy: (line) => (line === null ? 'La politique est illisible.' : `La ligne ${line} de la politique est illisible.`),
  newlineTooMuch:
    'Sans le saut de ligne à la fin de son fichier, l’entrée est prouvée. Aucune entrée n’en a : enregistrez ses octets seuls, comme avec jq -j au lieu de jq -r.',
  whys: [
    [/^the server does not answer$/, 'le serveur ne répond pas'],
    [/^an answer broke off$/, 'une réponse s’est interrompue'],
    [/^the server answers (\d+)$/, 'le serveur répond $1'],
    [/^the server sends elsewhere; .*$/, 'le serveur renvoie ailleurs ; donnez l’adresse où se trouve le journal'],
    [/^a file is longer than the (\d+) bytes that it may have$/, 'un fichier dépasse les $1 octets permis'],
    [/^the run was ended$/, 'la vérification a été arrêtée'],
    [/^there is no log at this address: .*$/, 'il n’y a pas de journal à cette adresse : elle n’a pas de point de contrôle'],
    [/^there are more than the (\d+) shards that a log may have$/, 'il y a plus que les $1 volumes qu’un journal peut avoir'],
    [/^the log serves neither .*$/, 'le journal ne donne ni politique qui le nomme ni clé : collez une politique ci-dessus'],
    [/^the policy holds control characters .*$/, 'elle contient des caractères de commande ou n’est pas en UTF-8'],
    [/^the last line of the policy .*$/, 'sa dernière ligne ne finit pas par un saut de ligne'],
    [/^the key of another (?:log|witness) is used again$/, 'la clé est déjà celle d’une autre ligne'],
    [/^the name is taken$/, 'le nom est déjà pris'],
    [/^a member of the group is not defined .*$/, 'un membre du groupe n’est défini sur aucune ligne précédente'],
    [/^a member of the group is a member already$/, 'un membre du groupe est déjà membre'],
    [/^the rule of the group is not .*$/, 'la règle du groupe n’est ni all, ni any, ni un nombre de ses membres'],
    [/^there is a quorum already$/, 'il y a déjà un quorum'],
    [/^the quorum is not defined .*$/, 'le quorum n’est défini sur aucune ligne précédente'],
    [/^the line is not a log, .*$/, 'la ligne n’est ni log, ni witness, ni group, ni quorum avec ce qui s’y rattache'],
    [/^the policy has no quorum$/, 'elle n’a pas de quorum'],
    [/^the verifier key is not of the form .*$/, 'la clé n’est pas de la forme <nom>+<identifiant>+<base64>'],
    [/^the verifier key is of an unknown type$/, 'la clé est d’un type inconnu'],
    [/^the verifier key holds no public key of (\d+) bytes$/, 'la clé ne contient pas de clé publique de $1 octets'],
    [/^the verifier key is one that anybody can sign for$/, 'la clé est de celles pour lesquelles n’importe qui peut signer'],
    [/^the id in the verifier key .*$/, 'l’identifiant de la clé n’est pas celui de son nom et de sa clé publique'],
    [/^the verifier key is not one of a log .*$/, 'la clé n’est pas celle d’un journal (type 01)'],
    [/^the verifier key is not one of a witness .*$/, 'la clé n’est pas celle d’un témoin (type 04)'],
  ],
  reasons: {
    malformed: 'le fichier n’est pas une preuve',
    'bad-signature': 'une signature n’est pas celle du point de contrôle',
    'unknown-log': 'aucune clé crue n’a signé le point de contrôle',
    'no-quorum': 'moins de témoins ont cosigné que la politique n’en demande',
    'not-included': 'l’entrée n’est pas dans le journal que signe le point de contrôle',
  },
  warnings: {
    'clock-back': 'les heures d’enregistrement reculent de plus de 10 minutes, comme après une horloge retardée',
    'clock-ahead': 'les heures d’enregistrement avancent de plus de 10 minutes sur l’horloge d’ici',
    'witness-clock-back': 'un témoin a cosigné avec une heure antérieure à la précédente',
  },
  faults: {
    gone: 'le journal n’est plus là',
    malformed: 'le point de contrôle n’en est pas un',
    'bad-signature': 'la clé du journal n’a pas signé ce point de contrôle',
    'bad-cosignature': 'la clé d’un témoin n’a pas fait la cosignature qui porte son nom',
    'unknown-log': 'aucune clé crue n’a signé le point de contrôle',
    'no-quorum': 'moins de témoins ont cosigné que la politique n’en demande',
    'other-log': 'un autre journal se trouve à la place de celui-ci',
    'rolled-back': 'un point de contrôle plus ancien est montré : une sauvegarde a été restaurée, ou une copie est en retard',
    truncated: 'le journal est plus court qu’avant',
    fork: 'le journal a signé deux arbres de même taille',
    rewritten: 'le journal ne prolonge pas celui qui a été vu',
    'entry-missing': 'des entrées manquent',
    'entry-changed': 'une entrée n’est pas celle qui a été publiée',
    'tile-missing': 'des empreintes de l’arbre manquent',
    'tile-changed': 'des empreintes de l’arbre ne sont pas celles qui ont été publiées',
    'root-changed': 'entrées et empreintes s’accordent entre elles et non avec la racine signée',
    'entry-malformed': 'une entrée n’a pas la forme d’une entrée',
    'entry-foreign': 'une entrée est d’une autre ville',
    'entry-twice': 'une entrée a l’identifiant d’une autre',
    'shard-broken-off': 'un volume ne commence pas par le dernier point de contrôle du précédent',
  },
};

/** French sets a no-break space before these signs and inside its quotation marks, so that none begins a line. */
const withNoBreaks = (text) => text.replace(/ (?=[:;?!»%])/g, '\u00a0').replace(/« /g, '«\u00a0');
/** The same for every text, also for what a function makes of numbers and names. */
const typeset = (value) => {
  if (typeof value === 'string') return withNoBreaks(value);
  if (typeof value === 'function') return (...given) => withNoBreaks(value(...given));
  if (Array.isArray(value)) return value.map(([found, text]) => [found, withNoBreaks(text)]);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, typeset(each)]));
};

export const TEXTS = { en, fr: typeset(fr) };
