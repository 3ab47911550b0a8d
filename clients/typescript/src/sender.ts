/** Sends what waits in the queue: in batches, one tab at a time, again after a failure, and at once when the page is
 * left. An event leaves the queue when the server has taken it or refused it for good, and never otherwise. */
import { LaurelsError, unreachable } from "./errors.js";
import { backOff, DAY_MS, later, tell } from "./timing.js";
import type { Entry, Queue } from "./queue.js";
import type { components } from "./schema.js";
import type { Transport } from "./transport.js";
import type { Accepted, ClientOptions, QueueStorage } from "./types.js";

type Result = components["schemas"]["BatchResult"] & Pick<Accepted, "newBadges" | "progress">;

const PATH = "/api/progress/events";
const MAX_BATCH = 500;
const MAX_BYTES = 256 * 1024;
/** Browsers let a page that is left send 64 KiB. */
const MAX_LEAVING_BYTES = 60_000;
/** Statuses of a batch that no repetition would change: an event in it is at fault. */
const FINAL = new Set([400, 409, 410, 413, 422]);

/** What may become of an event: then it leaves the queue. */
const STATUSES: ReadonlySet<unknown> = new Set<Result["status"]>(["recorded", "replayed", "queued", "conflict", "invalid"]);

export class Sender {
  private readonly timer = later(() => void this.flush());
  private running: Promise<void> | undefined;
  private failures = 0;
  /** By `performance.now()`: no attempt by itself before then. */
  private pauseEnds = 0;
  private hasAskedTime = false;
  /** How many events go at a time; halved to find the one for which a whole batch is refused. */
  private batch = MAX_BATCH;
  /** Until when the server asked to wait, by this machine's clock, for all tabs. */
  private readonly waitKey: string;
  private waitsUntil = 0;

  constructor(
    private readonly name: string,
    private readonly queue: Queue,
    private readonly transport: Transport,
    private readonly storage: QueueStorage | null,
    private readonly options: ClientOptions,
  ) {
    this.waitKey = `laurels-wait:${name}`;
  }

  /** Have everything sent soon, and together. */
  wake(): void {
    const delay = this.queue.size >= MAX_BATCH ? 0 : (this.options.flushInterval ?? 1_000);
    this.timer.within(Math.max(delay, this.pauseEnds - performance.now()));
  }

  /** Try at once, since what failed may work now: the network is back, or the page is shown again. */
  retryNow(): void {
    if (this.queue.size) this.timer.within(0);
  }

  /** Send what waits. Ends when nothing waits any more, or with the first failure; then it is tried again by itself. */
  flush(): Promise<void> {
    this.timer.cancel();
    this.running ??= this.locked(() => this.sendAll()).finally(() => (this.running = undefined));
    return this.running;
  }

  stop(): void {
    this.timer.cancel();
  }

  /** The page is left or hidden: one request that outlives it. What is not acknowledged is sent by the next page. */
  leave(): void {
    if (!this.transport.isReady() || this.askedToWait() > 0) return;
    const entries = this.queue.take(MAX_BATCH, MAX_LEAVING_BYTES);
    if (!entries.length) return;
    this.deliver(entries, true).catch((error: unknown) => this.failed(unreachable(error)));
  }

  /** One tab at a time, where the browser has locks. Elsewhere two may send the same events, which the server knows by
   * their ids. */
  private async locked(work: () => Promise<void>): Promise<void> {
    const locks = this.storage && typeof navigator === "object" ? navigator.locks : undefined;
    // An origin without storage may not lock, either; then it has the queue for itself.
    await (locks ? locks.request(`laurels:${this.name}`, work).catch(work) : work());
  }

  /** Never rejects. */
  private async sendAll(): Promise<void> {
    try {
      this.queue.refresh();
      const wait = this.askedToWait();
      if (wait > 0) {
        this.timer.within(wait);
        return;
      }
      if (this.queue.size) await this.askTime();
      let entries: Entry[];
      while ((entries = this.queue.take(this.batch, MAX_BYTES)).length) await this.deliver(entries, false);
      if (!this.queue.size) this.timer.cancel();
    } catch (error) {
      this.failed(unreachable(error));
    }
  }

  /** Before the first events go: a clock that is behind would put them on a wrong day, and nobody would notice. */
  private async askTime(): Promise<void> {
    if (this.hasAskedTime || this.transport.clock.isKnown) return;
    await this.transport.send("/health/live").catch((error: LaurelsError) => {
      // Any answer has the time. A proxy may know other routes only.
      if (!error.status) throw error;
    });
    this.hasAskedTime = true;
  }

  private async deliver(entries: Entry[], keepalive: boolean): Promise<void> {
    for (const entry of entries) this.stamp(entry);
    const body = JSON.stringify(entries.map((entry) => entry.event));
    const query = { outcomes: this.options.onAccepted ? "full" : null };
    await this.queue.whileInFlight(entries, async () => {
      try {
        const answer = await this.transport.json<unknown>(PATH, { body, query, keepalive });
        const results = resultsOf(answer);
        // Something between us and the server answers in its place, such as the page of a hotel's network.
        if (results?.length !== entries.length) throw new LaurelsError("The answer is not the server's.", 0, "unreachable");
        this.failures = this.pauseEnds = 0;
        this.batch = Math.min(MAX_BATCH, this.batch * 2);
        entries.forEach((entry, at) => this.settle(entry, results[at] as Result));
      } catch (error) {
        if (!(error instanceof LaurelsError && FINAL.has(error.status))) throw error;
        const [entry] = entries;
        if (entry && entries.length === 1) this.settle(entry, { status: "invalid", eventId: null, line: 1, error: error.message });
        else this.batch = Math.ceil(entries.length / 2);
      }
    });
  }

  /** Give an event its time. It is kept with the event: a repetition must say the same. */
  private stamp(entry: Entry): void {
    if (entry.at === undefined || entry.event.timestamp || entry.isRestamped) return;
    entry.event.timestamp = this.queue.storedTime(entry) ?? this.timeOf(entry.at);
    this.queue.save(entry);
  }

  private timeOf(at: number): string {
    return new Date(this.transport.clock.corrected(at)).toISOString();
  }

  private settle(entry: Entry, result: Result): void {
    const { event } = entry;
    const { status } = result;
    if (status === "invalid" && /^timestamp\b/.test(result.error ?? "") && this.restamp(entry)) return;
    this.queue.remove(entry);
    if (status === "conflict" || status === "invalid") {
      tell(this.options.onRejected, { status, event, error: result.error ?? "" });
    } else {
      const { points, unpaid, boost, currencies, newBadges, progress } = result;
      tell(this.options.onAccepted, { status, event, points, unpaid, boost, currencies, newBadges, progress });
    }
  }

  /** Whether another time may help: this machine's clock was wrong when the event was stamped. */
  private restamp(entry: Entry): boolean {
    if (entry.at === undefined || entry.isRestamped) return false;
    // Without the server's time, as across origins that do not show it, the event happened when it arrives.
    if (this.transport.clock.isKnown) entry.event.timestamp = this.timeOf(entry.at);
    else delete entry.event.timestamp;
    entry.isRestamped = true;
    this.queue.save(entry);
    return true;
  }

  private failed(error: LaurelsError): void {
    const wait = backOff(this.failures++, error.retryAfter);
    if (error.retryAfter !== null) this.keepWait(Date.now() + wait);
    this.pauseEnds = performance.now() + wait;
    this.timer.within(wait);
    tell((retryIn: number) => this.options.onError?.(error, retryIn), wait);
  }

  private keepWait(until: number): void {
    this.waitsUntil = until;
    try {
      this.storage?.setItem(this.waitKey, String(until));
    } catch {
      // The storage is full; this tab knows all the same.
    }
  }

  /** Milliseconds for which the server has asked to be left alone. */
  private askedToWait(): number {
    const until = Math.max(this.waitsUntil, Number(this.storage?.getItem(this.waitKey)) || 0);
    const wait = until - Date.now();
    // Longer than anybody is made to wait: the clock was set back in between.
    return wait > 2 * DAY_MS ? 0 : wait;
  }
}

/** The results in an answer to a batch; undefined if it is not such an answer. */
function resultsOf(answer: unknown): Result[] | undefined {
  const results = (answer as { results?: unknown } | null)?.results;
  if (!Array.isArray(results)) return undefined;
  const isResult = (result: { status?: unknown } | null) => STATUSES.has(result?.status);
  return results.every(isResult) ? (results as Result[]) : undefined;
}
