/** What `parseArgs` found wrong with a command line, in one sentence. */
export const sayMisuse = (error: unknown): string => {
  const said = error instanceof Error ? error.message : 'The command line cannot be read.';
  // Behind the first sentence it explains how to pass such a word as a value, of which no command here has any use.
  const first = said.split(/\. |\n/)[0] ?? said;
  return first.endsWith('.') ? first : `${first}.`;
};
