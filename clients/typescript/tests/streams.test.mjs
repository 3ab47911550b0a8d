// Live messages in Node, against a real server: in order, without gap or repetition, whatever happens to the connection.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createClient } from "../dist/index.js";
import { createParser } from "../dist/stream.js";
import { startProxy, startServer, tokenFor, until } from "./support/server.mjs";

let server;
const clients = [];
before(async () => {
  server = await startServer();
});
after(() => Promise.all(clients.map((client) => client.close())));

function newClient(userId, options = {}) {
  const client = createClient({ url: server.url, userId, token: tokenFor(userId), flushInterval: 10, ...options });
  clients.push(client);
  return client;
}

const kindsOf = (messages) => messages.map(({ type }) => type);

describe("subscribe", () => {
  it("shows where a learner stands, and then what they do", async () => {
    const client = newClient("ada lovelace/1");
    const messages = [];
    const stop = client.subscribe((message) => messages.push(message));
    await until(() => messages.length === 1);
    assert.deepEqual(messages[0].data, { totalPoints: 0, level: 1, leveledUp: false, dailyStreak: 0 });
    client.track("code_run", { eventId: "run-1" });
    await until(() => messages.length === 4);
    assert.deepEqual(kindsOf(messages), ["progress", "event", "badge", "progress"]);
    assert.equal(messages[1].data.eventId, "run-1");
    assert.equal(messages[2].data.badgeId, "first_run");
    assert.equal(messages[3].data.totalPoints, 15);
    stop();
    client.track("ai_explain");
    await client.flush();
    assert.equal(messages.length, 4);
  });

  it("goes on after the last message when the server was killed and is back", async () => {
    const client = newClient("bob");
    const ids = [];
    const errors = [];
    client.subscribe((message) => message.type === "event" && ids.push(message.data.eventId), {
      lastEventId: "0",
      onError: (error, retryIn) => errors.push([error.code, retryIn]),
    });
    const tracked = [client.track("code_run")];
    await until(() => ids.length === 1);
    await server.kill();
    tracked.push(client.track("ai_explain"));
    await until(() => errors.length > 0);
    await server.start();
    await client.flush();
    tracked.push(client.track("ai_debug"));
    await until(() => ids.length === 3);
    assert.deepEqual(ids, tracked);
    assert.equal(errors[0][0], "unreachable");
    assert.ok(errors[0][1] > 0);
  });

  it("shows everything from the beginning, or from a place that was kept", async () => {
    const client = newClient("carol");
    const ids = ["a", "b", "c"].map((eventId) => client.track("ai_explain", { eventId }));
    await client.flush();
    const all = [];
    client.subscribe((message) => all.push(message), { lastEventId: "0" });
    await until(() => all.at(-1)?.type === "progress" && all.filter(({ type }) => type === "event").length === 3);
    const [, second] = all.filter(({ type }) => type === "event");
    const rest = [];
    client.subscribe((message) => rest.push(message), { lastEventId: second.id });
    await until(() => rest.filter(({ type }) => type === "event").length === 1);
    assert.deepEqual(rest.filter(({ type }) => type === "event").map(({ data }) => data.eventId), [ids[2]]);
  });

  it("ends and says so where it is not allowed", async () => {
    const client = newClient("dora");
    const errors = [];
    client.subscribe(() => {}, { userId: "somebody-else", onError: (error, retryIn) => errors.push([error.status, retryIn]) });
    await until(() => errors.length === 1);
    assert.deepEqual(errors, [[403, null]]);
  });

  it("takes a new token when the old one has expired", async () => {
    const tokens = [tokenFor("eve", -3600), tokenFor("eve")];
    const messages = [];
    newClient("eve", { token: () => tokens.shift() }).subscribe((message) => messages.push(message));
    await until(() => messages.length === 1);
  });

  it("waits as long as a server without room asks for, and does not take a page for a stream", async () => {
    const answers = [
      (answer) => answer.writeHead(429, { "retry-after": "1" }).end(),
      (answer) => answer.writeHead(200, { "content-type": "text/html" }).end("<h1>Welcome</h1>"),
    ];
    const proxy = await startProxy(server, (_incoming, answer, pass) => (answers.shift() ?? pass)(answer));
    const errors = [];
    const stop = newClient("finn", { url: proxy.url }).subscribe(() => {}, {
      onError: (error, retryIn) => errors.push([error.status, retryIn]),
    });
    await until(() => errors.length === 2);
    assert.equal(errors[0][0], 429);
    assert.ok(errors[0][1] >= 1_000 && errors[0][1] <= 2_000);
    assert.equal(errors[1][0], 0);
    stop();
  });
});

describe("subscribeLeaderboard", () => {
  it("shows the top now and after each change", async () => {
    const client = newClient("gil");
    const boards = [];
    client.subscribeLeaderboard((board) => boards.push(board), { timeframe: "daily", limit: 5 });
    await until(() => boards.length === 1);
    client.track("code_run");
    const row = await until(() => boards.at(-1).leaderboard.find(({ userId }) => userId === "gil"));
    assert.equal(boards.at(-1).timeframe, "daily");
    assert.equal(row.points, 15);
  });
});

describe("the parser of streams", () => {
  const whole = 'retry: 1500\n\nid: 0.1\nevent: badge\ndata: {"icon":"👣\u2028\u2029"}\n\n:\n\nid: 1\r\ndata: one\r\ndata: two\r\n\r\n';
  const expected = [
    { type: "badge", id: "0.1", data: '{"icon":"👣\u2028\u2029"}' },
    { type: "message", id: "1", data: "one\ntwo" },
  ];

  it("does not care where the pieces of a stream end", () => {
    const bytes = new TextEncoder().encode(whole);
    for (let size = 1; size <= bytes.length; size++) {
      const pauses = [];
      const parse = createParser((pause) => pauses.push(pause));
      const messages = [];
      for (let at = 0; at < bytes.length; at += size) messages.push(...parse(bytes.subarray(at, at + size)));
      assert.deepEqual(messages, expected);
      assert.deepEqual(pauses, [1500]);
    }
  });
});
