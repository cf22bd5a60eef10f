import {
  type ASTNode,
  coerceInputValue,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isInputType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  parse,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  specifiedRules,
  TypeInfo,
  TypeMetaFieldDef,
  typeFromAST,
  ValidationContext,
  type ValueNode,
  validate,
  valueFromAST,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { codePoints, isUnfitText } from '#platform/pure/text.ts';
import { graphError } from './errors.ts';
import { atKey, needOf, placeOfVariable, placesOf, typeAt } from './places.ts';
import { badField, badInput, badPart, isCode, missingOf, tellFaults, toldOf, tooMuch, unknownOf } from './tell-faults.ts';

/** How much one document and its variables may ask for. Counts are of the document with its fragments put in, unless said otherwise. */
export type Limits = {
  /** Lexical tokens, as written. */
  readonly tokens: number;
  /** Levels of fields below the operation; for fields of introspection the second figure. */
  readonly depth: number;
  readonly introspectionDepth: number;
  readonly aliases: number;
  readonly queryRoots: number;
  readonly mutationRoots: number;
  /** Directives as written: in all, and at one node. */
  readonly directives: number;
  readonly directivesPerNode: number;
  /** Fragments and operations as written. */
  readonly definitions: number;
  readonly fields: number;
  /** How often one response key may stand in one selection set, and repeats in the whole document as written. */
  readonly repeats: number;
  readonly repeatsInAll: number;
  /** Sum over all branches of the products of page sizes along them. */
  readonly cost: number;
  /** Elements of one list argument. */
  readonly listElements: number;
  /** Code points of one text; texts of scalar `Base64` are bounded by the body alone. */
  readonly textLength: number;
  /** Code points of texts that may be longer, by coordinate (`Input.field`, `Type.field.argument`). */
  readonly longTexts: Readonly<Record<string, number>>;
  /** What single fields (`Type.field`) count in the cost beside what stands below them. */
  readonly weights: Readonly<Record<string, number>>;
  /** Values in all variables, and their levels. */
  readonly values: number;
  readonly valueDepth: number;
  /** Whether texts are looked at, in variables and for their length; subgraphs get them from the gateway, which did. */
  readonly readTexts: boolean;
};

/** What callers may ask of the gateway, over HTTP, WebSocket, SSE and multipart alike. */
export const GATEWAY_LIMITS: Limits = {
  tokens: 2_000,
  depth: 12,
  introspectionDepth: 16,
  aliases: 30,
  queryRoots: 20,
  mutationRoots: 5,
  directives: 20,
  directivesPerNode: 4,
  definitions: 50,
  fields: 2_000,
  repeats: 10,
  repeatsInAll: 100,
  cost: 10_000,
  listElements: 100,
  textLength: 10_000,
  longTexts: {},
  weights: {},
  values: 10_000,
  valueDepth: 16,
  readTexts: true,
};

/** What the gateway may ask of a subgraph: its plans repeat keys, add aliases and send many representations at once. */
export const SUBGRAPH_LIMITS: Limits = {
  ...GATEWAY_LIMITS,
  tokens: 8_000,
  depth: 16,
  aliases: 200,
  directives: 100,
  directivesPerNode: 20,
  definitions: 200,
  fields: 8_000,
  repeats: 100,
  repeatsInAll: 1_000,
  listElements: 500,
  values: 50_000,
  readTexts: false,
};

/** Page sizes that a caller may ask for. */
const MAX_PAGE = 100;
const PAGE_SIZE = `is a whole number from 1 to ${MAX_PAGE}.`;
const MAX_OPERATION_NAME = 64;
/** Errors shown of one document. */
export const MAX_ERRORS = 5;

type PageSize = { readonly variable: string | null; readonly size: number };
/** What a selection set costs: its own weight, and pages multiply what stands below them. `page` null where a field is no list of pages. */
type CostNode = { readonly page: PageSize | null; readonly weight: number; readonly children: readonly CostNode[] };

/** One operation of a document that may run, with what its checks need at each request. */
export type PreparedOperation = {
  readonly node: OperationDefinitionNode;
  /** What it stands in, with the fragments it uses. */
  readonly document: DocumentNode;
  readonly name: string | null;
  readonly kind: 'query' | 'mutation' | 'subscription';
  /** Whether it asks for `__schema` or `__type`. */
  readonly introspects: boolean;
  /** Variables that give a page size. */
  readonly pageVariables: readonly string[];
  /** Fields with the fragments put in. */
  readonly fields: number;
  /** Null where the cost depends on no variable and is within the limit. */
  readonly cost: CostNode | null;
  readonly variables: readonly {
    readonly name: string;
    readonly type: GraphQLInputType;
    readonly hasDefault: boolean;
    /** Whether it may be null by its type and yet stands where no null may: GraphQL allows that for the sake of a default. */
    readonly refusesNull: boolean;
    /** Code points of a text that is the variable's whole value: the least that its places allow. */
    readonly textLength: number;
    readonly node: unknown;
  }[];
};

/** A text that was read, checked and validated. With errors, nothing of it may run. */
export type Prepared = {
  readonly document: DocumentNode | null;
  readonly errors: readonly GraphQLError[];
  readonly operations: ReadonlyMap<string, PreparedOperation>;
};

/** Names that would meet something on the prototype of an object. */
const isTreacherous = (name: string): boolean => name in Object.prototype || name === 'prototype';

class Refused extends Error {
  readonly error: GraphQLError;
  /** The value that it is about, if it is about one. */
  readonly node: ASTNode | null;
  constructor(error: GraphQLError, node: ASTNode | null) {
    super(error.message);
    this.error = error;
    this.node = node;
  }
}
const refuse = (error: GraphQLError, node: ASTNode | null = null): never => {
  throw new Refused(error, node);
};

type Facts = {
  readonly depth: number;
  /** Levels below `__schema` and `__type`. */
  readonly metaDepth: number;
  readonly fields: number;
  readonly aliases: number;
  readonly roots: number;
  readonly introspects: boolean;
  /** The most fields that list (`fields`, `inputFields` …) and that lead to a type (`type`) on one way through introspection. */
  readonly listing: number;
  readonly typing: number;
  readonly keys: ReadonlyMap<string, number>;
  readonly costs: readonly CostNode[];
};

const LISTING = new Set(['fields', 'inputFields', 'interfaces', 'possibleTypes']);
type Fields = Readonly<Record<string, GraphQLField<unknown, unknown>>>;

/** Code points that a text may have at a place (`Input.field`, `Type.field.argument`). */
const textLengthAt = (limits: Limits, typeName: string | undefined, place: string): number =>
  typeName === 'Base64' ? Number.POSITIVE_INFINITY : (limits.longTexts[place] ?? limits.textLength);

/** Reads a document's facts in one pass, each fragment once; throws `Refused` as soon as something is too much. */
const study = (schema: GraphQLSchema, document: DocumentNode, limits: Limits): Map<string, PreparedOperation> => {
  const fragments = new Map<string, FragmentDefinitionNode>();
  let directives = 0;
  let repeats = 0;
  const known = new Map<string, Facts | 'open'>();
  // Fragments are shared by operations, so that a variable counts by its name in the whole document.
  const variableTexts = new Map<string, number>();

  const name = (text: string, what: string): void => {
    if (isTreacherous(text)) refuse(badInput(`This name cannot be used for ${what}.`));
  };
  const count = (node: {
    readonly directives?: readonly { readonly arguments?: readonly { readonly value: ValueNode }[] }[] | undefined;
  }): void => {
    const here = node.directives?.length ?? 0;
    if (here === 0) return;
    directives += here;
    if (here > limits.directivesPerNode) refuse(tooMuch('too many directives in one place', limits.directivesPerNode));
    if (directives > limits.directives) refuse(tooMuch('too many directives', limits.directives));
    for (const directive of node.directives ?? []) for (const argument of directive.arguments ?? []) value(argument.value, 0, null, '');
  };
  /** `type` is what stands at the place by the schema, null where that is not known; `place` its coordinate. */
  const value = (node: ValueNode, level: number, type: GraphQLInputType | null, place: string): void => {
    if (level > limits.valueDepth) refuse(tooMuch('values that are nested too deeply', limits.valueDepth));
    const named = type && getNamedType(type);
    if (node.kind === Kind.STRING) {
      if (isUnfitText(node.value)) refuse(badInput('holds control characters; send plain text.'), node);
      const longest = textLengthAt(limits, named?.name, place);
      if (limits.readTexts && node.value.length > longest && codePoints(node.value) > longest)
        refuse(badInput(`is longer than ${longest} characters.`), node);
    } else if (node.kind === Kind.VARIABLE) {
      const called = node.name.value;
      const longest = textLengthAt(limits, named?.name, place);
      variableTexts.set(called, Math.min(variableTexts.get(called) ?? Number.POSITIVE_INFINITY, longest));
    } else if (node.kind === Kind.LIST) {
      if (node.values.length > limits.listElements) refuse(badInput(`has more than ${limits.listElements} elements.`), node);
      const nullable = type && getNullableType(type);
      const of = nullable && isListType(nullable) ? (nullable.ofType as GraphQLInputType) : null;
      for (const each of node.values) value(each, level + 1, of, place);
    } else if (node.kind === Kind.OBJECT) {
      const fields = named && isInputObjectType(named) ? named.getFields() : null;
      for (const field of node.fields) {
        const called = field.name.value;
        name(called, 'a field');
        const known = fields && Object.hasOwn(fields, called) ? fields[called] : undefined;
        value(field.value, level + 1, known?.type ?? null, `${named?.name}.${called}`);
      }
    }
  };
  const fieldsOf = (typeName: string | undefined): Fields | null => {
    const type = typeName === undefined ? undefined : schema.getType(typeName);
    return isObjectType(type) || isInterfaceType(type) ? (type.getFields() as Fields) : null;
  };
  const pageOf = (node: FieldNode, field: GraphQLField<unknown, unknown> | undefined): PageSize | null => {
    const argument = field?.args.find((each) => each.name === 'first');
    if (!argument) return null;
    const size = typeof argument.defaultValue === 'number' ? argument.defaultValue : MAX_PAGE;
    const given = node.arguments?.find((each) => each.name.value === 'first')?.value;
    if (!given) return { variable: null, size };
    if (given.kind === Kind.VARIABLE) return { variable: given.name.value, size };
    const literal = given.kind === Kind.INT ? Number(given.value) : Number.NaN;
    if (!(literal >= 1 && literal <= MAX_PAGE)) refuse(badInput(PAGE_SIZE), given);
    return { variable: null, size: literal };
  };
  const fragment = (called: string): Facts | null => {
    const seen = known.get(called);
    if (seen === 'open') return refuse(graphError('GRAPHQL_VALIDATION_FAILED', 'A fragment contains itself.'));
    if (seen) return seen;
    const node = fragments.get(called);
    if (!node) return null; // validation names it
    known.set(called, 'open');
    const facts = selections(node.selectionSet, node.typeCondition.name.value, 1);
    known.set(called, facts);
    return facts;
  };
  const selections = (set: SelectionSetNode, typeName: string | undefined, level: number): Facts => {
    if (level > limits.introspectionDepth * 2) refuse(tooMuch('too many levels', limits.depth));
    const type = fieldsOf(typeName);
    const keys = new Map<string, number>();
    const costs: CostNode[] = [];
    let [depth, metaDepth, fields, aliases, roots, listing, typing, introspects] = [0, 0, 0, 0, 0, 0, 0, false];
    const meet = (key: string, times: number): void => {
      const before = keys.get(key) ?? 0;
      if (before > 0) repeats += times;
      if (before + times > limits.repeats) refuse(tooMuch('one field too often in one place', limits.repeats));
      if (repeats > limits.repeatsInAll) refuse(tooMuch('too many repeated fields', limits.repeatsInAll));
      keys.set(key, before + times);
    };
    const take = (facts: Facts): void => {
      depth = Math.max(depth, facts.depth);
      metaDepth = Math.max(metaDepth, facts.metaDepth);
      fields += facts.fields;
      aliases += facts.aliases;
      roots += facts.roots;
      introspects ||= facts.introspects;
      listing = Math.max(listing, facts.listing);
      typing = Math.max(typing, facts.typing);
      for (const [key, times] of facts.keys) meet(key, times);
      costs.push(...facts.costs);
    };
    for (const node of set.selections) {
      count(node);
      if (node.kind === Kind.FRAGMENT_SPREAD) {
        const facts = fragment(node.name.value);
        if (facts) take(facts);
      } else if (node.kind === Kind.INLINE_FRAGMENT) {
        take(selections(node.selectionSet, node.typeCondition?.name.value ?? typeName, level + 1));
      } else {
        const alias = node.alias?.value;
        if (alias !== undefined) {
          aliases++;
          if (alias.startsWith('__') || isTreacherous(alias)) refuse(badInput('This name cannot be used for an alias.'));
        }
        const called = node.name.value;
        const isMeta = called === '__schema' || called === '__type';
        const field = called === '__schema' ? SchemaMetaFieldDef : called === '__type' ? TypeMetaFieldDef : type?.[called];
        meet(alias ?? called, 1);
        fields++;
        roots++;
        for (const { name: given, value: text } of node.arguments ?? []) {
          const type = field?.args.find((each) => each.name === given.value)?.type ?? null;
          value(text, 0, type, `${typeName}.${called}.${given.value}`);
        }
        const page = pageOf(node, field);
        const below = node.selectionSet ? selections(node.selectionSet, field && getNamedType(field.type).name, level + 1) : null;
        if (below) {
          fields += below.fields;
          aliases += below.aliases;
          introspects ||= below.introspects;
        }
        const inside = typeName?.startsWith('__') === true;
        if (isMeta) {
          introspects = true;
          metaDepth = Math.max(metaDepth, 1 + (below?.depth ?? 0));
        } else {
          depth = Math.max(depth, 1 + (below?.depth ?? 0));
          metaDepth = Math.max(metaDepth, below?.metaDepth ?? 0);
        }
        listing = Math.max(listing, (inside && LISTING.has(called) ? 1 : 0) + (below?.listing ?? 0));
        typing = Math.max(typing, (inside && called === 'type' ? 1 : 0) + (below?.typing ?? 0));
        const weight = limits.weights[`${typeName}.${called}`] ?? 0;
        if (page || weight > 0) costs.push({ page, weight, children: below?.costs ?? [] });
        else if (below) costs.push(...below.costs);
      }
      if (fields > limits.fields) refuse(tooMuch('too many fields', limits.fields));
      if (aliases > limits.aliases) refuse(tooMuch('too many aliases', limits.aliases));
      if (costs.length > limits.fields) refuse(tooMuch('too many lists', limits.fields));
    }
    return { depth, metaDepth, fields, aliases, roots, introspects, listing, typing, keys, costs };
  };

  if (document.definitions.length > limits.definitions) refuse(tooMuch('too many fragments or operations', limits.definitions));
  for (const node of document.definitions) {
    if (node.kind !== Kind.FRAGMENT_DEFINITION) continue;
    name(node.name.value, 'a fragment');
    fragments.set(node.name.value, node);
    count(node);
  }
  const operations = new Map<string, PreparedOperation>();
  for (const node of document.definitions) {
    if (node.kind !== Kind.OPERATION_DEFINITION) continue;
    if (node.name && (isTreacherous(node.name.value) || node.name.value.length > MAX_OPERATION_NAME))
      refuse(badInput(`The name of an operation has at most ${MAX_OPERATION_NAME} letters, digits and underscores.`));
    count(node);
    const variables: PreparedOperation['variables'][number][] = [];
    for (const variable of node.variableDefinitions ?? []) {
      name(variable.variable.name.value, 'a variable');
      count(variable);
      const type = typeFromAST(schema, variable.type as never) as GraphQLInputType | undefined;
      if (variable.defaultValue) value(variable.defaultValue, 0, type ?? null, '');
      if (type && isInputType(type))
        variables.push({
          name: variable.variable.name.value,
          type,
          hasDefault: variable.defaultValue !== undefined,
          refusesNull: false,
          textLength: limits.textLength,
          node: variable,
        });
    }
    const facts = selections(node.selectionSet, schema.getRootType(node.operation)?.name, 1);
    if (facts.depth > limits.depth) refuse(tooMuch('too many levels', limits.depth));
    if (facts.metaDepth > limits.introspectionDepth) refuse(tooMuch('too many levels of introspection', limits.introspectionDepth));
    if (facts.listing > 1 || facts.typing > 1) refuse(tooMuch('introspection that goes round in circles', 1));
    const roots = node.operation === 'mutation' ? limits.mutationRoots : limits.queryRoots;
    if (facts.roots > roots) refuse(tooMuch('too many root fields', roots));
    const pageVariables = new Set<string>();
    const root: CostNode = { page: null, weight: 0, children: facts.costs };
    collectPageVariables(root, pageVariables, new Set());
    const cost = pageVariables.size > 0 ? root : null;
    if (!cost && costOf(root, null, new Map()) > limits.cost)
      refuse(tooMuch('pages inside pages that could hold too many entries', limits.cost));
    operations.set(node.name?.value ?? '', {
      node,
      document,
      name: node.name?.value ?? null,
      kind: node.operation,
      introspects: facts.introspects,
      fields: facts.fields,
      pageVariables: [...pageVariables],
      cost,
      variables: variables.map((each) => ({ ...each, textLength: variableTexts.get(each.name) ?? limits.textLength })),
    });
  }
  return operations;
};

const collectPageVariables = (node: CostNode, into: Set<string>, seen: Set<CostNode>): void => {
  if (seen.has(node)) return;
  seen.add(node);
  if (node.page?.variable) into.add(node.page.variable);
  for (const child of node.children) collectPageVariables(child, into, seen);
};

const costOf = (node: CostNode, variables: Readonly<Record<string, unknown>> | null, known: Map<CostNode, number>): number => {
  const seen = known.get(node);
  if (seen !== undefined) return seen;
  let below = 0;
  for (const child of node.children) below += costOf(child, variables, known);
  let cost = node.weight + below;
  if (node.page) {
    const given = node.page.variable === null ? undefined : variables?.[node.page.variable];
    cost = (typeof given === 'number' ? given : node.page.size) * Math.max(1, node.weight + below);
  }
  known.set(node, cost);
  return cost;
};

/** Finds the variables that may be left out but not be null. https://spec.graphql.org/October2021/#sec-All-Variable-Usages-are-Allowed */
const withRefusals = (schema: GraphQLSchema, document: DocumentNode, operation: PreparedOperation): PreparedOperation => {
  if (operation.variables.every(({ type }) => isNonNullType(type))) return operation;
  const context = new ValidationContext(schema, document, new TypeInfo(schema), () => {});
  const strict = new Set<string>();
  for (const { node, type } of context.getRecursiveVariableUsages(operation.node)) if (isNonNullType(type)) strict.add(node.name.value);
  const variables = operation.variables.map((each) => ({ ...each, refusesNull: !isNonNullType(each.type) && strict.has(each.name) }));
  return { ...operation, variables };
};

const prepareText = (schema: GraphQLSchema, limits: Limits, text: string): Prepared => {
  const failed = (...errors: readonly GraphQLError[]): Prepared => ({
    document: null,
    errors: errors.slice(0, MAX_ERRORS),
    operations: new Map(),
  });
  if (!text.isWellFormed()) return failed(badInput('The document holds broken characters; send it as UTF-8.'));
  let document: DocumentNode;
  try {
    // Without places, which take as much memory as all the rest; a document that is refused is read again for them.
    document = parse(text, { maxTokens: limits.tokens, noLocation: true });
  } catch (error) {
    if (!(error instanceof GraphQLError))
      return failed(graphError('GRAPHQL_PARSE_FAILED', 'The document is nested too deeply to be read.'));
    return failed(
      /more that|more than/.test(error.message) && error.message.includes('tokens')
        ? tooMuch('too many tokens', limits.tokens)
        : toldOf(error, 'GRAPHQL_PARSE_FAILED'),
    );
  }
  try {
    const operations = study(schema, document, limits);
    const options = { maxErrors: MAX_ERRORS, hideSuggestions: true };
    if (validate(schema, document, specifiedRules, options).length > 0) {
      const placed = parse(text);
      return failed(...tellFaults(schema, placed, validate(schema, placed, specifiedRules, options)));
    }
    for (const [key, operation] of operations) operations.set(key, withRefusals(schema, document, operation));
    return { document, errors: [], operations };
  } catch (error) {
    if (error instanceof Refused) {
      const { error: refused, node } = error;
      if (!node) return failed(refused);
      const field = placesOf(schema, document, new Set([node])).get(node)?.field;
      return failed(field === undefined ? badInput(`A value of the document ${refused.message}`) : badField(field, refused.message));
    }
    // Some rules of validation throw where they meet what no other rule has refused yet.
    return failed(graphError('GRAPHQL_VALIDATION_FAILED', 'The document does not fit the graph.'));
  }
};

/** Memory of all documents that are kept, in bytes; and of one: its base, per character, and per field with its plan and writer (measured). */
const KEPT_BYTES = 128_000_000;
/** A longer text holds a value that will not come again. */
const MAX_KEPT_CHARACTERS = 200_000;
const BASE_BYTES = 2_000;
const CHARACTER_BYTES = 60;
const FIELD_BYTES = 1_600;

const bytesOf = ({ document, operations }: Prepared, text: string): number => {
  if (!document) return BASE_BYTES + 4 * text.length;
  let bytes = BASE_BYTES + CHARACTER_BYTES * text.length;
  for (const { fields } of operations.values()) bytes += FIELD_BYTES * fields;
  return bytes;
};

/**
 * Reads documents for one schema: parsed, limited and validated once per text, good and bad alike; the answers are kept in a bounded
 * store. Every limit is looked at before validation, whose rules are not linear.
 */
export const makeDocuments = (schema: GraphQLSchema, limits: Limits) => {
  const known = new LRUCache<string, Prepared>({ max: 2_000, maxSize: KEPT_BYTES, sizeCalculation: bytesOf });
  return (text: string): Prepared => {
    const seen = known.get(text);
    if (seen) return seen;
    // The frames of an error's stack would keep the whole document with it.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    let prepared: Prepared;
    try {
      prepared = prepareText(schema, limits, text);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
    if (text.length <= MAX_KEPT_CHARACTERS) known.set(text, prepared);
    return prepared;
  };
};
export type Documents = ReturnType<typeof makeDocuments>;

const OPERATION_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/** The operation that a request means, or why it means none. */
export const pickOperation = (prepared: Prepared, operationName: string | null | undefined): PreparedOperation | GraphQLError => {
  if (operationName !== null && operationName !== undefined && operationName !== '') {
    if (!OPERATION_NAME.test(operationName))
      return badPart('operationName', `has at most ${MAX_OPERATION_NAME} letters, digits and underscores.`);
    return prepared.operations.get(operationName) ?? badPart('operationName', 'the document has no operation of this name.');
  }
  const [only, another] = prepared.operations.values();
  if (!only) return badInput('The document has no operation.');
  return another ? badPart('operationName', 'the document has several operations; say which.') : only;
};

type Budget = { values: number };

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null;

/** What is wrong with a value, and where inside it. */
type Fault = { readonly text: string; readonly path: (string | number)[] };
const faultHere = (text: string): Fault => ({ text, path: [] });

const checkValue = (
  value: unknown,
  type: GraphQLInputType | null,
  longest: number,
  level: number,
  limits: Limits,
  budget: Budget,
): Fault | null => {
  if (++budget.values > limits.values) return faultHere('stands among too many values; send fewer.');
  if (typeof value === 'string') {
    if (!limits.readTexts) return null;
    if (type !== null && getNamedType(type).name === 'Base64') return null;
    if (isUnfitText(value)) return faultHere('holds control characters; send plain text.');
    return value.length > longest && codePoints(value) > longest ? faultHere(`is longer than ${longest} characters.`) : null;
  }
  if (!isPlain(value)) return null;
  if (level > limits.valueDepth) return faultHere('is nested too deeply.');
  if (Array.isArray(value)) {
    if (value.length > limits.listElements) return faultHere(`has more than ${limits.listElements} elements.`);
    const nullable = type && getNullableType(type);
    const of = nullable && isListType(nullable) ? (nullable.ofType as GraphQLInputType) : type;
    for (let i = 0; i < value.length; i++) {
      const fault = checkValue(value[i], of, longest, level + 1, limits, budget);
      if (!fault) continue;
      fault.path.unshift(i);
      return fault;
    }
    return null;
  }
  const named = type && getNamedType(type);
  const fields = named && isInputObjectType(named) ? named.getFields() : null;
  for (const key of Object.keys(value)) {
    if (isTreacherous(key)) return faultHere('has a field whose name cannot be used.');
    const field = fields && Object.hasOwn(fields, key) ? fields[key] : undefined;
    const own = field ? textLengthAt(limits, undefined, `${named?.name}.${key}`) : limits.textLength;
    const fault = checkValue(value[key], field?.type ?? null, own, level + 1, limits, budget);
    if (!fault) continue;
    // What the schema does not know is not named.
    if (field) fault.path.unshift(key);
    else fault.path.length = 0;
    return fault;
  }
  return null;
};

/** An error about what stands at `path` in a variable, told where the document uses the variable. */
const tellAt = ({ document, node }: PreparedOperation, name: string, path: readonly (string | number)[], text: string): GraphQLError =>
  badField(path.reduce<string>(atKey, placeOfVariable(document, node, name)), text);

/** Tells of a value that does not fit its type without repeating the value. */
const misfit = (
  operation: PreparedOperation,
  { name, type }: PreparedOperation['variables'][number],
  path: readonly (string | number)[],
  error: GraphQLError,
): GraphQLError => {
  const isOurs =
    error.originalError instanceof GraphQLError ? isCode(error.originalError.extensions['code']) : isCode(error.extensions['code']);
  if (isOurs) return tellAt(operation, name, path, error.message.replace(/^Expected type "[^"]+"\. /, ''));
  const missing = missingOf(error);
  if (missing !== null) return tellAt(operation, name, [...path, missing], 'is required.');
  if (error.message.startsWith('Expected non-nullable type')) return tellAt(operation, name, path, 'is required.');
  return tellAt(operation, name, path, unknownOf(error) ?? needOf(typeAt(type, path)));
};

/** What does not fit its type in the variables of an operation, five faults at most; pages are looked at elsewhere. */
export const findMisfits = (
  operation: PreparedOperation,
  variables: Readonly<Record<string, unknown>> | null | undefined,
): GraphQLError[] => {
  const errors: GraphQLError[] = [];
  for (const variable of operation.variables) {
    const { name, type, hasDefault, refusesNull } = variable;
    const given = variables && Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (given === undefined && hasDefault) continue;
    if (given === undefined && getNullableType(type) === type) continue;
    if (given === undefined || (given === null && (refusesNull || getNullableType(type) !== type)))
      errors.push(tellAt(operation, name, [], 'is required.'));
    else if (operation.pageVariables.includes(name)) continue;
    else
      coerceInputValue(given, type, (path, _value, error) => {
        if (errors.length < MAX_ERRORS) errors.push(misfit(operation, variable, path, error));
      });
  }
  return errors;
};

/**
 * Checks what depends on variables: texts, lists, sizes of pages, cost, and that each value fits its type. No answer repeats a value.
 * An empty list means that the operation may run.
 */
export const checkVariables = (
  operation: PreparedOperation,
  variables: Readonly<Record<string, unknown>> | null | undefined,
  limits: Limits,
): readonly GraphQLError[] => {
  if (variables && limits.readTexts) {
    const budget: Budget = { values: 0 };
    for (const key of Object.keys(variables)) {
      if (isTreacherous(key)) return [badPart('variables', 'has a field whose name cannot be used.')];
      const known = operation.variables.find((each) => each.name === key);
      const longest = known?.textLength ?? limits.textLength;
      const fault = checkValue(variables[key], known?.type ?? null, longest, 0, limits, budget);
      if (fault) return [known ? tellAt(operation, key, fault.path, fault.text) : badPart('variables', fault.text)];
    }
  } else if (variables) {
    for (const given of Object.values(variables))
      if (Array.isArray(given) && given.length > limits.listElements) return [tooMuch('elements in a list', limits.listElements)];
  }
  const errors: GraphQLError[] = limits.readTexts ? findMisfits(operation, variables) : [];
  const sizes: Record<string, unknown> = {};
  for (const name of operation.pageVariables) {
    const variable = operation.variables.find((each) => each.name === name);
    let given = variables && Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (given === undefined && variable?.hasDefault)
      given = valueFromAST((variable.node as { defaultValue: ValueNode }).defaultValue, variable.type);
    if (given === undefined) continue;
    sizes[name] = given;
    if (!Number.isInteger(given) || (given as number) < 1 || (given as number) > MAX_PAGE)
      errors.push(tellAt(operation, name, [], PAGE_SIZE));
  }
  if (errors.length > 0) return errors.slice(0, MAX_ERRORS);
  if (operation.cost && costOf(operation.cost, sizes, new Map()) > limits.cost)
    return [tooMuch('pages inside pages that could hold too many entries', limits.cost)];
  return errors;
};
