import { expect, it } from '@jest/globals';
import { parseCanonicalJson } from '#platform/pure/canonical-json.ts';

/** The names of RFC 8785, section 3.2.3, in its order: by UTF-16 code units, so that an emoji stands before a letter of Hebrew. */
const SORTED = `{${['\\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'].map((name, i) => `"${name}":${i}`).join(',')}}`;
const nested = (open: string, close: string, depth: number): string => `${open.repeat(depth)}1${close.repeat(depth)}`;

it.each([
  SORTED,
  '{"10":1,"9":2,"a":3}',
  '{"__proto__":{"a":1},"b":2}',
  '[0,1e-7,1e+21,333333333.3333332,-5e-324,9007199254740992,0.000001]',
  String.raw`"\\ud800 \u000f\n\"/€$ 😀"`,
  nested('[', ']', 100),
])('takes %s', (text) => {
  expect(parseCanonicalJson(text)).toEqual(JSON.parse(text));
});

it.each([
  ['names by code point', SORTED.replace(/,("\ud83d\ude00":\d),("\ufb33":\d)/, ',$2,$1')],
  ['whole numbers before others', '{"9":2,"10":1}'],
  ['a name twice', '{"a":1,"a":1}'],
  ['a space', '{"a": 1}'],
  ['minus zero', '-0'],
  ['a number with needless digits', '1.0'],
  ['a number in another form', '1e21'],
  ['a number that no double is', '9007199254740993'],
  ['a number that is none', '1e400'],
  ['an escape that is not needed', String.raw`"\u0041"`],
  ['an escape in capitals', String.raw`"\u000F"`],
  ['half of a surrogate pair', String.raw`{"a":"\ud800"}`],
  ['the other half', String.raw`["\udfff"]`],
  ['half of a pair in a name', String.raw`{"\ud83d":1}`],
  ['half of a pair as it is', '"\ud800"'],
  ['deeper arrays', nested('[', ']', 101)],
  ['arrays until the stack ends', nested('[', ']', 32_767)],
  ['objects until the stack ends', nested('{"a":', '}', 10_000)],
  ['no JSON', '{'],
])('refuses %s', (_what, text) => {
  expect(parseCanonicalJson(text)).toBeNull();
});
