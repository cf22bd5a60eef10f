import { type ParseArgsConfig, parseArgs } from 'node:util';
import { toShown } from './files/names.ts';

/** What `parseArgs` found wrong with a command line, in one sentence. */
export const sayMisuse = (error: unknown): string => {
  const said = error instanceof Error ? error.message : 'The command line cannot be read.';
  // Behind the first sentence it explains how to pass such a word as a value, of which no command here has any use.
  const first = toShown(said.split(/\. |\n/)[0] ?? said);
  return first.endsWith('.') ? first : `${first}.`;
};

type Options = NonNullable<ParseArgsConfig['options']>;
type Read<O extends Options> = ReturnType<typeof parseArgs<{ options: O & { help: { type: 'boolean' } }; allowPositionals: boolean }>>;

/**
 * Reads a command line of these options and `--help`. Ends the process with 0 behind `help` where it is asked for, and with 2 behind one line
 * and `help` where the command line cannot be read.
 */
export const readCommandLine = <O extends Options>(
  help: string,
  options: O,
  { allowPositionals = false }: { readonly allowPositionals?: boolean } = {},
): Read<O> => {
  let read: Read<O>;
  try {
    read = parseArgs({ options: { ...options, help: { type: 'boolean' } }, allowPositionals }) as Read<O>;
  } catch (error) {
    console.error(`${sayMisuse(error)}\n\n${help}`);
    return process.exit(2);
  }
  if ((read.values as { readonly help?: boolean }).help === true) {
    console.log(help);
    return process.exit(0);
  }
  return read;
};
