import { createElement as h, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { createClient } from "../../dist/index.js";
import { LaurelsProvider, useLaurels, useLeaderboard, useNewBadges, useProgress } from "../../dist/react.js";

function Points() {
  const { data, error, isLoading } = useProgress();
  if (isLoading) return h("output", { id: "points" }, "loading");
  if (error) return h("output", { id: "points" }, error.code);
  return h("output", { id: "points" }, data === null ? "nothing yet" : `${data.user.totalPoints} ${data.totalEvents}`);
}

function Banner() {
  const { badges, acknowledge } = useNewBadges();
  return h("button", { id: "banner", onClick: acknowledge }, badges.map(({ name }) => name).join(", "));
}

function Board({ query }) {
  const { data } = useLeaderboard(query);
  return h("output", { id: "board" }, data?.leaderboard.map(({ userId, points }) => `${userId} ${points}`).join(", "));
}

function Page() {
  const client = useLaurels();
  const [isOpen, setOpen] = useState(true);
  return [
    h("button", { key: 1, id: "run", onClick: () => client.track("code_run") }, "run"),
    h("button", { key: 2, id: "toggle", onClick: () => setOpen(!isOpen) }, "toggle"),
    isOpen && h(Points, { key: 3 }),
    h(Banner, { key: 4 }),
    // A new object at each rendering, as people write it.
    h(Board, { key: 5, query: { timeframe: "daily", limit: 3 } }),
  ];
}

window.begin = (options) => {
  const client = (window.client = createClient({ flushInterval: 10, ...options }));
  createRoot(document.querySelector("main")).render(h(StrictMode, null, h(LaurelsProvider, { client }, h(Page))));
};
