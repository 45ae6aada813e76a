// Small helpers around the promises of the simulated driver.

/** A promise of a process that died: it never settles, and holds on to nothing. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}

/** What an action throws, or undefined. */
export function attempt(action: () => unknown): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(JSON.stringify(thrown));
}
