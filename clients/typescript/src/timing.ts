/** Waiting: how long after a failure, and timers that can be brought forward. Also: callbacks that may throw. */

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
/** A timer's longest time is 24 days; nobody waits longer than one. */
export const DAY_MS = 86_400_000;

/** Milliseconds to wait after the failure number `failures`, from 0, or as long as the server asks for and a little more,
 * so that clients that failed together do not come back together. */
export function backOff(failures: number, retryAfter: number | null): number {
  const jitter = Math.random();
  if (retryAfter !== null) return Math.min(retryAfter, DAY_MS) + jitter * FIRST_MS;
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** failures) * (0.5 + jitter / 2);
}

export interface Later {
  /** Run in `ms` milliseconds, or earlier if that is set already. */
  within(ms: number): void;
  cancel(): void;
}

export function later(run: () => void): Later {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = Infinity;
  const cancel = () => {
    clearTimeout(timer);
    due = Infinity;
  };
  return {
    within(ms) {
      const at = performance.now() + ms;
      if (at >= due) return;
      clearTimeout(timer);
      due = at;
      timer = setTimeout(() => {
        due = Infinity;
        run();
      }, ms);
    },
    cancel,
  };
}

/** A callback that throws must not stop what we do; its error still shows. */
export function tell<T>(callback: ((value: T) => void) | undefined, value: T): void {
  try {
    callback?.(value);
  } catch (error) {
    setTimeout(() => {
      throw error;
    });
  }
}
