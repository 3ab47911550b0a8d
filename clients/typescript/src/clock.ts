/** How far this machine's clock is off, as the `Date` header of answers shows it. A learner's clock may be wrong by a
 * day; the server refuses events from the future, and would count those from the past on a wrong day. */

/** Below this an answer's delay and the header's whole seconds count for more than the clock's error. */
const TOLERANCE_MS = 60_000;

export interface Clock {
  /** Whether an answer has shown the server's time. */
  readonly isKnown: boolean;
  /** The instant that this machine's clock showed as `at`, by the server's clock: never later than its present. */
  corrected(at: number): number;
  /** Compare with an answer to a request that was sent at `sentAt` by this machine's clock. */
  observe(headers: Headers, sentAt: number): void;
}

export function createClock(): Clock {
  let isKnown = false;
  let offset = 0;
  return {
    get isKnown() {
      return isKnown;
    },
    corrected: (at) => Math.min(at, Date.now()) + offset,
    observe(headers, sentAt) {
      const server = Date.parse(headers.get("date") ?? "");
      if (!server) return;
      // The header is cut to seconds; the server looked at its clock somewhere between sending and answer.
      const difference = server + 500 - (sentAt + Date.now()) / 2;
      offset = Math.abs(difference) > TOLERANCE_MS ? Math.round(difference) : 0;
      isKnown = true;
    },
  };
}
