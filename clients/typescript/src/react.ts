/** React hooks: what a learner has, what a board shows, which badges are new; current as long as they are on the page. */
import { createContext, createElement, useContext, useSyncExternalStore, type ReactElement, type ReactNode } from "react";
import type { Client } from "./client.js";
import { createBoard, createLearner, type Learner, type LiveState, type LiveValue } from "./live.js";
import type { Badge, Dashboard, Leaderboard, LeaderboardQuery } from "./types.js";

export type { LiveState } from "./live.js";

export interface Live<T> extends LiveState<T> {
  /** Read again now. */
  refresh(): void;
}

export interface NewBadges {
  badges: readonly Badge[];
  /** They were seen: they do not come back, in no page of this browser. */
  acknowledge(): void;
}

const Context = createContext<Client | null>(null);
const LOADING = { data: undefined, error: undefined, isLoading: true } as const;
const NONE: readonly Badge[] = [];
/** What the components of a page share: one stream for each learner and each board, however many show it. */
const shared = new WeakMap<Client, Map<string, unknown>>();

/** Gives the client to the hooks below it. */
export function LaurelsProvider(props: { client: Client; children?: ReactNode }): ReactElement {
  return createElement(Context.Provider, { value: props.client }, props.children);
}

/** The client of the provider. */
export function useLaurels(): Client {
  const client = useContext(Context);
  if (!client) throw new TypeError("Put a <LaurelsProvider client={...}> around the components that use Laurels.");
  return client;
}

/** A learner's dashboard, kept current by their stream; `data` is null where nothing is recorded of them yet. */
export function useProgress(options: { userId?: string } = {}): Live<Dashboard | null> {
  return useLive(useLearner(options.userId));
}

/** A board. Where the query names no more than `timeframe`, `period` and `limit`, it is kept current. */
export function useLeaderboard(query: LeaderboardQuery = {}): Live<Leaderboard> {
  const client = useLaurels();
  return useLive(sharedOf(client, `board ${JSON.stringify(query)}`, () => createBoard(client, query)));
}

/** Badges that were earned since the last acknowledgement (at first: within the last 24 hours), also while the page is open. */
export function useNewBadges(options: { userId?: string } = {}): NewBadges {
  const learner = useLearner(options.userId);
  const badges = useSyncExternalStore(learner.watch, learner.newBadges, () => NONE);
  return { badges, acknowledge: learner.acknowledge };
}

function useLearner(given: string | undefined): Learner {
  const client = useLaurels();
  const userId = given ?? client.userId;
  if (!userId) throw new TypeError("Name a userId, here or when the client is created.");
  return sharedOf(client, `learner ${userId}`, () => createLearner(client, userId));
}

function useLive<T>(value: LiveValue<T>): Live<T> {
  const state = useSyncExternalStore<LiveState<T>>(value.watch, value.state, () => LOADING);
  return { ...state, refresh: value.refresh };
}

function sharedOf<T>(client: Client, key: string, create: () => T): T {
  let values = shared.get(client);
  if (!values) shared.set(client, (values = new Map()));
  if (!values.has(key)) values.set(key, create());
  return values.get(key) as T;
}
