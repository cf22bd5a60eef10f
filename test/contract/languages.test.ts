import { globSync, readFileSync } from 'node:fs';
import { FRENCH as AUDIT } from '#audit/resolvers/french.ts';
import { FRENCH as FILES } from '#files/resolvers/french.ts';
import { GATEWAY_FRENCH } from '#gateway/french.ts';
import { FRENCH as PATIENTS } from '#patients/resolvers/french.ts';
import { PLATFORM_FRENCH } from '#platform/graphql/french.ts';
import { type FrenchTexts, makeSay } from '#platform/graphql/say.ts';
import { FRENCH as SCHEDULING } from '#scheduling/resolvers/french.ts';

/** Calls that say something to callers of the graph, by room. Answers beside the graph (`refuseTransfer`) are English. */
const SAYING = /(?:new (?:BadInputError|LimitExceededError)|\b(?:graphError|badInput|badField|badPart|faultHere|bad|tooMuch))\(/g;
const ROOMS: Readonly<Record<string, FrenchTexts>> = {
  'platform/': PLATFORM_FRENCH,
  'gateway/': GATEWAY_FRENCH,
  'subgraphs/audit/': AUDIT,
  'subgraphs/files/': FILES,
  'subgraphs/patients/': PATIENTS,
  'subgraphs/scheduling/': SCHEDULING,
};
/** Files in which another function says it. */
const ALSO: Readonly<Record<string, RegExp>> = {
  'platform/sealing/seal.ts': /(?:new BadInputError|\brefuse)\(/g,
  'subgraphs/files/domain/file-name.ts': /\brefuse\(/g,
  'platform/graphql/places.ts': /\breturn (?=[`'(]|inQuotes)/g,
  'gateway/server.ts': /\brefuse\(/g,
  'gateway/parse-request.ts': /\breturn /g,
};

/** The texts in quotes from `from` to the end of a call or a statement, what is put in as `{}`; paths and codes have no space and are left out. */
const textsFrom = (source: string, from: number): string[] => {
  const texts: string[] = [];
  let depth = 1;
  for (let i = from; i < source.length && depth > 0; i++) {
    const mark = source[i] ?? '';
    if (mark === '(') depth++;
    else if (mark === ')') depth--;
    else if (mark === ';') break;
    else if (mark === "'" || mark === '`') {
      let text = '';
      for (i++; source[i] !== mark; i++) {
        if (source[i] === '\\') text += source[++i];
        else if (mark === '`' && source.startsWith('${', i)) {
          let braces = 1;
          for (i += 2; braces > 0; i++) braces += source[i] === '{' ? 1 : source[i] === '}' ? -1 : 0;
          i--;
          text += '{}';
        } else text += source[i];
      }
      if (text.includes(' ')) texts.push(text);
    }
  }
  return texts;
};

const said: [file: string, text: string][] = [];
for (const [room] of Object.entries(ROOMS))
  for (const file of globSync(`${room}**/*.ts`)) {
    if (file.includes('/generated/')) continue;
    const source = readFileSync(file, 'utf8').replaceAll(/^\s*(?:\*|\/\/|\/\*\*).*$/gm, '');
    for (const { index, 0: call } of source.matchAll(ALSO[file] ?? SAYING))
      for (const text of textsFrom(source, index + call.length)) said.push([file, text]);
  }
const KEYS =
  'send a JSON Web Key or a PEM PUBLIC KEY: X25519, P-256 (ECDH-ES), or RSA of 2048 to 8192 bits with exponent 65537 (RSA-OAEP-256)';
/** Frames that are filled with other texts of the list; those are asked for whole. */
const FRAMES = new Set([
  '{}; {}',
  'The document has {}; the limit is {}.',
  'This name cannot be used for {}.',
  '{} {} is a whole number from 0 to 9007199254740991.',
  '{} {} is written as a whole number.',
  'is no act that is known or stands in a log; {}',
]);
const isText = (text: string): boolean => /[a-z]/.test(text) && !text.includes('charset=') && !text.startsWith('{}: ');

describe('what callers are told', () => {
  it('is found in the sources', () => {
    expect(said.length).toBeGreaterThan(150);
  });
  it('can be said in French, all of it', () => {
    const missing = said.filter(([file, text]) => {
      if (FRAMES.has(text) || !isText(text)) return false;
      const [, table] = Object.entries(ROOMS).find(([room]) => file.startsWith(room)) ?? ['', {}];
      const say = makeSay(table, PLATFORM_FRENCH);
      const english = text.replaceAll('{}', '7');
      const forms = [english, `The document has ${english}; the limit is 7.`, `${english}; ${KEYS}`];
      return forms.every((form) => say(form, 'fr') === form);
    });
    expect(missing).toEqual([]);
  });
  it.each([
    'A ByteCount is a whole number from 0 to 9007199254740991.',
    'An EntryCount is written as a whole number.',
    'This name cannot be used for a variable.',
    'The document has too many aliases; the limit is 30.',
    `input.publicKey: is empty; ${KEYS}`,
  ])('fills its frames: %s', (text) => {
    expect(makeSay(PLATFORM_FRENCH)(text, 'fr')).not.toBe(text);
  });
  it.each(Object.entries(ROOMS))('has as many places to fill in both languages: %s', (_room, table) => {
    const places = (text: string): number => text.split('{}').length;
    expect(Object.entries(table).filter(([english, french]) => places(english) !== places(french) || english === french)).toEqual([]);
  });
});
