import {
  type GraphQLArgument,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';

/** Numbers that look random and are the same again for the same seed (mulberry32). */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 0;
  }
  /** From 0 up to but not including 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }
  /** A whole number from 0 up to but not including `below`. */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }
  chance(probability: number): boolean {
    return this.next() < probability;
  }
  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error('nothing to pick from');
    return from[this.below(from.length)] as T;
  }
}

/** Gives a value of a named type for an argument or input field; undefined where it has no opinion. */
export type ValuesFor = (name: string, type: GraphQLNamedType, dice: Dice) => unknown;

export type RandomDocument = { readonly query: string; readonly variables: Record<string, unknown> };

export type DocumentOptions = {
  readonly kind: 'query' | 'mutation';
  /** About how many fields. */
  readonly size: number;
  readonly valuesFor: ValuesFor;
  /** Root fields that are never asked for. */
  readonly without?: readonly string[];
};

/** A value as GraphQL text. */
const toLiteral = (value: unknown, type: GraphQLInputType): string => {
  if (value === null || value === undefined) return 'null';
  if (isNonNullType(type)) return toLiteral(value, type.ofType);
  if (isListType(type))
    return Array.isArray(value) ? `[${value.map((each) => toLiteral(each, type.ofType)).join(', ')}]` : toLiteral(value, type.ofType);
  if (isInputObjectType(type)) {
    const given = value as Record<string, unknown>;
    return `{${Object.keys(given)
      .map((key) => `${key}: ${toLiteral(given[key], type.getFields()[key]?.type ?? type)}`)
      .join(', ')}}`;
  }
  return isEnumType(type) ? String(value) : JSON.stringify(value);
};

/**
 * Writes a document that is meant to be valid: random selections, aliases, named and inline fragments, `@skip` and `@include` with
 * literals and variables, one field asked for several times under different conditions, arguments as literals and as variables. A few are
 * not valid all the same (two fields of one name that cannot be merged); the caller looks.
 */
export const randomDocument = (schema: GraphQLSchema, seed: number, options: DocumentOptions): RandomDocument => {
  const dice = new Dice(seed);
  const declared: string[] = [];
  const variables: Record<string, unknown> = {};
  const fragments = new Map<string, { readonly on: GraphQLCompositeType; readonly text: string }>();
  let left = options.size;
  let aliases = 0;
  let directives = 0;
  let pages = 0;
  let serial = 0;

  const someValue = (name: string, type: GraphQLInputType, depth: number): unknown => {
    if (isNonNullType(type)) return someValue(name, type.ofType, depth);
    if (isListType(type)) return Array.from({ length: dice.below(3) }, () => someValue(name, type.ofType, depth + 1));
    const own = options.valuesFor(name, getNamedType(type), dice);
    if (own !== undefined) return own;
    if (isEnumType(type)) return dice.pick(type.getValues()).name;
    if (isInputObjectType(type)) {
      const value: Record<string, unknown> = {};
      for (const field of Object.values(type.getFields()))
        if (isRequiredInputField(field) || (depth < 3 && dice.chance(0.3)))
          value[field.name] = someValue(field.name, field.type, depth + 1);
      return value;
    }
    switch (getNamedType(type).name) {
      case 'Int':
        return dice.pick([1, 3, 7, 25, 100]);
      case 'Float':
        return dice.pick([0.5, 36.6]);
      case 'Boolean':
        return dice.chance(0.5);
      default:
        return dice.pick(['x', 'É', 'MTL', '\\', '"', '']);
    }
  };
  const argument = (arg: GraphQLArgument): string => {
    const value = arg.name === 'first' ? dice.pick([1, 2, 5]) : someValue(arg.name, arg.type, 0);
    if (dice.chance(0.4)) {
      const called = `v${serial++}`;
      const isOptional = !isRequiredArgument(arg) && !isNonNullType(arg.type);
      if (isOptional && dice.chance(0.3)) {
        declared.push(`$${called}: ${arg.type} = ${toLiteral(value, arg.type)}`);
        if (dice.chance(0.3)) variables[called] = value;
      } else {
        declared.push(`$${called}: ${arg.type}`);
        if (!isOptional || dice.chance(0.8)) variables[called] = value;
      }
      return `${arg.name}: $${called}`;
    }
    return `${arg.name}: ${toLiteral(value, arg.type)}`;
  };
  const condition = (): string => {
    if (directives >= 8 || !dice.chance(0.18)) return '';
    directives++;
    const name = dice.pick(['skip', 'include']);
    if (dice.chance(0.25)) return ` @${name}(if: ${dice.chance(0.5)})`;
    const known = Object.keys(variables).filter((each) => each.startsWith('b'));
    if (known.length > 0 && dice.chance(0.5)) return ` @${name}(if: $${dice.pick(known)})`;
    const called = `b${serial++}`;
    if (dice.chance(0.3)) {
      declared.push(`$${called}: Boolean! = ${dice.chance(0.5)}`);
      if (dice.chance(0.5)) variables[called] = dice.chance(0.5);
    } else {
      declared.push(`$${called}: Boolean!`);
      variables[called] = dice.chance(0.5);
    }
    const both = directives < 8 && dice.chance(0.15) ? ` @${name === 'skip' ? 'include' : 'skip'}(if: $${called})` : '';
    return ` @${name}(if: $${called})${both}`;
  };
  /** What stands in a selection set already: its response keys with the field and arguments behind each. */
  type Standing = Map<string, { readonly head: string; readonly field: GraphQLField<unknown, unknown> }>;
  const fieldText = (key: string, standing: Standing, depth: number): string => {
    const { head, field } = standing.get(key) as { head: string; field: GraphQLField<unknown, unknown> };
    const type = getNamedType(field.type);
    const below = isCompositeType(type) ? ` ${selection(type, depth + 1, new Map(), 0)}` : '';
    return `${head}${condition()}${below}`;
  };
  const selection = (type: GraphQLCompositeType, depth: number, standing: Standing, nesting: number): string => {
    const parts: string[] = [];
    const fields =
      isObjectType(type) || isInterfaceType(type)
        ? Object.values(type.getFields() as Record<string, GraphQLField<unknown, unknown>>).filter(
            (field) => !(depth === 1 && options.without?.includes(field.name)),
          )
        : [];
    const roots = depth === 1 && options.kind === 'mutation' ? 2 : 4;
    const wanted = 1 + dice.below(roots);
    for (let i = 0; i < wanted; i++) {
      const dive = depth < 9 && left > 0;
      const fitting = fields.filter((field) => {
        const isDeep = isCompositeType(getNamedType(field.type));
        const isPage = field.args.some((each) => each.name === 'first');
        return dive ? !(isPage && pages >= 4) : !isDeep;
      });
      const roll = dice.next();
      if (standing.size > 0 && roll < 0.15) {
        parts.push(fieldText(dice.pick([...standing.keys()]), standing, depth));
      } else if (roll < 0.25 || fitting.length === 0) {
        if (depth > 1 || options.kind === 'query')
          parts.push(aliases++ < 10 && dice.chance(0.3) ? `t${serial++}: __typename` : '__typename');
      } else {
        const field = dice.pick(fitting);
        left--;
        const alias = aliases < 10 && dice.chance(0.15) ? `a${serial++}` : null;
        const key = alias ?? field.name;
        if (alias) aliases++;
        if (!standing.has(key)) {
          if (field.args.some((each) => each.name === 'first')) pages++;
          const args = field.args
            .filter((each) => isRequiredArgument(each) || dice.chance(each.name === 'first' ? 0.7 : 0.35))
            .map(argument);
          standing.set(key, { field, head: `${alias ? `${alias}: ` : ''}${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''}` });
        }
        parts.push(fieldText(key, standing, depth));
      }
    }
    if (nesting < 2 && left > 0 && dice.chance(isAbstractType(type) ? 0.9 : 0.25)) {
      const possible: GraphQLCompositeType[] = isAbstractType(type)
        ? [...schema.getPossibleTypes(type), type]
        : [type, ...(type as GraphQLObjectType).getInterfaces()];
      const times = isAbstractType(type) ? 1 + dice.below(3) : 1;
      for (let i = 0; i < times; i++) {
        const on = dice.pick(possible);
        const shared = on === type ? standing : new Map(standing);
        // Apollo's executor narrows an object that was widened to an interface by its type's name alone, so that has to be there.
        if (isObjectType(type) && on !== type) parts.push('__typename');
        const reuse = [...fragments].find(([, each]) => each.on === on);
        if (reuse && dice.chance(0.4)) parts.push(`...${reuse[0]}${condition()}`);
        else if (dice.chance(0.3)) {
          const called = `F${serial++}`;
          const text = `fragment ${called} on ${on.name} ${selection(on, depth, shared, nesting + 1)}`;
          fragments.set(called, { on, text });
          parts.push(`...${called}${condition()}`);
        } else {
          const bare = on === type && dice.chance(0.3);
          parts.push(`...${bare ? '' : ` on ${on.name}`}${condition()} ${selection(on, depth, shared, nesting + 1)}`);
        }
      }
    }
    return `{ ${parts.length > 0 ? parts.join(' ') : '__typename'} }`;
  };
  const root = options.kind === 'query' ? schema.getQueryType() : schema.getMutationType();
  if (!root) throw new Error(`the schema has no ${options.kind}`);
  const body = selection(root, 1, new Map(), options.kind === 'query' ? 0 : 2);
  const head = declared.length > 0 ? `${options.kind} Random(${declared.join(', ')})` : `${options.kind} Random`;
  return { query: [`${head} ${body}`, ...[...fragments.values()].map(({ text }) => text)].join('\n'), variables };
};

const TOKENS = /[A-Za-z_]\w*|\$\w+|"(?:[^"\\\n]|\\.)*"|\.\.\.|-?\d+(?:\.\d+)?|[^\s]/g;
const JUNK = [
  '{',
  '}',
  '(',
  ')',
  '"',
  '"""',
  '$',
  '@',
  '!',
  '...',
  ':',
  '\u0000',
  '\ufeff',
  '\\u{110000}',
  '#',
  '__proto__',
  'constructor',
  'on',
  '1e999',
  '[[[[',
  'null',
  '\ud800',
  '🦊',
  'fragment',
  'subscription',
  '__schema { types { name } }',
  '@deprecated',
  '_entities(representations: [])',
  '_service { sdl }',
  'nodeId',
  'revokedSessions',
];

/** Breaks a document: tokens deleted, doubled, swapped, replaced by junk or names from elsewhere, cut off, wrapped many times. */
export const breakDocument = ({ query }: RandomDocument, names: readonly string[], seed: number): string => {
  const dice = new Dice(seed);
  let tokens: string[] = query.match(TOKENS) ?? [];
  for (let times = 1 + dice.below(4); times > 0; times--) {
    const at = dice.below(tokens.length + 1);
    switch (dice.below(8)) {
      case 0:
        tokens.splice(at, 1 + dice.below(3));
        break;
      case 1:
        tokens.splice(at, 0, tokens[at] ?? '{');
        break;
      case 2: {
        const other = dice.below(tokens.length + 1);
        [tokens[at], tokens[other]] = [tokens[other] ?? '}', tokens[at] ?? '{'];
        break;
      }
      case 3:
        tokens.splice(at, 1, dice.pick(JUNK));
        break;
      case 4:
        tokens.splice(at, 1, dice.pick(names));
        break;
      case 5:
        tokens = tokens.slice(0, at);
        break;
      case 6: {
        const depth = dice.pick([20, 300, 3_000]);
        tokens.splice(at, 0, ...Array.from({ length: depth }, () => dice.pick(['{', '[', '... {', '(', `${dice.pick(names)} {`])));
        break;
      }
      default:
        tokens.splice(
          at,
          0,
          ...Array.from({ length: dice.below(40) }, () => String.fromCharCode(dice.below(dice.chance(0.5) ? 128 : 65_536))),
        );
    }
  }
  return tokens.join(' ');
};
