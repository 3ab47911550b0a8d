// The queue in Chromium: pages that are reloaded, left, offline, or open twice, against a real server of another origin.
import assert from "node:assert/strict";
import { afterEach, before, describe, it } from "node:test";
import { createClient } from "../dist/index.js";
import { startBrowser, startSite, withoutBrowser } from "./support/pages.mjs";
import { startProxy, startServer, tokenFor, until } from "./support/server.mjs";

/** A minute, where it may take so long. */
const OFFLINE_SECONDS = Number(process.env.OFFLINE_SECONDS ?? 0);

describe("a page", { skip: withoutBrowser }, () => {
  let browser;
  let context;
  let proxy;
  let server;
  let site;

  before(async () => {
    site = await startSite("page.mjs");
    server = await startServer({ CORS_ORIGINS: site.origin });
    browser = await startBrowser();
  });
  afterEach(() => context?.close());

  /** A tab of one browser profile for each test, with a client in it. */
  async function openTab(userId, options = {}) {
    const page = await context.newPage();
    await page.goto(site.origin);
    await begin(page, userId, options);
    return page;
  }

  const begin = (page, userId, options = {}) =>
    page.evaluate((given) => window.begin(given), { url: server.url, userId, token: tokenFor(userId), ...options });
  const track = (page, count) => page.evaluate((number) => window.trackMany(number), count);
  const pending = (page) => page.evaluate(() => window.client.pending);
  const stored = (page) => page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes("queue")).length);

  /** The address of a server that does not answer until `reachable` is called. */
  async function unreachable() {
    proxy ??= await startProxy(server);
    proxy.interfere = (_incoming, answer) => answer.destroy();
    return proxy.url;
  }

  function reachable() {
    proxy.interfere = async (_incoming, _answer, pass) => (await pass())();
  }

  it("offline, reloaded, open twice, with its server away: a thousand events are recorded, each once", async () => {
    context = await browser.newContext();
    const user = "ada";
    const first = await openTab(user);
    const ids = await track(first, 100);
    await until(async () => (await pending(first)) === 0);

    await context.setOffline(true);
    ids.push(...(await track(first, 300)));
    await first.evaluate(() => window.client.flush());
    assert.equal(await pending(first), 300);
    assert.equal(await first.evaluate(() => window.told.errors[0]), "unreachable");
    await server.kill();
    await new Promise((resolve) => setTimeout(resolve, 1_000 * OFFLINE_SECONDS));
    await context.setOffline(false);

    await first.reload();
    await begin(first, user);
    assert.equal(await pending(first), 300);
    const second = await openTab(user);
    ids.push(...(await track(first, 300)), ...(await track(second, 300)));
    await server.start();

    await until(async () => (await stored(first)) === 0);
    await until(async () => (await pending(first)) + (await pending(second)) === 0);
    const recorded = await server.eventIdsOf(user);
    assert.equal(recorded.length, 1_000);
    assert.deepEqual(recorded.sort(), ids.sort());
    for (const page of [first, second]) assert.deepEqual(await page.evaluate(() => window.told.rejected), []);
  });

  it("open twice sends one batch at a time, and no event in two", async () => {
    context = await browser.newContext();
    let open = 0;
    let most = 0;
    const slow = await startProxy(server, async (_incoming, _answer, pass) => {
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 30));
      (await pass())();
      open--;
    });
    const tabs = [await openTab("twice", { url: slow.url }), await openTab("twice", { url: slow.url })];
    const ids = (await Promise.all([0, 1, 2, 3, 4, 5].map((turn) => track(tabs[turn % 2], 50)))).flat();
    await until(async () => (await server.eventIdsOf("twice")).length === ids.length);
    await until(async () => (await stored(tabs[0])) === 0);
    const told = await Promise.all(tabs.map((tab) => tab.evaluate(() => window.told.accepted)));
    assert.deepEqual(told.flat().filter((status) => status === "recorded").length, ids.length);
    assert.deepEqual((await server.eventIdsOf("twice")).sort(), ids.sort());
    assert.ok(most <= 2, `${most} requests at once, the preflight included`);
  });

  it("open twice in a browser without locks loses and doubles nothing", async () => {
    context = await browser.newContext();
    await context.addInitScript(() => Object.defineProperty(navigator, "locks", { value: undefined }));
    const tabs = [await openTab("lockless"), await openTab("lockless")];
    const ids = (await Promise.all([0, 1, 2, 3, 4, 5].map((turn) => track(tabs[turn % 2], 50)))).flat();
    await until(async () => (await stored(tabs[0])) === 0);
    assert.deepEqual((await server.eventIdsOf("lockless")).sort(), ids.sort());
    for (const tab of tabs) assert.deepEqual(await tab.evaluate(() => window.told.rejected), []);
  });

  it("that is closed sends what it has", async () => {
    context = await browser.newContext();
    const page = await openTab("leaving", { flushInterval: 60_000 });
    await page.evaluate(() => window.client.catalogue());
    const ids = await track(page, 20);
    await page.close({ runBeforeUnload: true });
    await until(async () => (await server.eventIdsOf("leaving")).length === 20);
    assert.deepEqual(await server.eventIdsOf("leaving"), ids);
  });

  it("that goes elsewhere before an answer came leaves the events to the next page", async () => {
    context = await browser.newContext();
    const url = await unreachable();
    const page = await openTab("elsewhere", { url });
    const ids = await track(page, 5);
    await page.goto("about:blank");
    reachable();
    await page.goto(site.origin);
    await begin(page, "elsewhere", { url });
    await until(async () => (await server.eventIdsOf("elsewhere")).length === 5);
    assert.deepEqual(await server.eventIdsOf("elsewhere"), ids);
  });

  it("of another learner on the same machine does not send the first one's events", async () => {
    context = await browser.newContext();
    const url = await unreachable();
    const page = await openTab("first", { url });
    await track(page, 3);
    await page.reload();
    reachable();
    await begin(page, "second", { url });
    await track(page, 1);
    await until(async () => (await server.eventIdsOf("second")).length === 1);
    // The server has the second learner's event before its page has read the answer.
    await until(async () => (await pending(page)) === 0);
    assert.equal(await stored(page), 3);
    await begin(page, "first", { url });
    await until(async () => (await server.eventIdsOf("first")).length === 3);
  });

  it("on a machine whose clock is a day behind counts for today", async () => {
    context = await browser.newContext();
    await context.addInitScript(() => {
      const now = Date.now;
      Date.now = () => now() - 86_400_000;
    });
    const page = await openTab("late");
    await track(page, 1);
    await until(async () => (await pending(page)) === 0);
    const { days } = await page.evaluate(() => window.client.activity());
    assert.deepEqual(days.map(({ date }) => date), [new Date().toISOString().slice(0, 10)]);
  });

  it("without storage keeps its events in memory", async () => {
    context = await browser.newContext();
    await context.addInitScript(() => {
      Object.defineProperty(window, "localStorage", { get: () => { throw new DOMException("denied", "SecurityError"); } });
    });
    const page = await openTab("memory");
    await track(page, 2);
    await until(async () => (await server.eventIdsOf("memory")).length === 2);
  });

  it("follows its learner live, lets go while hidden, and misses nothing", async () => {
    context = await browser.newContext();
    const page = await context.newPage();
    await page.clock.install();
    await page.goto(site.origin);
    await begin(page, "follower");
    await page.evaluate(() => {
      window.seen = [];
      const { fetch } = window;
      window.fetch = (address, options) => fetch(address, { ...options, signal: (window.connection = options.signal) });
      window.client.subscribe((message) => window.seen.push(message.type));
    });
    await until(() => page.evaluate(() => window.seen.length === 1));
    const show = (isHidden) =>
      page.evaluate((hidden) => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, isHidden);
    await show(true);
    await page.clock.fastForward(11_000);
    await until(() => page.evaluate(() => window.connection.aborted));
    const elsewhere = createClient({ url: server.url, userId: "follower", token: tokenFor("follower") });
    elsewhere.track("code_run");
    assert.equal(await elsewhere.close(), 0);
    await show(false);
    await until(() => page.evaluate(() => window.seen.length === 4));
    assert.deepEqual(await page.evaluate(() => window.seen), ["progress", "event", "badge", "progress"]);
  });
});
