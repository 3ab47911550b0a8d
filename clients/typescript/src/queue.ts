/** Events that wait to be recorded. Each has an entry of its own in the storage, written and removed whole, so tabs that
 * share the storage never overwrite each other's. */
import type { QueueStorage, TrackedEvent } from "./types.js";

const encoder = new TextEncoder();
/** How long the view of a shared storage may be old before events are dropped by it. */
const FRESH_MS = 1_000;

export interface Entry {
  readonly key: string;
  readonly event: TrackedEvent;
  /** When it was tracked, by this machine's clock; undefined where the caller gave the time. */
  readonly at: number | undefined;
  /** The server has refused its time once, and it got another. */
  isRestamped: boolean;
}

export class Queue {
  private entries = new Map<string, Entry>();
  private readonly stored = new Set<string>();
  private readonly inFlight = new Set<string>();
  private readonly prefix: string;
  /** Tells entries of this page from those that another writes in the same millisecond. */
  private readonly origin = Math.random().toString(36).slice(2, 10);
  private count = 0;
  private refreshedAt = 0;
  private isUnstored = false;

  constructor(
    name: string,
    private readonly storage: QueueStorage | null,
    private readonly maxEvents: number,
    /** Called when an event cannot be stored, and again only after one could. */
    private readonly onUnstored: (cause: unknown) => void,
  ) {
    this.prefix = `laurels-queue:${name}:`;
    this.refresh();
  }

  get size(): number {
    return this.entries.size;
  }

  /** Keep an event. Returns what had to be dropped for it: the oldest, none that is on its way. */
  add(event: TrackedEvent, at: number | undefined): TrackedEvent[] {
    const place = `${String(Date.now()).padStart(13, "0")}-${String(this.count++).padStart(6, "0")}-${this.origin}`;
    const entry = { key: this.prefix + place, event, at, isRestamped: false };
    this.entries.set(entry.key, entry);
    this.save(entry);
    const dropped: TrackedEvent[] = [];
    // Other tabs may have sent some by now.
    if (this.size > this.maxEvents && Date.now() - this.refreshedAt > FRESH_MS) this.refresh();
    for (const oldest of this.entries.values()) {
      if (this.size <= this.maxEvents) break;
      if (this.inFlight.has(oldest.key)) continue;
      this.remove(oldest);
      dropped.push(oldest.event);
    }
    return dropped;
  }

  /** Write an entry that is new or has changed. Where the storage is full or forbidden it stays in memory. */
  save(entry: Entry): void {
    if (!this.storage) return;
    try {
      this.storage.setItem(entry.key, JSON.stringify([entry.event, entry.at, entry.isRestamped]));
      this.stored.add(entry.key);
      this.isUnstored = false;
    } catch (cause) {
      // An entry that was stored before is still there as it was.
      if (!this.isUnstored) this.onUnstored(cause);
      this.isUnstored = true;
    }
  }

  remove(entry: Entry): void {
    this.entries.delete(entry.key);
    this.stored.delete(entry.key);
    this.storage?.removeItem(entry.key);
  }

  /** Take in what other tabs and earlier pages left, and let go what they have sent. */
  refresh(): void {
    this.refreshedAt = Date.now();
    if (!this.storage) return;
    const present = keysOf(this.storage).filter((key) => key.startsWith(this.prefix));
    const found = new Set(present);
    for (const key of this.stored) {
      if (!found.has(key)) {
        this.stored.delete(key);
        this.entries.delete(key);
      }
    }
    for (const key of present) {
      if (!this.entries.has(key)) this.restore(key);
    }
    this.entries = new Map([...this.entries].sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  /** The oldest that are not on their way, at most `count` and `bytes` of JSON, and one at least. */
  take(count: number, bytes: number): Entry[] {
    const taken: Entry[] = [];
    for (const entry of this.entries.values()) {
      if (taken.length >= count) break;
      if (this.inFlight.has(entry.key)) continue;
      // The time may yet be added.
      bytes -= encoder.encode(JSON.stringify(entry.event)).length + 50;
      if (bytes < 0 && taken.length) break;
      taken.push(entry);
    }
    return taken;
  }

  /** Runs `work` while no other delivery of this page takes `entries`. */
  async whileInFlight<T>(entries: Entry[], work: () => Promise<T>): Promise<T> {
    for (const entry of entries) this.inFlight.add(entry.key);
    try {
      return await work();
    } finally {
      for (const entry of entries) this.inFlight.delete(entry.key);
    }
  }

  /** The time that another tab has given to an event in the meantime, if any has. */
  storedTime(entry: Entry): string | undefined {
    return this.read(entry.key)?.[0].timestamp;
  }

  private restore(key: string): void {
    const stored = this.read(key);
    if (!stored) return this.storage?.removeItem(key);
    const [event, at, isRestamped] = stored;
    this.entries.set(key, { key, event, at: at ?? undefined, isRestamped });
    this.stored.add(key);
  }

  /** A stored entry; undefined where there is none, or something else that would be refused for ever. */
  private read(key: string): [TrackedEvent, number | null, boolean] | undefined {
    try {
      const stored = JSON.parse(this.storage?.getItem(key) ?? "");
      return typeof stored[0].eventId === "string" ? stored : undefined;
    } catch {
      return undefined;
    }
  }
}

function keysOf(storage: QueueStorage): string[] {
  // In a browser the names are the object's own keys, which is much faster than asking for each by its number.
  const names = Object.keys(storage);
  return names.length === storage.length ? names : Array.from({ length: storage.length }, (_, n) => storage.key(n) ?? "");
}
