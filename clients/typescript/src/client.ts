/** The client: one object with everything that a page or a program does with Laurels. */
import { LaurelsError } from "./errors.js";
import { Queue } from "./queue.js";
import { Sender } from "./sender.js";
import { follow, type RawMessage } from "./stream.js";
import { createTransport, type Query } from "./transport.js";
import { tell } from "./timing.js";
import type {
  Activity,
  ActivityQuery,
  BadgeDefinition,
  BadgeState,
  ClientOptions,
  Dashboard,
  DashboardQuery,
  GoalRecord,
  Leaderboard,
  LeaderboardQuery,
  LiveLeaderboardQuery,
  LiveMessage,
  QueueStorage,
  Rank,
  RankQuery,
  SubscribeOptions,
  TrackedEvent,
  TrackOptions,
} from "./types.js";

/** Reads take whose data to read; default: the user of the client. */
type OfUser<T = unknown> = Omit<T, "userId" | "signal"> & OneUser;
interface OneUser {
  userId?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface Client {
  readonly url: string;
  readonly userId: string | undefined;
  /** How many events wait to be recorded. */
  readonly pending: number;
  /** Record that something happened. Returns the event's id at once; the event is sent soon, together with others. */
  track(eventType: string, options?: TrackOptions): string;
  /** Send what waits now. Resolves with how many events still wait: 0, or what a failure left to be tried again. */
  flush(): Promise<number>;
  /** Send what waits, then stop: timers, listeners, streams. Resolves like `flush`. */
  close(): Promise<number>;
  dashboard(options?: OfUser<DashboardQuery>): Promise<Dashboard>;
  badges(options?: OfUser): Promise<BadgeState[]>;
  rank(options?: OfUser<RankQuery>): Promise<Rank>;
  activity(options?: OfUser<ActivityQuery>): Promise<Activity>;
  /** The goals that a learner has or had, and whether they were met. */
  goals(options?: OfUser): Promise<GoalRecord[]>;
  leaderboard(options?: LeaderboardQuery & { signal?: AbortSignal | undefined }): Promise<Leaderboard>;
  /** Every badge of the rulebook. */
  catalogue(options?: { signal?: AbortSignal | undefined }): Promise<BadgeDefinition[]>;
  /** Follow what a learner does. The result ends it. */
  subscribe(onMessage: (message: LiveMessage) => void, options?: SubscribeOptions & { userId?: string }): () => void;
  /** Follow the visible top of a leaderboard. The result ends it. */
  subscribeLeaderboard(
    onChange: (leaderboard: Leaderboard) => void,
    options?: SubscribeOptions & LiveLeaderboardQuery,
  ): () => void;
}

export function createClient(options: ClientOptions = {}): Client {
  const transport = createTransport(options);
  const storage = options.storage === undefined ? defaultStorage() : options.storage;
  // Quotes end the parts, so no name is the beginning of another user's.
  const name = JSON.stringify([transport.url, options.userId ?? ""]);
  const queue = new Queue(name, storage, options.maxEvents ?? 5_000, (cause) => {
    const error = new LaurelsError(`Events wait in memory alone: ${cause}`, 0, "not-stored");
    tell(() => options.onError?.(error, null), undefined);
  });
  const sender = new Sender(name, queue, transport, storage, options);
  const streams = new Set<() => void>();

  function of(user: string | undefined): string {
    const id = user ?? options.userId;
    if (!id) throw new TypeError("Name a userId, here or when the client is created.");
    return id;
  }

  function get<T>(route: string, user: string | undefined, given: object = {}): Promise<T> {
    const { userId, signal, ...query } = given as OfUser<Query>;
    return transport.json<T>(`/api/${route}${user === undefined ? "" : encodeURIComponent(user)}`, { query, signal });
  }

  function track(eventType: string, given: TrackOptions = {}): string {
    if (!eventType) throw new TypeError("Name an eventType of the rulebook.");
    const event: TrackedEvent = { userId: of(given.userId), eventType, eventId: given.eventId ?? randomId() };
    const { timestamp } = given;
    if (timestamp !== undefined) event.timestamp = new Date(timestamp).toISOString();
    if (given.onceKey !== undefined) event.onceKey = given.onceKey;
    // A copy, as it is now; it also shows at once what is no JSON.
    if (given.metadata) event.metadata = JSON.parse(JSON.stringify(given.metadata));
    const dropped = queue.add(event, timestamp === undefined ? Date.now() : undefined);
    if (dropped.length) tell(options.onDropped, dropped);
    sender.wake();
    return event.eventId;
  }

  function keep(stop: () => void): () => void {
    const end = () => {
      streams.delete(end);
      stop();
    };
    streams.add(end);
    return end;
  }

  const stopWatching = watchPage(sender);
  // What an earlier page left.
  if (queue.size) sender.wake();

  async function flush(): Promise<number> {
    await sender.flush();
    return queue.size;
  }

  return {
    url: transport.url,
    userId: options.userId,
    get pending() {
      return queue.size;
    },
    track,
    flush,
    async close() {
      stopWatching();
      for (const stop of streams) stop();
      await sender.flush();
      sender.stop();
      return queue.size;
    },
    dashboard: (given) => get("progress/dashboard/", of(given?.userId), given),
    badges: async (given) => (await get<{ badges: BadgeState[] }>("progress/badges/", of(given?.userId), given)).badges,
    rank: (given) => get("progress/rank/", of(given?.userId), given),
    activity: (given) => get("progress/activity/", of(given?.userId), given),
    goals: async (given) => (await get<{ goals: GoalRecord[] }>("progress/goals/", of(given?.userId), given)).goals,
    leaderboard: (given) => get("progress/leaderboard", undefined, given),
    catalogue: async (given) => (await get<{ badges: BadgeDefinition[] }>("badges", undefined, given)).badges,
    subscribe: (onMessage, given) =>
      keep(
        follow(
          transport,
          `/api/progress/stream/${encodeURIComponent(of(given?.userId))}`,
          {},
          onMessage as (message: RawMessage) => void,
          given,
        ),
      ),
    subscribeLeaderboard: (onChange, given = {}) =>
      keep(
        follow(
          transport,
          "/api/progress/leaderboard/stream",
          { timeframe: given.timeframe, period: given.period, limit: given.limit },
          (message) => onChange(message.data as Leaderboard),
          given,
        ),
      ),
  };
}

/** Send when the page is left or hidden, and when it is shown or online again. */
function watchPage(sender: Sender): () => void {
  if (typeof document !== "object") return () => {};
  const onVisibility = () => (document.hidden ? sender.leave() : sender.retryNow());
  const onLeave = () => sender.leave();
  const onOnline = () => sender.retryNow();
  document.addEventListener("visibilitychange", onVisibility);
  addEventListener("pagehide", onLeave);
  addEventListener("online", onOnline);
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    removeEventListener("pagehide", onLeave);
    removeEventListener("online", onOnline);
  };
}

function defaultStorage(): QueueStorage | null {
  try {
    // Only of pages: Node has one that warns, and that all programs of a folder would share.
    return typeof document === "object" ? localStorage : null;
  } catch {
    // Forbidden, as in a frame of another site.
    return null;
  }
}

/** Pages served by plain HTTP, as in many schools, have no `randomUUID`, and Node 18 has no global `crypto` at all. */
function randomId(): string {
  const { crypto }: { crypto?: Partial<Crypto> } = globalThis;
  const piece = () => Math.random().toString(36).slice(2, 10).padEnd(8, "0");
  return crypto?.randomUUID?.() ?? Array.from({ length: 4 }, piece).join("");
}
