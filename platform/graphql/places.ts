import {
  type ASTNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  Kind,
  type OperationDefinitionNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';

/** Where a value stands, as its caller names it (`input.capacity`, `filter.cities[2]`), and what the schema asks for there. */
export type Place = { readonly field: string; readonly type: GraphQLInputType | null };

export const atKey = (field: string, key: string | number): string =>
  typeof key === 'number' ? `${field}[${key}]` : field === '' ? key : `${field}.${key}`;

/**
 * The place of a value by the nodes above it: argument, input fields, elements. `variable` is the one whose default it is part of; `isCondition`
 * where it is an argument of a directive.
 */
const readPlace = (
  above: readonly (ASTNode | readonly ASTNode[])[],
  path: readonly (string | number)[],
): { readonly field: string; readonly variable: string | null; readonly isCondition: boolean } => {
  let [field, variable, isCondition]: [string, string | null, boolean] = ['', null, false];
  above.forEach((each, i) => {
    if ('kind' in each) {
      if (each.kind === Kind.ARGUMENT || each.kind === Kind.OBJECT_FIELD) field = atKey(field, each.name.value);
      else if (each.kind === Kind.VARIABLE_DEFINITION) variable = each.variable.name.value;
      else if (each.kind === Kind.DIRECTIVE) isCondition = true;
      const index = path[i - 1];
      if (typeof index === 'number' && path[i - 2] === 'values') field = atKey(field, index);
    }
  });
  return { field, variable, isCondition };
};

const chainOf = (
  ancestors: readonly (ASTNode | readonly ASTNode[])[],
  parent: ASTNode | readonly ASTNode[] | undefined,
  node: ASTNode,
): readonly (ASTNode | readonly ASTNode[])[] => (parent ? [...ancestors, parent, node] : [...ancestors, node]);

/** Where a variable of an operation is first used for an argument of a field, on the way through fragments; its own name where nowhere. */
export const placeOfVariable = (document: DocumentNode, operation: OperationDefinitionNode, name: string): string => {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const node of document.definitions) if (node.kind === Kind.FRAGMENT_DEFINITION) fragments.set(node.name.value, node);
  let found: string | null = null;
  const look = (root: ASTNode): void => {
    visit(root, {
      VariableDefinition: () => false,
      FragmentSpread: (node) => {
        const fragment = fragments.get(node.name.value);
        fragments.delete(node.name.value);
        if (fragment && found === null) look(fragment);
      },
      Variable: (node, _key, parent, path, ancestors) => {
        if (found !== null || node.name.value !== name) return;
        const place = readPlace(chainOf(ancestors, parent ?? undefined, node), path);
        if (!place.isCondition) found = place.field;
      },
    });
  };
  look(operation);
  return found ?? name;
};

/** Where the values of a document stand that something was said of; values that are not in it are left out. */
export const placesOf = (schema: GraphQLSchema, document: DocumentNode, wanted: ReadonlySet<ASTNode>): ReadonlyMap<ASTNode, Place> => {
  const places = new Map<ASTNode, Place>();
  for (const definition of document.definitions) {
    const info = new TypeInfo(schema);
    visit(
      definition,
      visitWithTypeInfo(info, {
        enter: (node, _key, parent, path, ancestors) => {
          if (!wanted.has(node)) return;
          const { field, variable } = readPlace(chainOf(ancestors, parent ?? undefined, node), path);
          const used =
            variable !== null && definition.kind === Kind.OPERATION_DEFINITION ? placeOfVariable(document, definition, variable) : '';
          const type = (node.kind === Kind.LIST ? info.getParentInputType() : info.getInputType()) ?? null;
          // The place of an input field that the schema does not have is the object it stands in.
          const own = node.kind === Kind.OBJECT_FIELD && !type ? field.replace(/\.?[^.]*$/, '') : field;
          places.set(node, { field: used === '' ? own : own.startsWith('[') || own === '' ? used + own : `${used}.${own}`, type });
        },
      }),
    );
  }
  return places;
};

/** The type at a path inside a value; null where the schema has none. */
export const typeAt = (type: GraphQLInputType, path: readonly (string | number)[]): GraphQLInputType | null => {
  let here: GraphQLInputType | null = type;
  for (const key of path) {
    const nullable: GraphQLInputType | null = here && getNullableType(here);
    if (typeof key === 'number') here = nullable && isListType(nullable) ? (nullable.ofType as GraphQLInputType) : null;
    else here = nullable && isInputObjectType(nullable) ? (nullable.getFields()[key]?.type ?? null) : null;
  }
  return here;
};

/** What a type asks of a value, said to somebody who sent another. `inQuotes`: the value is written in the document. */
export const needOf = (type: GraphQLInputType | null, inQuotes = false): string => {
  const named = type && getNamedType(type);
  if (!named) return 'is not what its type asks for.';
  if (isEnumType(named)) return `is none of the values of ${named.name}.`;
  if (isInputObjectType(named)) return `is an object of type ${named.name}.`;
  switch (named.name) {
    case 'Int':
      return 'is a whole number from -2147483648 to 2147483647.';
    case 'Float':
      return 'is a number.';
    case 'String':
      return inQuotes ? 'is a text in quotes.' : 'is a text.';
    case 'ID':
      return inQuotes ? 'is an id in quotes.' : 'is an id, sent as a text.';
    case 'Boolean':
      return 'is true or false.';
    default:
      return 'is not what its type asks for.';
  }
};
