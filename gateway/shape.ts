import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  isAbstractType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

type Variables = Readonly<Record<string, unknown>>;
/** Told when a value does not fit the schema; callers see null in its place. */
type Misfit = () => void;
/** Writes a value as JSON; null where a null has to go up to the next place that may hold one. */
type Write = (value: unknown, variables: Variables, misfit: Misfit) => string | null;
type Condition = { readonly includes: boolean; readonly by: string | boolean };
/** A selection set with the conditions of the one of several same fields that it belongs to. */
type Part = { readonly set: SelectionSetNode; readonly above: readonly Condition[] };

const NULL = 'null';
const own = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;

const conditionsOf = (node: SelectionNode): readonly Condition[] =>
  (node.directives ?? []).flatMap((directive) => {
    const name = directive.name.value;
    if (name !== 'skip' && name !== 'include') return [];
    const given = directive.arguments?.[0]?.value;
    const by = given?.kind === Kind.VARIABLE ? given.name.value : given?.kind === Kind.BOOLEAN ? given.value : true;
    return [{ includes: name === 'include', by }];
  });
const holds = (conditions: readonly Condition[], variables: Variables): boolean =>
  conditions.every(({ includes, by }) => (typeof by === 'string' ? variables[by] === true : by) === includes);

/**
 * Compiles what an operation selects into a writer of its answer: exactly the fields that were asked for, in their order, nulls where
 * values are missing or do not fit, and nulls going up through what may not be null.
 */
export const compileShape = (
  schema: GraphQLSchema,
  root: GraphQLObjectType,
  selectionSet: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
): Write => {
  const writeLeaf = (type: GraphQLOutputType): Write => {
    if (isEnumType(type)) {
      const values = new Map(type.getValues().map(({ name }) => [name, JSON.stringify(name)]));
      return (value, _variables, misfit) => {
        const text = values.get(value as string);
        if (text === undefined && value !== null && value !== undefined) misfit();
        return text ?? NULL;
      };
    }
    const name = 'name' in type ? type.name : '';
    const fits = (value: unknown): boolean => {
      if (name === 'Int') return typeof value === 'number' && (value | 0) === value;
      if (name === 'Float') return Number.isFinite(value);
      if (name === 'Boolean') return typeof value === 'boolean';
      if (name === 'String') return typeof value === 'string';
      if (name === 'ID') return typeof value === 'string' || Number.isInteger(value);
      return true;
    };
    return (value, _variables, misfit) => {
      if (value === null || value === undefined) return NULL;
      if (fits(value)) return JSON.stringify(value) ?? NULL;
      misfit();
      return NULL;
    };
  };
  const writeType = (type: GraphQLOutputType, sets: readonly Part[]): Write => {
    if (isNonNullType(type)) {
      const write = writeType(type.ofType as GraphQLOutputType, sets);
      return (value, variables, misfit) => {
        const text = write(value, variables, misfit);
        if (text !== NULL) return text;
        misfit();
        return null;
      };
    }
    if (isListType(type)) {
      const write = writeType(type.ofType as GraphQLOutputType, sets);
      return (value, variables, misfit) => {
        if (!Array.isArray(value)) {
          if (value !== null && value !== undefined) misfit();
          return NULL;
        }
        let text = '';
        for (let i = 0; i < value.length; i++) {
          const each = write(value[i], variables, misfit);
          if (each === null) return NULL;
          text += i === 0 ? each : `,${each}`;
        }
        return `[${text}]`;
      };
    }
    if (isLeafType(type)) return writeLeaf(type);
    const write = writeComposite(type, sets);
    return (value, variables, misfit) => {
      if (value === null || value === undefined) return NULL;
      if (typeof value === 'object') return write(value, variables, misfit) ?? NULL;
      misfit();
      return NULL;
    };
  };
  const appliesTo = (condition: string | undefined, type: GraphQLObjectType): boolean => {
    if (condition === undefined || condition === type.name) return true;
    const wanted = schema.getType(condition);
    return isAbstractType(wanted) && schema.isSubType(wanted, type);
  };
  const writeObject = (type: GraphQLObjectType, sets: readonly Part[]): Write => {
    const fields = new Map<string, { readonly nodes: FieldNode[]; readonly conditions: (readonly Condition[])[] }>();
    const collect = (set: SelectionSetNode, above: readonly Condition[]): void => {
      for (const node of set.selections) {
        const conditions = node.directives?.length ? [...above, ...conditionsOf(node)] : above;
        if (node.kind === Kind.FIELD) {
          const key = node.alias?.value ?? node.name.value;
          const field = fields.get(key) ?? { nodes: [], conditions: [] };
          fields.set(key, field);
          field.nodes.push(node);
          field.conditions.push(conditions);
        } else {
          const fragment = node.kind === Kind.FRAGMENT_SPREAD ? fragments.get(node.name.value) : node;
          if (fragment && appliesTo(fragment.typeCondition?.name.value, type)) collect(fragment.selectionSet, conditions);
        }
      }
    };
    for (const { set, above } of sets) collect(set, above);
    const parts = [...fields].map(([key, { nodes, conditions }]) => {
      const name = nodes[0]?.name.value ?? '';
      const field = type.getFields()[name];
      // Alone, its conditions were looked at when the field was written; of several, each has what is below it under its own.
      const below = nodes.flatMap(({ selectionSet: set }, i) =>
        set ? [{ set, above: nodes.length > 1 ? (conditions[i] ?? []) : [] }] : [],
      );
      const typename = JSON.stringify(type.name);
      const write: Write = name === '__typename' ? () => typename : field ? writeType(field.type, below) : () => NULL;
      const isAlways = conditions.some((each) => each.length === 0);
      return { key, label: `${JSON.stringify(key)}:`, write, conditions: isAlways ? null : conditions };
    });
    return (value, variables, misfit) => {
      let text = '';
      for (const { key, label, write, conditions } of parts) {
        if (conditions && !conditions.some((each) => holds(each, variables))) continue;
        const each = write(own(value, key), variables, misfit);
        if (each === null) return null;
        text += text === '' ? label + each : `,${label}${each}`;
      }
      return `{${text}}`;
    };
  };
  const writeComposite = (type: GraphQLCompositeType, sets: readonly Part[]): Write => {
    if (isObjectType(type)) return writeObject(type, sets);
    const writers = new Map<string, Write>();
    return (value, variables, misfit) => {
      const name = own(value, '__typename');
      const concrete = typeof name === 'string' ? schema.getType(name) : undefined;
      if (!isObjectType(concrete) || !schema.isSubType(type, concrete)) {
        misfit();
        return NULL;
      }
      let write = writers.get(concrete.name);
      if (!write) {
        write = writeObject(concrete, sets);
        writers.set(concrete.name, write);
      }
      return write(value, variables, misfit);
    };
  };
  return writeObject(root, [{ set: selectionSet, above: [] }]);
};
