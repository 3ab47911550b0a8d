import type { components } from "./schema.js";

type Problem = components["schemas"]["Problem"];

/** What failed. `status` is 0 where no answer came, and `code` is then "unreachable". */
export class LaurelsError extends Error {
  override readonly name = "LaurelsError";

  constructor(
    message: string,
    readonly status: number,
    /** The server's code, such as "unknown-user"; stable, for programs. */
    readonly code: string,
    /** The wrong fields by their names, where some are. */
    readonly errors: { field: string; message: string }[] = [],
    /** Milliseconds that the server asks to wait; null where it asks for nothing. */
    readonly retryAfter: number | null = null,
    /** What is left of the currency, where that was too little to spend; null for all else. */
    readonly balance: number | null = null,
  ) {
    super(message);
  }
}

/** The error for a request without an answer. */
export function unreachable(cause: unknown): LaurelsError {
  if (cause instanceof LaurelsError) return cause;
  return new LaurelsError(`No answer: ${(cause as Error)?.message ?? cause}`, 0, "unreachable");
}

/** The error for a refusal. The body may be anything, since proxies answer, too. */
export async function errorOf(answer: Response): Promise<LaurelsError> {
  const problem: Partial<Problem> = (await answer.json().catch(() => null)) ?? {};
  return new LaurelsError(
    problem.error ?? `The server answered ${answer.status}.`,
    answer.status,
    String(problem.type ?? "http").replace("urn:laurels:problem:", ""),
    problem.errors,
    retryAfterOf(answer.headers),
    problem.balance ?? null,
  );
}

function retryAfterOf(headers: Headers): number | null {
  const value = headers.get("retry-after");
  if (!value) return null;
  // A date counts from the server's clock, since ours may be wrong.
  const now = Date.parse(headers.get("date") ?? "") || Date.now();
  const wait = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return wait >= 0 ? wait : null;
}
