import { SingleBar } from 'cli-progress';
import { UsageError } from './failure.ts';
import { onInterrupt } from './interrupt.ts';
import { toShown, toSize } from './names.ts';

/** Tells how far something has come. */
export type Progress = {
  readonly begin: (what: string, totalBytes: number) => void;
  readonly at: (bytes: number) => void;
  readonly end: () => void;
};

const SILENT: Progress = { begin: () => {}, at: () => {}, end: () => {} };

/** A bar on standard error, on a terminal alone. */
export const makeProgress = (isWanted: boolean): Progress => {
  if (!isWanted || !process.stderr.isTTY) return SILENT;
  let bar: SingleBar | null = null;
  const end = (): void => {
    bar?.stop();
    bar = null;
  };
  // The bar hides the cursor.
  onInterrupt(end);
  return {
    begin: (what, totalBytes) => {
      end();
      bar = new SingleBar({
        format: '{bar} {percentage} %  {shown} of {all}  {what}',
        stream: process.stderr,
        barsize: 25,
        barCompleteChar: '#',
        barIncompleteChar: '.',
        clearOnComplete: true,
        hideCursor: true,
      });
      bar.start(Math.max(1, totalBytes), 0, { shown: toSize(0), all: toSize(totalBytes), what: toShown(what) });
    },
    at: (bytes) => bar?.update(bytes, { shown: toSize(bytes) }),
    end,
  };
};

/** Asks for one line on the terminal; `isSecret` shows nothing of it. Throws UsageError where there is no terminal to ask on. */
export const askPerson = async (question: string, isSecret: boolean, otherwise: string): Promise<string> => {
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY) throw new UsageError(otherwise);
  // What is typed from the first letter of the question on is not shown.
  stdin.setRawMode(true);
  stderr.write(question);
  stdin.setEncoding('utf8');
  let line = '';
  try {
    for await (const text of stdin.iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
      // What a terminal sends for arrows and the like begins with escape; none of it is part of the line.
      for (const char of text.startsWith('\x1b') ? '' : text) {
        if (char === '\r' || char === '\n' || char === '\x04') return line;
        if (char === '\x03') throw new UsageError('Ended.');
        if (char === '\x7f' || char === '\b') {
          if (!isSecret && line !== '') stderr.write('\b \b');
          line = [...line].slice(0, -1).join('');
        } else if (char >= ' ') {
          line += char;
          if (!isSecret) stderr.write(char);
        }
      }
    }
    return line;
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
};
