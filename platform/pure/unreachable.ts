/** Marks a branch that the types say cannot be taken; the compiler counts the cases. */
export const unreachable = (value: never): never => {
  throw new Error(`unreachable: ${String(value)}`);
};
