const LOOK_MS = 500;

/**
 * Runs `act` once npm, which started this process, has gone. npm passes a signal on to the shell that it runs a script in, and that shell
 * ends without its child. Outside npm nothing is watched: a process may well outlive the script that started it.
 */
export const onParentGone = (act: () => void): void => {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    act();
  }, LOOK_MS);
  timer.unref();
};
