/** Reads that keep themselves current, shared by all components that show the same thing. */
import type { Client } from "./client.js";
import { unreachable, type LaurelsError } from "./errors.js";
import type { Badge, Dashboard, Leaderboard, LeaderboardQuery, LiveMessage } from "./types.js";

/** What a component shows. `data`: undefined until it is there. `error`: why the last attempt failed; `data` stays. */
export interface LiveState<T> {
  readonly data: T | undefined;
  readonly error: LaurelsError | undefined;
  readonly isLoading: boolean;
}

/** A value that lives while somebody watches it. */
export interface LiveValue<T> {
  watch(listener: () => void): () => void;
  state(): LiveState<T>;
  refresh(): void;
}

/** After the last component has gone, in case that it comes back at once, as when a page is changed. */
const LINGER_MS = 1_000;
/** A burst of messages brings one read. */
const GATHER_MS = 250;

interface Sources<T> {
  /** Follow the live messages; the result ends it. */
  follow?: (value: { state(): LiveState<T>; set(data: T): void; refresh(): void }) => () => void;
  read(): Promise<T>;
}

function createLiveValue<T>(sources: Sources<T>): LiveValue<T> {
  const listeners = new Set<() => void>();
  let current: LiveState<T> = { data: undefined, error: undefined, isLoading: true };
  let stop: (() => void) | undefined;
  let lingering: ReturnType<typeof setTimeout> | undefined;
  let gathering: ReturnType<typeof setTimeout> | undefined;
  let reads = 0;

  function show(next: Partial<LiveState<T>>): void {
    current = { ...current, ...next };
    for (const listener of listeners) listener();
  }

  async function read(): Promise<void> {
    const turn = ++reads;
    try {
      const data = await sources.read();
      // A later read knows more.
      if (turn === reads) show({ data, error: undefined, isLoading: false });
    } catch (error) {
      if (turn === reads) show({ error: unreachable(error), isLoading: false });
    }
  }

  function refresh(): void {
    gathering ??= setTimeout(() => {
      gathering = undefined;
      void read();
    }, GATHER_MS);
  }

  function end(): void {
    clearTimeout(gathering);
    gathering = undefined;
    stop?.();
    stop = undefined;
  }

  return {
    state: () => current,
    refresh: () => void read(),
    watch(listener) {
      listeners.add(listener);
      clearTimeout(lingering);
      if (!stop) {
        void read();
        const set = (data: T) => show({ data, error: undefined, isLoading: false });
        stop = sources.follow?.({ state: () => current, set, refresh }) ?? (() => {});
      }
      return () => {
        listeners.delete(listener);
        if (!listeners.size) lingering = setTimeout(end, LINGER_MS);
      };
    },
  };
}

/** A learner's dashboard; null where nothing is recorded of them yet. */
export interface Learner extends LiveValue<Dashboard | null> {
  /** Badges that were earned since the last acknowledgement. The same array until it changes. */
  newBadges(): readonly Badge[];
  /** They were seen: they do not come back, in no page of this browser. */
  acknowledge(): void;
}

export function createLearner(client: Client, userId: string): Learner {
  const seenKey = `laurels-seen:${JSON.stringify([client.url, userId])}`;
  const live = new Map<string, Badge>();
  let seenAt = seenBefore(seenKey);
  let shown: readonly Badge[] = [];

  const value = createLiveValue<Dashboard | null>({
    read: () =>
      client.dashboard({ userId, since: seenAt }).catch((error: LaurelsError) => {
        if (error.code === "unknown-user") return null;
        throw error;
      }),
    follow: ({ state, set, refresh }) =>
      client.subscribe(
        (message: LiveMessage) => {
          const { data } = state();
          if (message.type === "badge") live.set(idOf(message.data), message.data);
          if (message.type !== "progress") refresh();
          else if (!data) refresh();
          else if (data.user.totalPoints !== message.data.totalPoints) {
            // The totals at once, the rest with the next read.
            const { totalPoints, level, dailyStreak = data.dailyStreak } = message.data;
            set({ ...data, dailyStreak, user: { ...data.user, totalPoints, level } });
            refresh();
          }
        },
        { userId },
      ),
  });

  return {
    ...value,
    newBadges() {
      const { data } = value.state();
      // What was acknowledged after the last read is still in it. What came live is new, whenever it was earned.
      const read = (data?.newBadges ?? []).filter((badge) => !seenAt || badge.earnedAt >= seenAt);
      const badges = [...new Map([...read, ...live.values()].map((badge) => [idOf(badge), badge])).values()];
      if (badges.map(idOf).join() !== shown.map(idOf).join()) shown = badges;
      return shown;
    },
    acknowledge() {
      const newest = [...shown].map((badge) => badge.earnedAt).sort().at(-1);
      if (!newest) return;
      const next = new Date(Date.parse(newest) + 1).toISOString();
      seenAt = seenAt && seenAt > next ? seenAt : next;
      live.clear();
      try {
        localStorage.setItem(seenKey, seenAt);
      } catch {
        // Then it holds for this page.
      }
      value.refresh();
    },
  };
}

/** The live top of a board where the server has one for such a query, else what one read says. */
export function createBoard(client: Client, query: LeaderboardQuery): LiveValue<Leaderboard> {
  const { timeframe, period, limit, ...others } = query;
  const isLive = Object.values(others).every((value) => value === undefined);
  return createLiveValue<Leaderboard>({
    read: () => client.leaderboard(query),
    ...(isLive && { follow: ({ set }) => client.subscribeLeaderboard(set, { timeframe, period, limit }) }),
  });
}

function seenBefore(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

/** A badge may be earned again: at another time, or of several weeks at once. */
function idOf(badge: Badge): string {
  return `${badge.badgeId} ${badge.earnedAt} ${badge.period ?? ""}`;
}
