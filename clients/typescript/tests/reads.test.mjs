// Reads and their errors, against a real server.
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { createClient, LaurelsError } from "../dist/index.js";
import { startProxy, startServer, tokenFor, until } from "./support/server.mjs";

let server;
let ada;
before(async () => {
  server = await startServer();
  ada = createClient({ url: `${server.url}/`, userId: "ada/1, the first", token: tokenFor("ada/1, the first") });
  ada.track("code_run", { metadata: { language: "python" } });
  const bob = createClient({ url: server.url, userId: "bob", token: tokenFor("bob") });
  bob.track("ai_explain");
  await Promise.all([ada.flush(), bob.flush()]);
  // Boards follow the ledger soon after.
  await until(async () => (await ada.leaderboard({ timeframe: "daily" })).total === 2);
});

describe("reads", () => {
  it("give a learner's dashboard, badges, rank and activity", async () => {
    const dashboard = await ada.dashboard();
    assert.equal(dashboard.user.totalPoints, 15);
    assert.deepEqual(dashboard.newBadges.map(({ badgeId }) => badgeId), ["first_run"]);
    assert.deepEqual((await ada.dashboard({ since: "2199-01-01T00:00:00Z" })).newBadges, []);
    const badges = await ada.badges();
    assert.equal(badges.find(({ badgeId }) => badgeId === "first_run").earned, true);
    assert.equal((await ada.rank({ timeframe: "all-time" })).points, 15);
    const today = new Date().toISOString().slice(0, 10);
    assert.deepEqual((await ada.activity({ from: today, to: today })).days, [{ date: today, events: 1, points: 5 }]);
    assert.deepEqual(await ada.goals(), []);
  });

  it("give boards, of everybody and of some, whatever is in their ids", async () => {
    const board = await ada.leaderboard({ timeframe: "daily", limit: 10 });
    assert.deepEqual(board.leaderboard.map(({ userId }) => userId).sort(), ["ada/1, the first", "bob"]);
    assert.equal((await ada.leaderboard({ users: ["ada/1, the first"] })).total, 1);
  });

  it("give the catalogue, to everybody", async () => {
    const badges = await createClient({ url: server.url }).catalogue();
    assert.ok(badges.length >= 60);
  });
});

describe("errors", () => {
  it("have the server's code, sentence and fields", async () => {
    const nobody = createClient({ url: server.url, userId: "nobody", token: tokenFor("nobody") });
    await assert.rejects(nobody.dashboard(), (error) => {
      assert.ok(error instanceof LaurelsError);
      assert.deepEqual([error.status, error.code], [404, "unknown-user"]);
      return true;
    });
    await assert.rejects(ada.leaderboard({ limit: 1_000 }), (error) => {
      assert.deepEqual([error.status, error.code, error.errors[0].field], [422, "invalid-query", "limit"]);
      return true;
    });
    await assert.rejects(ada.dashboard({ userId: "bob" }), { status: 403, code: "forbidden" });
  });

  it("have a code of their own where no answer comes, or none in time", async () => {
    await assert.rejects(createClient({ url: "http://127.0.0.1:9" }).catalogue(), { status: 0, code: "unreachable" });
    const proxy = await startProxy(server, () => new Promise(() => {}));
    await assert.rejects(createClient({ url: proxy.url, timeout: 50 }).catalogue(), { code: "unreachable", message: /50 ms/ });
    const abort = new AbortController();
    const reading = createClient({ url: proxy.url }).catalogue({ signal: abort.signal });
    abort.abort();
    await assert.rejects(reading, { code: "unreachable" });
  });

  it("say how long the server asks to wait", async () => {
    const answers = ["7", new Date(Date.now() + 9_000).toUTCString()];
    const proxy = await startProxy(server, (_incoming, answer) =>
      void answer.writeHead(429, { "retry-after": answers.shift() }).end(),
    );
    const client = createClient({ url: proxy.url });
    await assert.rejects(client.catalogue(), { status: 429, retryAfter: 7_000 });
    await assert.rejects(client.catalogue(), ({ retryAfter }) => retryAfter >= 8_000 && retryAfter <= 9_000);
  });
});
