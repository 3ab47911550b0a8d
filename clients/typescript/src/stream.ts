/** Live messages: server-sent events read from `fetch`, which can send a token and exists in Node as well, unlike
 * `EventSource`. A stream that ends is opened again after the last message that was received. */
import { LaurelsError, unreachable } from "./errors.js";
import { backOff, DAY_MS, tell } from "./timing.js";
import type { Query, Transport } from "./transport.js";
import type { SubscribeOptions } from "./types.js";

export interface RawMessage {
  type: string;
  id: string;
  data: unknown;
}

/** A server gives a sign of life every 15 seconds unless it is told otherwise; the connection is dead after this. */
const SILENCE_MS = 60_000;
/** A page that is hidden for so long gives its connection back: a browser has six for one host. */
const HIDDEN_MS = 10_000;
/** Statuses that may pass: all others say that the stream cannot be had. */
const PASSING = new Set([0, 401, 408, 425, 429]);

/** Follow a stream until the result is called. */
export function follow(
  transport: Transport,
  path: string,
  query: Query,
  onMessage: (message: RawMessage) => void,
  options: SubscribeOptions = {},
): () => void {
  const page = typeof document === "object" && !options.whileHidden ? document : undefined;
  let lastId = options.lastEventId;
  let pause = 1_000;
  let failures = 0;
  let isStopped = false;
  let connection = new AbortController();
  let hiding: ReturnType<typeof setTimeout> | undefined;
  let wakeUp = () => {};

  async function run(): Promise<void> {
    while (!isStopped) {
      while (page?.hidden && !isStopped) await sleep();
      if (isStopped) return;
      connection = new AbortController();
      let wait: number;
      try {
        await read(connection);
        wait = pause * (0.5 + Math.random());
      } catch (cause) {
        if (isStopped) return;
        if (page?.hidden) continue;
        const error = unreachable(cause);
        const isFinal = error.status < 500 && !PASSING.has(error.status);
        wait = backOff(failures++, error.retryAfter);
        tell((retryIn: number | null) => options.onError?.(error, retryIn), isFinal ? null : wait);
        if (isFinal) return stop();
      }
      await sleep(wait);
    }
  }

  async function read(own: AbortController): Promise<void> {
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (lastId !== undefined) headers["last-event-id"] = lastId;
    const answer = await transport.send(path, { query, headers, signal: own.signal, isStream: true });
    if (!answer.body || !answer.headers.get("content-type")?.startsWith("text/event-stream")) {
      throw new LaurelsError("The answer is not a stream.", 0, "unreachable");
    }
    const reader = answer.body.getReader();
    const parse = createParser((milliseconds) => (pause = milliseconds));
    for (;;) {
      const silence = setTimeout(() => own.abort(new Error(`nothing for ${SILENCE_MS} ms`)), SILENCE_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done) return;
      for (const message of parse(value)) {
        if (isStopped || own.signal.aborted) return;
        failures = 0;
        // The server says that it stops; the end of the stream says the same.
        if (message.type === "bye") continue;
        if (message.id) lastId = message.id;
        tell(onMessage, { ...message, data: JSON.parse(message.data) });
      }
    }
  }

  function sleep(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  function onVisibility(): void {
    clearTimeout(hiding);
    if (page?.hidden) hiding = setTimeout(() => connection.abort(new Error("the page is hidden")), HIDDEN_MS);
    else wakeUp();
  }

  const onOnline = () => wakeUp();

  function stop(): void {
    isStopped = true;
    clearTimeout(hiding);
    page?.removeEventListener("visibilitychange", onVisibility);
    globalThis.removeEventListener?.("online", onOnline);
    connection.abort(new Error("unsubscribed"));
    wakeUp();
  }

  page?.addEventListener("visibilitychange", onVisibility);
  globalThis.addEventListener?.("online", onOnline);
  void run();
  return stop;
}

interface Block {
  type: string;
  id: string;
  data: string;
}

/** Takes pieces of a stream as they come, and gives the messages that they complete. */
export function createParser(onRetry: (milliseconds: number) => void): (piece: Uint8Array) => Block[] {
  const decoder = new TextDecoder();
  let rest = "";
  let block: Block = { type: "message", id: "", data: "" };

  return (piece) => {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    const complete: Block[] = [];
    for (const line of lines) {
      // Text of a learner may hold separators of lines that are none to a stream.
      const [, field, value = ""] = /^([^:]*):? ?(.*?)\r?$/s.exec(line) ?? [];
      if (field === "event") block.type = value;
      else if (field === "id") block.id = value;
      else if (field === "data") block.data += (block.data && "\n") + value;
      else if (field === "retry" && Number(value)) onRetry(Math.min(Number(value), DAY_MS));
      else if (line === "" || line === "\r") {
        if (block.data) complete.push(block);
        block = { type: "message", id: "", data: "" };
      }
    }
    return complete;
  };
}
