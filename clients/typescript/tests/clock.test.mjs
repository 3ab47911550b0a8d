// A machine whose clock is wrong: events must still be recorded, and on the day on which they happened.
import assert from "node:assert/strict";
import { afterEach, before, describe, it } from "node:test";
import { createClient } from "../dist/index.js";
import { startProxy, startServer, tokenFor } from "./support/server.mjs";

const DAY = 86_400_000;
const trueNow = Date.now;
let server;
let proxy;

before(async () => {
  server = await startServer();
  proxy = await startProxy(server);
});
afterEach(() => {
  Date.now = trueNow;
});

function newClient(userId, options = {}) {
  // Signed by the platform, whose clock is right.
  const token = tokenFor(userId);
  const rejected = [];
  const onRejected = (result) => rejected.push(result);
  const client = createClient({ url: proxy.url, userId, token, flushInterval: 60_000, onRejected, ...options });
  return { client, rejected };
}

const setClock = (offset) => {
  Date.now = () => trueNow() + offset;
};

async function timesOf(userId) {
  setClock(0);
  const headers = { authorization: `Bearer ${tokenFor(userId)}` };
  const answer = await fetch(`${server.url}/api/progress/export/${userId}?format=csv`, { headers });
  const lines = (await answer.text()).trim().split("\r\n").slice(1);
  return lines.map((line) => Date.parse(line.split(",")[2]));
}

const assertNear = (time, expected) => assert.ok(Math.abs(time - expected) < 3_000, `${new Date(time).toISOString()}`);

describe("a clock", () => {
  for (const [name, offset] of [["ahead", DAY], ["behind", -DAY]]) {
    it(`that is a day ${name} does not move events to another day`, async () => {
      const { client, rejected } = newClient(name);
      const start = trueNow();
      setClock(offset);
      client.track("code_run");
      await client.flush();
      assert.deepEqual(rejected, []);
      const [time] = await timesOf(name);
      assertNear(time, start);
    });
  }

  it("that was put right between event and sending: an event from the future happened now at the latest", async () => {
    const { client, rejected } = newClient("mended");
    setClock(DAY);
    client.track("code_run");
    setClock(0);
    await client.flush();
    assert.deepEqual(rejected, []);
    assertNear((await timesOf("mended"))[0], trueNow());
  });

  it("whose error shows only by the refusal gives the event another time, once", async () => {
    const { client, rejected } = newClient("refused");
    await client.dashboard().catch(() => {});
    setClock(DAY);
    client.track("code_run");
    await client.flush();
    assert.deepEqual(rejected, []);
    assertNear((await timesOf("refused"))[0], trueNow());
  });

  it("that cannot be compared, since the answers show no time, lets the event happen when it arrives", async () => {
    proxy.interfere = async (_incoming, answer, pass) => {
      const { writeHead } = answer;
      answer.sendDate = false;
      answer.writeHead = (status, { date: _, ...headers }) => writeHead.call(answer, status, headers);
      (await pass())();
    };
    const { client, rejected } = newClient("blind");
    setClock(DAY);
    client.track("code_run");
    await client.flush();
    assert.deepEqual(rejected, []);
    assertNear((await timesOf("blind"))[0], trueNow());
  });

  it("keeps a time that the caller gave: one in the future is refused for good", async () => {
    const { client, rejected } = newClient("given");
    client.track("code_run", { timestamp: new Date(trueNow() + DAY) });
    await client.flush();
    assert.match(rejected[0].error, /timestamp/);
  });

  it("that is wrong does not change what a repetition says", async () => {
    const { client, rejected } = newClient("repeated");
    proxy.interfere = async (incoming, answer, pass) => {
      const respond = await pass();
      if (incoming.url.startsWith("/api/progress/events")) {
        proxy.interfere = async (_incoming, _answer, passOn) => (await passOn())();
        answer.destroy();
      } else respond();
    };
    setClock(DAY);
    client.track("code_run");
    await client.flush();
    setClock(DAY + 90_000);
    await client.flush();
    assert.deepEqual(rejected, []);
    assert.equal(client.pending, 0);
    assert.equal((await timesOf("repeated")).length, 1);
  });

  it("that is wrong does not let two tabs give one event two times", async () => {
    const held = {};
    const storage = {
      get length() {
        return Object.keys(held).length;
      },
      key: (at) => Object.keys(held)[at],
      getItem: (key) => held[key] ?? null,
      setItem: (key, value) => void (held[key] = value),
      removeItem: (key) => void delete held[key],
    };
    const lose = async (_incoming, answer) => answer.destroy();
    const pass = async (_incoming, _answer, passOn) => (await passOn())();
    const one = newClient("tabs", { storage });
    const other = newClient("tabs", { storage });
    setClock(DAY);
    one.client.track("code_run");
    // The other tab has seen the event before it was sent, and has another idea of the server's time.
    proxy.interfere = lose;
    await other.client.flush();
    proxy.interfere = async (incoming, answer, passOn) => {
      const respond = await passOn();
      if (incoming.url.startsWith("/api/progress/events")) answer.destroy();
      else respond();
    };
    await one.client.flush();
    setClock(DAY + 90_000);
    proxy.interfere = pass;
    await other.client.flush();
    assert.deepEqual([...one.rejected, ...other.rejected], []);
    assert.equal(other.client.pending, 0);
    assert.equal((await timesOf("tabs")).length, 1);
  });
});
