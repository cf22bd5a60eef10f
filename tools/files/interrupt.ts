const undoing = new Set<() => void>();

/** Runs `undo` if the command is interrupted before the returned function is called. */
export const onInterrupt = (undo: () => void): (() => void) => {
  undoing.add(undo);
  return () => undoing.delete(undo);
};

/** Ends the command on Ctrl-C and the like, after everything half-done was undone. Exit code 128 and the signal's number. */
export const watchInterrupts = (): void => {
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.once(signal, () => {
      for (const undo of undoing) undo();
      process.exit(128 + number);
    });
  }
};
