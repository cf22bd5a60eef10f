import type { GraphQLFormattedError } from 'graphql';
import type { Caller } from '#platform/access/viewer.ts';

/** French texts by the English ones; `{}` stands for what is put in, in the same order. */
export type FrenchTexts = Readonly<Record<string, string>>;
export type Language = Caller['language'];

/** A text in the caller's language; English where no table knows it. A field in front (`input.start: …`) stays as it is. */
export type Say = (text: string, language: Language) => string;

const FIELD = /^([A-Za-z_][\w.[\]]*: )(.*)$/s;

const escapePattern = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Says errors by tables, one of each room, the first before the others. Texts stay English where they are thrown, so that rules know no language. */
export const makeSay = (...tables: readonly FrenchTexts[]): Say => {
  const whole = new Map<string, string>();
  const patterns: { readonly english: RegExp; readonly french: string }[] = [];
  for (const table of tables)
    for (const [english, french] of Object.entries(table)) {
      if (!english.includes('{}')) whole.set(english, whole.get(english) ?? french);
      else patterns.push({ english: new RegExp(`^${english.split('{}').map(escapePattern).join('(.+?)')}$`, 's'), french });
    }
  const find = (text: string): string | null => {
    const known = whole.get(text);
    if (known !== undefined) return known;
    for (const { english, french } of patterns) {
      const found = english.exec(text);
      if (!found) continue;
      let next = 0;
      return french.replaceAll('{}', () => found[++next] ?? '');
    }
    return null;
  };
  return (text, language) => {
    if (language === 'en') return text;
    const all = find(text);
    if (all !== null) return all;
    const [, field, rest] = FIELD.exec(text) ?? [];
    const said = field === undefined || rest === undefined ? null : find(rest);
    return said === null ? text : `${field}${said}`;
  };
};

/** Errors in the caller's language. */
export const sayErrors = <E extends GraphQLFormattedError>(say: Say, errors: readonly E[], language: Language): E[] =>
  errors.map((error) => (language === 'en' ? error : { ...error, message: say(error.message, language) }));
