// Compiled and never run: what the types allow, and what they refuse.
import { createClient, LaurelsError, type Badge, type Client } from "../src/index.js";
import { useLeaderboard, useNewBadges, useProgress } from "../src/react.js";

const client: Client = createClient({
  url: "https://learn.example/laurels",
  userId: "ada",
  token: async () => "token",
  onAccepted: ({ status, newBadges }) => {
    const names: string[] | undefined = newBadges?.map((badge) => badge.name);
    // @ts-expect-error a refusal is not accepted
    return [names, status === "invalid"];
  },
  onRejected: ({ event, error }) => [event.eventId.length, error.length],
});

const id: string = client.track("code_run", { metadata: { language: "python" }, timestamp: new Date() });
// @ts-expect-error points cannot be sent
client.track("code_run", { points: 5 });
// @ts-expect-error an event has a type
client.track();

export async function reads(): Promise<unknown[]> {
  const dashboard = await client.dashboard({ since: "2026-01-01T00:00:00Z" });
  const rank: number | null = (await client.rank({ timeframe: "weekly" })).rank;
  const board = await client.leaderboard({ users: ["ada", "bob"], limit: 10 });
  // @ts-expect-error there is no such timeframe
  await client.leaderboard({ timeframe: "yearly" });
  // @ts-expect-error a limit is a number
  await client.leaderboard({ limit: "10" });
  return [dashboard.user.totalPoints.toFixed(), rank, board.leaderboard[0]?.displayName, id];
}

export const stop: () => void = client.subscribe(
  (message) => {
    if (message.type === "badge") return message.data satisfies Badge;
    // @ts-expect-error an event has no level
    if (message.type === "event") return message.data.level;
    return message.type === "progress" ? message.data.level : message.id;
  },
  { onError: (error, retryIn) => [error instanceof LaurelsError, retryIn] },
);

export function Component(): unknown[] {
  const { data, error, isLoading, refresh } = useProgress();
  const { badges, acknowledge } = useNewBadges({ userId: "bob" });
  // @ts-expect-error `data` is undefined until it is there, and null where nothing is recorded
  const points = data.user.totalPoints;
  return [points, error?.code, isLoading, refresh, badges[0]?.icon, acknowledge, useLeaderboard({ limit: 5 }).data?.total];
}
