import { type ASTNode, type DocumentNode, GraphQLError, type GraphQLSchema, isNonNullType, Kind } from 'graphql';
import { ERROR_CODES, type ErrorCode, graphError } from './errors.ts';
import { atKey, needOf, placesOf } from './places.ts';

export const tooMuch = (what: string, limit: number): GraphQLError =>
  graphError('LIMIT_EXCEEDED', `The document has ${what}; the limit is ${limit}.`);
export const badInput = (message: string): GraphQLError => graphError('BAD_USER_INPUT', message);
const LONGEST_FIELD = 200;
/** About one field; callers get its path as `extensions.field`. */
export const badField = (field: string, text: string, code: ErrorCode = 'BAD_USER_INPUT'): GraphQLError => {
  const shown = field.slice(0, LONGEST_FIELD);
  return graphError(code, `${shown}: ${text}`, { field: shown });
};

/** About a part of the request that is no field of the graph. */
export const badPart = (part: 'operationName' | 'variables', text: string): GraphQLError => badInput(`${part}: ${text}`);

export const isCode = (code: unknown): code is ErrorCode => ERROR_CODES.includes(code as ErrorCode);

/**
 * What a parser met, by its kind alone: a token can be a value that lacks its quotes. https://spec.graphql.org/October2021/#sec-Language.Source-Text
 */
const withoutTokens = (message: string): string =>
  message
    .replace(/\b(Name|Int|Float|String|BlockString) ".*$/s, '$1.')
    .replace(/\b(got|after 0|within String|character|sequence): .*$/s, '$1.')
    .replace(/variable "\$.*" in/s, 'variable in');

/** An error of parsing or validation as callers see it: with a code, short, and without names that were not asked for. */
export const toldOf = (error: GraphQLError, code: ErrorCode): GraphQLError => {
  const message = code === 'GRAPHQL_PARSE_FAILED' ? withoutTokens(error.message) : error.message.replace(/ Did you mean .*$/s, '');
  return at(error, graphError(code, message.slice(0, 300)));
};

/** Says `told` where `error` is. */
const at = (error: GraphQLError, told: GraphQLError): GraphQLError =>
  new GraphQLError(told.message, {
    ...(error.source ? { source: error.source } : {}),
    ...(error.positions ? { positions: error.positions.slice(0, 3) } : {}),
    extensions: told.extensions,
  });

const REQUIRED = /^Field "(?:\w+\.)?(\w+)" of required type "[^"]+" was not provided\.$/;
const UNKNOWN = /^Field "\w{1,64}" is not defined by type "\w+"\./;
/** The field that an error of graphql-js says is missing, and what it says of one that is unknown; null where it says something else. */
export const missingOf = ({ message }: GraphQLError): string | null => REQUIRED.exec(message)?.[1] ?? null;
export const unknownOf = ({ message }: GraphQLError): string | null => UNKNOWN.exec(message)?.[0] ?? null;

const isLiteral = (node: ASTNode | undefined): boolean => {
  switch (node?.kind) {
    case Kind.INT:
    case Kind.FLOAT:
    case Kind.STRING:
    case Kind.BOOLEAN:
    case Kind.NULL:
    case Kind.ENUM:
    case Kind.LIST:
    case Kind.OBJECT:
    case Kind.OBJECT_FIELD:
      return true;
    default:
      return false;
  }
};

/** Errors of validation as callers see them. What is about a value names the value's place and never the value. */
export const tellFaults = (schema: GraphQLSchema, document: DocumentNode, errors: readonly GraphQLError[]): GraphQLError[] => {
  const values = new Set<ASTNode>();
  for (const { nodes } of errors) if (nodes?.[0] && isLiteral(nodes[0])) values.add(nodes[0]);
  const places = placesOf(schema, document, values);
  return errors.map((error) => {
    const node = error.nodes?.[0];
    const own = error.extensions['code'];
    const code = isCode(own) ? own : 'GRAPHQL_VALIDATION_FAILED';
    if (!node || !isLiteral(node)) return toldOf(error, code);
    const place = places.get(node);
    const missing = missingOf(error);
    if (missing !== null) return at(error, badField(atKey(place?.field ?? '', missing), 'is required.', code));
    const unknown = unknownOf(error);
    const isNull = node.kind === Kind.NULL && place?.type && isNonNullType(place.type);
    const text = isCode(own) ? error.message : (unknown ?? (isNull ? 'is required.' : needOf(place?.type ?? null, true)));
    return at(error, place ? badField(place.field, text, code) : graphError(code, text));
  });
};
