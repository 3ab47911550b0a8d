/** Requests: the address, the token and its renewal, the time limit, and what failed as one kind of error. */
import { createClock, type Clock } from "./clock.js";
import { errorOf, LaurelsError, unreachable } from "./errors.js";
import type { ClientOptions } from "./types.js";

export type Query = Record<string, string | number | readonly string[] | null | undefined>;

export interface RequestOptions {
  query?: Query | undefined;
  /** A JSON text; the request is then a POST. */
  body?: string;
  headers?: Record<string, string>;
  keepalive?: boolean;
  signal?: AbortSignal | undefined;
  /** The body is read by the caller for as long as `signal` allows; the time limit is for its beginning alone. */
  isStream?: boolean;
}

export interface Transport {
  readonly clock: Clock;
  /** The base address. */
  readonly url: string;
  /** Whether a request can be sent without waiting for a token. */
  isReady(): boolean;
  /** The answer, with a status of 2xx and its body unread. Raises LaurelsError. */
  send(path: string, options?: RequestOptions): Promise<Response>;
  /** The JSON of an answer. Raises LaurelsError. */
  json<T>(path: string, options?: RequestOptions): Promise<T>;
}

export function createTransport(options: ClientOptions): Transport {
  const url = (options.url ?? "").replace(/\/+$/, "");
  const clock = createClock();
  const { token } = options;
  let held: string | undefined = typeof token === "string" ? token : undefined;
  let asked: Promise<string> | undefined;

  function freshToken(ask: () => string | Promise<string>): Promise<string> {
    asked ??= (async () => (held = await ask()))().finally(() => (asked = undefined));
    return asked;
  }

  async function once(path: string, given: RequestOptions, signal: AbortSignal): Promise<Response> {
    const bearer = held ?? (typeof token === "function" ? await freshToken(token) : undefined);
    const headers: Record<string, string> = { ...given.headers };
    if (bearer) headers["authorization"] = `Bearer ${bearer}`;
    if (given.body !== undefined) headers["content-type"] = "application/json";
    const sentAt = Date.now();
    const answer = await (options.fetch ?? fetch)(url + path + queryOf(given.query), {
      method: given.body === undefined ? "GET" : "POST",
      headers,
      signal,
      cache: "no-store",
      // What is recorded goes to the given address alone.
      redirect: given.body === undefined ? "follow" : "error",
      keepalive: given.keepalive ?? false,
      ...(given.body === undefined ? {} : { body: given.body }),
    });
    clock.observe(answer.headers, sentAt);
    return answer;
  }

  /** Sends and lets `read` take the answer within the time limit. */
  async function exchange<T>(path: string, given: RequestOptions, read: (answer: Response) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    const cancel = () => abort.abort(given.signal?.reason);
    given.signal?.addEventListener("abort", cancel);
    if (given.signal?.aborted) cancel();
    const limit = options.timeout ?? 30_000;
    const timer = setTimeout(() => abort.abort(new Error(`nothing for ${limit} ms`)), limit);
    try {
      let answer = await once(path, given, abort.signal);
      if (answer.status === 401 && typeof token === "function") {
        held = undefined;
        answer = await once(path, given, abort.signal);
      }
      if (!answer.ok) throw await errorOf(answer);
      return await read(answer);
    } catch (error) {
      throw unreachable(abort.signal.aborted && !(error instanceof LaurelsError) ? abort.signal.reason : error);
    } finally {
      clearTimeout(timer);
      if (!given.isStream) given.signal?.removeEventListener("abort", cancel);
    }
  }

  return {
    clock,
    url,
    isReady: () => held !== undefined || token === undefined,
    send: (path, given = {}) => exchange(path, given, async (answer) => answer),
    json: <T>(path: string, given: RequestOptions = {}) => exchange(path, given, (answer) => answer.json() as Promise<T>),
  };
}

function queryOf(query: Query = {}): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${name}=${Array.isArray(value) ? listed(value) : encodeURIComponent(String(value))}`);
  return pairs.length ? `?${pairs.join("&")}` : "";
}

/** Ids that may hold commas: each is encoded before they are joined, and all once more as a value. */
function listed(ids: readonly string[]): string {
  return encodeURIComponent(ids.map(encodeURIComponent).join(","));
}
