/** What goes in and comes out, named as the server's documentation names it. */
import type { components, paths } from "./schema.js";
import type { LaurelsError } from "./errors.js";

type Schemas = components["schemas"];

/** A badge that a learner holds. */
export type Badge = Schemas["BadgeView"];
/** A badge with a learner's progress towards it. */
export type BadgeState = Schemas["BadgeStateView"];
/** A badge of the rulebook, with its criterion as data. */
export type BadgeDefinition = Schemas["BadgeDefinitionView"];
export type Dashboard = Schemas["Dashboard"];
export type Activity = Schemas["Activity"];
/** A goal that a learner has set themselves, in the present day or week. */
export type Goal = Schemas["Goal"];
/** A goal and how it went; `present` is null where the learner has ended it. */
export type GoalRecord = Schemas["GoalRecord"];
export type Rank = Schemas["Rank"];
export type Leaderboard = Schemas["Leaderboard"];
export type LeaderboardRow = Schemas["LeaderboardRow"];
/** Where a learner stands after an event. */
export type Progress = Schemas["ProgressView"];
/** An event as the server recorded it. */
export type RecordedEvent = Schemas["EventView"];

type Query<P extends keyof paths> = paths[P] extends { get: { parameters: { query?: infer Q } } }
  ? { [K in keyof NonNullable<Q>]?: Exclude<NonNullable<Q>[K], null> | undefined }
  : never;

export type DashboardQuery = Query<"/api/progress/dashboard/{userId}">;
export type ActivityQuery = Query<"/api/progress/activity/{userId}">;
export type RankQuery = Query<"/api/progress/rank/{userId}">;
/** `users` takes ids; the client encodes and joins them. */
export type LeaderboardQuery = Omit<Query<"/api/progress/leaderboard">, "users"> & {
  users?: readonly string[] | undefined;
};
/** The fields that a live leaderboard knows. */
export type LiveLeaderboardQuery = Pick<LeaderboardQuery, "timeframe" | "period" | "limit">;

/** An event as it is sent. */
export interface TrackedEvent {
  userId: string;
  eventType: string;
  eventId: string;
  timestamp?: string;
  onceKey?: string;
  metadata?: Record<string, unknown>;
}

/** What `track` takes beside the type of the event. */
export interface TrackOptions {
  /** `language`, `codeLength` and `sessionDuration` (seconds) are typed by the server, the rest is kept as it is. */
  metadata?: Record<string, unknown> | undefined;
  /** Names the thing that the event is about: of all events with one key, one is paid. */
  onceKey?: string | undefined;
  /** An id of your own, 1 to 100 characters; default: a random one. The same id is recorded once. */
  eventId?: string | undefined;
  /** When it happened; default: now. A time of your own is sent as it is, whatever the clock of this machine says. */
  timestamp?: Date | string | undefined;
  /** Whose event it is; default: the user of the client. */
  userId?: string | undefined;
}

/** What became of an event that the server took. `replayed`: it was recorded before; `queued`: the server's database
 * is away, and the event is safe on the server's disk. `newBadges` and `progress` are there where the server sends them. */
export interface Accepted {
  status: "recorded" | "replayed" | "queued";
  event: TrackedEvent;
  points?: number | undefined;
  unpaid?: Schemas["BatchResult"]["unpaid"] | undefined;
  boost?: Schemas["BatchResult"]["boost"] | undefined;
  currencies?: Schemas["BatchResult"]["currencies"] | undefined;
  newBadges?: Badge[] | undefined;
  progress?: Progress | undefined;
}

/** An event that the server refused for good: it is not sent again. */
export interface Rejected {
  status: "conflict" | "invalid";
  event: TrackedEvent;
  /** One sentence of the server that says what was wrong. */
  error: string;
}

/** A message of a learner's stream. `id` is the place to resume after. */
export type LiveMessage =
  | { type: "event"; id: string; data: RecordedEvent }
  | { type: "badge"; id: string; data: Badge }
  | { type: "goal"; id: string; data: Pick<Goal, "goalId" | "measure" | "per" | "target" | "from" | "until"> }
  | { type: "progress"; id: string; data: Progress }
  | { type: "profile"; id: string; data: { displayName?: string | null; photoURL?: string | null; timeZone?: string } };

export interface SubscribeOptions {
  /** Resume after this place; "0" shows everything from the beginning. Default: from now on. */
  lastEventId?: string | undefined;
  /** Called with each failed attempt. `retryIn`: milliseconds until the next one; null: there is none. */
  onError?: ((error: LaurelsError, retryIn: number | null) => void) | undefined;
  /** Keep the stream open while the page is hidden; default: close it and resume when the page is shown. */
  whileHidden?: boolean | undefined;
}

/** Where the queue keeps events: `localStorage` fits. */
export type QueueStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export interface ClientOptions {
  /** Where Laurels is, with a path if it has one; default: the page's own origin. */
  url?: string | undefined;
  /** The learner that `track`, reads and `subscribe` are about where they name nobody. The queue of a browser is kept
   * apart for each. */
  userId?: string | undefined;
  /** An API key or a learner's token, or a function that gets one: it is called first and after each 401. */
  token?: string | (() => string | Promise<string>) | undefined;
  /** Where events are kept until they are recorded; default: `localStorage`, or memory where there is none; null: memory. */
  storage?: QueueStorage | null | undefined;
  /** How many events may wait; default 5,000. Beyond it the oldest are dropped, and `onDropped` gets them. */
  maxEvents?: number | undefined;
  /** How long an event may wait for others to go with, in milliseconds; default 1,000. */
  flushInterval?: number | undefined;
  /** How long a request may take, in milliseconds; default 30,000. */
  timeout?: number | undefined;
  /** The server took an event. */
  onAccepted?: ((result: Accepted) => void) | undefined;
  /** The server refused an event for good. */
  onRejected?: ((result: Rejected) => void) | undefined;
  /** Events were dropped because more than `maxEvents` waited. */
  onDropped?: ((events: TrackedEvent[]) => void) | undefined;
  /** Sending failed and is tried again in `retryIn` milliseconds. With the code "not-stored" and null: the storage is
   * full, and events that are tracked now would not survive a reload. */
  onError?: ((error: LaurelsError, retryIn: number | null) => void) | undefined;
  /** Used instead of the global `fetch`. */
  fetch?: typeof fetch | undefined;
}
