import { makeSay, sayErrors } from '#platform/graphql/say.ts';

const say = makeSay(
  { 'is empty': 'est vide', 'must be from {} to {}': 'doit être de {} à {}', 'City {} (closed).': 'La ville {} (fermée).' },
  { 'is empty': 'n’est rien', 'Log in first.': 'Connectez-vous d’abord.' },
);

describe('what is said in French', () => {
  it.each([
    ['Log in first.', 'Connectez-vous d’abord.'],
    ['input.name: is empty', 'input.name: est vide'],
    ['input.names[0].given[12]: must be from 1 to 100', 'input.names[0].given[12]: doit être de 1 à 100'],
    ['City $& (closed).', 'La ville $& (fermée).'],
    ['Something else.', 'Something else.'],
    ['input.name: something else', 'input.name: something else'],
    ['is empty or not', 'is empty or not'],
  ])('%s', (english, french) => {
    expect(say(english, 'fr')).toBe(french);
    expect(say(english, 'en')).toBe(english);
  });
  it('leaves the rest of an error as it is', () => {
    const error = { message: 'a: is empty', path: ['x'], extensions: { code: 'BAD_USER_INPUT', field: 'a' } };
    expect(sayErrors(say, [error], 'fr')).toEqual([{ ...error, message: 'a: est vide' }]);
    expect(sayErrors(say, [error], 'en')).toEqual([error]);
  });
});
