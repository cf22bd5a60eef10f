import type { FastifyRequest } from 'fastify';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const orNull = (value: unknown, is: (value: unknown) => boolean): boolean => value === undefined || value === null || is(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const HASH = /^[0-9a-f]{64}$/;

/** What is wrong with the parameters of a request; null when they have the right form. GraphQL over HTTP, section 5. */
export const faultOf = (parameters: unknown): string | null => {
  if (Array.isArray(parameters)) return 'Several operations in one request are not taken; send one.';
  if (!isObject(parameters)) return 'Send a JSON object with a query.';
  const { query, operationName, variables, extensions } = parameters;
  if (!orNull(operationName, isText)) return 'operationName: is a text.';
  if (!orNull(variables, isObject)) return 'variables: is an object.';
  if (!orNull(extensions, isObject)) return 'extensions: is an object.';
  const persisted = isObject(extensions) ? extensions['persistedQuery'] : undefined;
  if (persisted !== undefined && persisted !== null) {
    if (!isObject(persisted) || persisted['version'] !== 1 || !isText(persisted['sha256Hash']) || !HASH.test(persisted['sha256Hash']))
      return 'extensions.persistedQuery: has version 1 and a sha256Hash of 64 hexadecimal digits.';
    return query === undefined || isText(query) ? null : 'query: is a text.';
  }
  return isText(query) && query !== '' ? null : 'query: is a text that is not empty.';
};

const json = (text: string | null): unknown => {
  if (text === null || text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return 'broken';
  }
};

/** The parameters that stand in the address of a GET request. */
export const parametersOf = (request: FastifyRequest): Readonly<Record<string, unknown>> => {
  const search = new URLSearchParams(request.url.slice(request.url.indexOf('?') + 1));
  return {
    query: search.get('query') ?? undefined,
    operationName: search.get('operationName') ?? undefined,
    variables: json(search.get('variables')),
    extensions: json(search.get('extensions')),
  };
};

const FORMS = /^\s*(?:text\/plain|application\/x-www-form-urlencoded|multipart\/form-data)\b/i;

/** Whether a page of another site could have sent this without asking first. Its own fetch would have been asked for by a preflight. */
export const couldBeForged = ({ headers }: FastifyRequest): boolean => {
  const type = headers['content-type'];
  if (type !== undefined && !FORMS.test(type)) return false;
  return !headers['x-apollo-operation-name'] && !headers['apollo-require-preflight'];
};

/** Whether a client reads `application/json` and nothing else, where GraphQL over HTTP wants 200 for a refused document. */
export const readsPlainJson = (accept: string | undefined): boolean =>
  accept?.split(',').every((each) => /^\s*application\/json\s*(?:;|$)/i.test(each)) ?? false;

const TYPES = ['application/json', 'application/graphql-response+json'] as const;

/** The type of an answer that a client likes best: plain JSON unless it prefers GraphQL's own. Null where it reads neither. */
export const answerType = (accept: string | undefined): string | null => {
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return 'application/json; charset=utf-8';
  let [best, weight]: [string | null, number] = [null, 0];
  for (const part of accept.split(',')) {
    const [name = '', ...parameters] = part.trim().toLowerCase().split(';');
    const given = parameters.map((each) => /^\s*q=([\d.]+)\s*$/.exec(each)?.[1]).find((each) => each !== undefined);
    const quality = given === undefined ? 1 : Number(given);
    const type = TYPES.find((each) => each === name.trim()) ?? (/^(?:\*|application)\/\*$/.test(name.trim()) ? TYPES[0] : null);
    if (type !== null && quality > weight) [best, weight] = [type, quality];
  }
  return best === null ? null : `${best}; charset=utf-8`;
};
