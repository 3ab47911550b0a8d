// The queue of `track` against a real server, in Node: batches, repetition, refusals, bounds.
import assert from "node:assert/strict";
import { afterEach, before, describe, it } from "node:test";
import { createClient } from "../dist/index.js";
import { startProxy, startServer, tokenFor, until } from "./support/server.mjs";

let server;
let proxy;
before(async () => {
  server = await startServer();
  proxy = await startProxy(server);
});
// What one test left in a queue must not be sent while another counts.
afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())));

/** A client of a new learner behind the proxy, and what its callbacks got. */
const clients = [];
let learners = 0;
function newClient(options = {}) {
  const userId = options.userId ?? `learner-${++learners}`;
  const told = { accepted: [], rejected: [], dropped: [], errors: [] };
  const client = createClient({
    url: proxy.url,
    userId,
    token: () => tokenFor(userId),
    flushInterval: 10,
    onAccepted: (result) => told.accepted.push(result),
    onRejected: (result) => told.rejected.push(result),
    onDropped: (events) => told.dropped.push(...events),
    onError: (error, retryIn) => told.errors.push({ error, retryIn }),
    ...options,
  });
  clients.push(client);
  proxy.requests.length = 0;
  return { client, userId, told };
}

/** What the proxy does instead of passing on, for the next batches; then it passes on again. */
function interfereWithBatches(...acts) {
  proxy.interfere = async (incoming, answer, pass) => {
    const act = incoming.url.startsWith("/api/progress/events") ? acts.shift() : undefined;
    if (act) await act(answer, pass);
    else (await pass())();
  };
}

const batches = () => proxy.requests.filter((request) => request.path.startsWith("/api/progress/events"));

/** A storage as a browser's, for programs that have one. */
function newStorage() {
  const held = new Map();
  return {
    get length() {
      return held.size;
    },
    key: (at) => [...held.keys()][at] ?? null,
    getItem: (key) => held.get(key) ?? null,
    setItem: (key, value) => void held.set(key, value),
    removeItem: (key) => void held.delete(key),
  };
}

describe("track", () => {
  it("sends a thousand events in a few batches, each once and in order", async () => {
    const { client, userId, told } = newClient();
    const ids = Array.from({ length: 1000 }, (_, at) => client.track("code_run", { metadata: { codeLength: at } }));
    assert.equal(await client.flush(), 0);
    assert.deepEqual(await server.eventIdsOf(userId), ids);
    assert.ok(batches().length <= 4, `${batches().length} batches`);
    assert.deepEqual(told.accepted.map((result) => result.status), ids.map(() => "recorded"));
  });

  it("sends by itself after a moment, with what was tracked meanwhile", async () => {
    const { client, userId } = newClient({ flushInterval: 50 });
    client.track("code_run");
    client.track("ai_explain");
    await until(() => client.pending === 0);
    assert.equal((await server.eventIdsOf(userId)).length, 2);
    assert.equal(batches().length, 1);
  });

  it("sends the fields that the server knows and nothing else", async () => {
    const { client, told } = newClient();
    const metadata = { language: "python", note: "mine" };
    const at = new Date(Date.now() - 60_000);
    client.track("code_run", { metadata, onceKey: "task-7", eventId: "run-1", timestamp: at });
    metadata.language = "changed later";
    await client.flush();
    assert.deepEqual(JSON.parse(batches()[0].body), [
      {
        userId: client.userId,
        eventType: "code_run",
        eventId: "run-1",
        timestamp: at.toISOString(),
        onceKey: "task-7",
        metadata: { language: "python", note: "mine" },
      },
    ]);
    assert.equal(told.accepted[0].points, 5);
  });

  it("gives an event the time at which it was tracked, not that of sending", async () => {
    const { client } = newClient({ flushInterval: 60_000 });
    const before = Date.now();
    client.track("code_run");
    const after = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 60));
    await client.flush();
    const at = Date.parse(JSON.parse(batches()[0].body)[0].timestamp);
    assert.ok(before <= at && at <= after);
  });

  it("wants a type", () => {
    const { client } = newClient();
    assert.throws(() => client.track(""), /Name an eventType/);
  });

  it("wants a user", () => {
    const client = createClient({ url: proxy.url });
    assert.throws(() => client.track("code_run"), /Name a userId/);
  });
});

describe("a server that fails", () => {
  it("was killed and comes back: nothing is lost or doubled", async () => {
    const { client, userId, told } = newClient();
    const first = client.track("code_run");
    await client.flush();
    await server.kill();
    const others = [client.track("ai_explain"), client.track("ai_debug")];
    assert.equal(await client.flush(), 2);
    assert.equal(told.errors[0].error.code, "unreachable");
    await server.start();
    await until(() => client.pending === 0);
    assert.deepEqual(await server.eventIdsOf(userId), [first, ...others]);
  });

  it("recorded a batch and its answer was lost: the repetition is a replay", async () => {
    // However long the server takes, nothing is sent but by `flush`.
    const { client, userId, told } = newClient({ flushInterval: 60_000 });
    interfereWithBatches(async (answer, pass) => {
      await pass();
      answer.destroy();
    });
    const ids = [client.track("code_run"), client.track("ai_explain")];
    await client.flush();
    assert.equal(client.pending, 2);
    await client.flush();
    assert.deepEqual(told.accepted.map((result) => result.status), ["replayed", "replayed"]);
    assert.deepEqual(await server.eventIdsOf(userId), ids);
    assert.equal(batches()[0].body, batches()[1].body);
  });

  it("answers 503 with Retry-After: it is left alone for so long, whatever is tracked", async () => {
    const { client, userId, told } = newClient();
    interfereWithBatches((answer) => answer.writeHead(503, { "retry-after": "1" }).end("{}"));
    client.track("code_run");
    await client.flush();
    const asked = performance.now();
    client.track("ai_explain");
    await client.flush();
    assert.equal(batches().length, 1);
    await until(() => client.pending === 0);
    assert.ok(performance.now() - asked >= 950);
    assert.ok(told.errors[0].retryIn >= 1_000 && told.errors[0].retryIn < 2_100);
    assert.equal((await server.eventIdsOf(userId)).length, 2);
  });

  it("answers 429, since a learner's calls are used up: it waits as long as it is told", async () => {
    const limited = await startServer({ USER_RATE: 20 });
    const { client, userId, told } = newClient({ url: limited.url });
    const ids = [];
    // One call comes back every three seconds, so on a slow machine it may take some turns.
    while (!told.errors.length) {
      while (await client.catalogue().catch((error) => error.status !== 429));
      ids.push(client.track("code_run"));
      await client.flush();
    }
    const [{ error, retryIn }] = told.errors;
    assert.equal(error.status, 429);
    assert.ok(error.retryAfter >= 1_000 && retryIn >= error.retryAfter);
    await until(() => client.pending === 0);
    assert.equal(told.errors.length, 1);
    await until(async () => (await limited.eventIdsOf(userId)).length === ids.length);
  });

  it("queues on its own disk while its database is locked: that is enough", async () => {
    const busy = await startServer({ SPOOL: "spool", STORE_TIMEOUT_MS: 200, HEARTBEAT_MS: 100 });
    const unlock = await busy.lock();
    const { client, userId, told } = newClient({ url: busy.url });
    const id = client.track("code_run");
    assert.equal(await client.flush(), 0);
    assert.deepEqual(told.accepted.map(({ status }) => status), ["queued"]);
    await unlock();
    await until(async () => (await busy.eventIdsOf(userId)).includes(id));
  });

  it("is not asked again at once because more is tracked", async () => {
    const { client } = newClient();
    interfereWithBatches((answer) => answer.destroy());
    client.track("code_run");
    await client.flush();
    client.track("ai_explain");
    // Half a second is the shortest pause after a failure, and ten milliseconds the interval of this client.
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(batches().length, 1);
    await until(() => client.pending === 0);
  });

  it("waits longer after each failure, and never the same time", async () => {
    const { client, told } = newClient();
    interfereWithBatches(...Array(6).fill((answer) => answer.destroy()));
    client.track("code_run");
    for (let attempt = 0; attempt < 7; attempt++) await client.flush();
    const waits = told.errors.map(({ retryIn }) => retryIn);
    waits.forEach((wait, at) => assert.ok(wait >= 500 * 2 ** at && wait <= 1_000 * 2 ** at, `${waits}`));
    assert.equal(new Set(waits).size, 6);
    assert.equal(client.pending, 0);
  });

  it("is hidden behind a network's page, which is no acknowledgement", async () => {
    const { client, userId } = newClient();
    const said = (results) => (answer) =>
      answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ success: true, results }));
    const acts = [
      (answer) => answer.writeHead(200, { "content-type": "text/html" }).end("<h1>Welcome</h1>"),
      ...[[], "x", [null], [{}], [{ status: "welcome" }]].map(said),
    ];
    interfereWithBatches(...acts);
    client.track("code_run");
    for (const _ of acts) assert.equal(await client.flush(), 1);
    await client.flush();
    assert.equal((await server.eventIdsOf(userId)).length, 1);
  });

  it("sends nothing to an address that an answer names instead", async () => {
    const { client, userId } = newClient();
    interfereWithBatches(...[302, 307].map((status) => (answer) => answer.writeHead(status, { location: "/elsewhere" }).end()));
    client.track("code_run");
    assert.equal(await client.flush(), 1);
    assert.equal(await client.flush(), 1);
    assert.equal(proxy.requests.filter((request) => request.path === "/elsewhere").length, 0);
    await client.flush();
    assert.equal((await server.eventIdsOf(userId)).length, 1);
  });

  it("gets a new token when the old one has expired", async () => {
    const userId = "expiring";
    const tokens = [tokenFor(userId, -3600), tokenFor(userId)];
    const { client, told } = newClient({ userId, token: () => tokens.shift() });
    client.track("code_run");
    assert.equal(await client.flush(), 0);
    assert.equal(told.errors.length, 0);
    assert.equal(tokens.length, 0);
  });

  it("forbids to record: the events are kept and it is said", async () => {
    const { client, told } = newClient({ userId: "somebody", token: tokenFor("somebody-else") });
    client.track("code_run");
    assert.equal(await client.flush(), 1);
    assert.equal(told.errors[0].error.status, 403);
  });
});

describe("a refusal", () => {
  it("of one event is final and is told; the others are recorded", async () => {
    const { client, userId, told } = newClient();
    const good = client.track("code_run");
    client.track("no_such_type");
    client.track("code_run", { eventId: good, metadata: { codeLength: 1 } });
    await client.flush();
    assert.deepEqual(told.rejected.map(({ status }) => status), ["invalid", "conflict"]);
    assert.match(told.rejected[0].error, /eventType/);
    assert.equal(told.rejected[0].event.eventType, "no_such_type");
    assert.deepEqual(await server.eventIdsOf(userId), [good]);
    assert.equal(client.pending, 0);
  });

  it("of a whole batch finds the event that is at fault", async () => {
    const { client, userId, told } = newClient();
    proxy.interfere = async (incoming, answer, pass) => {
      const isBad = proxy.requests.at(-1).body.includes("poison");
      if (isBad) answer.writeHead(422, { "content-type": "application/problem+json" }).end('{"error":"Not this."}');
      else (await pass())();
    };
    for (let at = 0; at < 20; at++) client.track("code_run", { eventId: at === 13 ? "poison" : `good-${at}` });
    await client.flush();
    assert.deepEqual(told.rejected.map(({ event, error }) => [event.eventId, error]), [["poison", "Not this."]]);
    assert.equal((await server.eventIdsOf(userId)).length, 19);
    interfereWithBatches();
  });

  it("does not stop the others when the page's own callback throws", async (context) => {
    const { client, userId } = newClient({
      onAccepted: () => {
        throw new Error("of the page");
      },
    });
    const thrown = [];
    const realTimeout = setTimeout;
    context.mock.method(globalThis, "setTimeout", (run, ...rest) => {
      if (rest.length) return realTimeout(run, ...rest);
      try {
        run();
      } catch (error) {
        thrown.push(error.message);
      }
    });
    client.track("code_run");
    client.track("ai_explain");
    await client.flush();
    context.mock.restoreAll();
    assert.equal((await server.eventIdsOf(userId)).length, 2);
    assert.deepEqual(thrown, ["of the page", "of the page"]);
  });
});

describe("a bounded queue", () => {
  it("drops the oldest past its bound and tells which", async () => {
    const { client, userId, told } = newClient({ maxEvents: 100, flushInterval: 60_000 });
    const ids = Array.from({ length: 130 }, () => client.track("code_run"));
    assert.equal(client.pending, 100);
    assert.deepEqual(told.dropped.map((event) => event.eventId), ids.slice(0, 30));
    await client.flush();
    assert.deepEqual(await server.eventIdsOf(userId), ids.slice(30));
  });

  it("drops nothing that is on its way", async () => {
    const { client, userId, told } = newClient({ maxEvents: 3, flushInterval: 60_000 });
    interfereWithBatches(async (_answer, pass) => {
      while (ids.length < 6) ids.push(client.track("code_run"));
      (await pass())();
    });
    const ids = Array.from({ length: 3 }, () => client.track("code_run"));
    await client.flush();
    const dropped = told.dropped.map((event) => event.eventId);
    assert.deepEqual([...(await server.eventIdsOf(userId)), ...dropped].sort(), ids.sort());
  });
});

describe("a storage", () => {
  it("hands what waits to the next client of the same learner, and to no other's", async () => {
    const storage = newStorage();
    const first = newClient({ storage, flushInterval: 60_000 });
    const ids = [first.client.track("code_run"), first.client.track("ai_explain")];
    const stranger = newClient({ storage, userId: `${first.userId}","x` });
    assert.equal(stranger.client.pending, 0);
    const next = newClient({ storage, userId: first.userId });
    assert.equal(next.client.pending, 2);
    await next.client.flush();
    assert.deepEqual(await server.eventIdsOf(first.userId), ids);
    assert.equal(await first.client.flush(), 0);
    assert.equal(storage.length, 0);
  });

  it("that is full leaves events in memory, from where they are sent, and says so once", async () => {
    const storage = newStorage();
    const { setItem } = storage;
    storage.setItem = () => {
      throw new Error("QuotaExceededError");
    };
    const { client, userId, told } = newClient({ storage, flushInterval: 60_000 });
    client.track("code_run");
    client.track("ai_explain");
    assert.deepEqual(told.errors.map(({ error, retryIn }) => [error.code, retryIn]), [["not-stored", null]]);
    storage.setItem = setItem;
    await client.flush();
    assert.equal((await server.eventIdsOf(userId)).length, 2);
    assert.equal(storage.length, 0);
  });

  it("with an entry that somebody spoiled goes on with the others", async () => {
    const storage = newStorage();
    const { client, userId } = newClient({ storage, flushInterval: 60_000 });
    client.track("code_run");
    client.track("ai_explain");
    storage.setItem(storage.key(0), "{");
    const next = newClient({ storage, userId });
    await next.client.flush();
    assert.equal((await server.eventIdsOf(userId)).length, 1);
    assert.equal(storage.length, 0);
  });
});
