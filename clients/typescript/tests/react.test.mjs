// The hooks in a page of React in Chromium, strict mode included, against a real server.
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { startBrowser, startSite, withoutBrowser } from "./support/pages.mjs";
import { startServer, tokenFor } from "./support/server.mjs";

describe("a page of React", { skip: withoutBrowser }, () => {
  let page;
  let server;
  let site;
  const requests = [];

  before(async () => {
    site = await startSite("hooks.mjs");
    server = await startServer({ CORS_ORIGINS: site.origin });
    page = await (await startBrowser()).newPage();
    page.on("request", (request) => request.method() === "GET" && requests.push(new URL(request.url()).pathname));
    await open();
  });

  async function open() {
    await page.goto(site.origin);
    await page.evaluate((given) => window.begin(given), { url: server.url, userId: "ada", token: tokenFor("ada") });
  }

  /** Waits until an element shows this. */
  const shows = (id, text) =>
    page.waitForFunction(([one, expected]) => document.getElementById(one)?.textContent === expected, [id, text]);

  it("shows that nothing is recorded yet, then what the learner does, at once", async () => {
    await shows("points", "nothing yet");
    await page.click("#run");
    await shows("points", "15 1");
    await shows("banner", "First Steps");
    await shows("board", "ada 15");
    await page.click("#run");
    await shows("points", "20 2");
  });

  it("opens one stream for all components that show the same learner", () => {
    assert.equal(requests.filter((path) => path === "/api/progress/stream/ada").length, 1);
    assert.equal(requests.filter((path) => path === "/api/progress/leaderboard/stream").length, 1);
  });

  it("forgets new badges when they are acknowledged, for later pages too", async () => {
    await page.click("#banner");
    await shows("banner", "");
    await open();
    await shows("points", "20 2");
    await shows("banner", "");
  });

  it("stays current for those that remain when a component goes, and shows what it knows when it comes back", async () => {
    await page.click("#toggle");
    await page.waitForFunction(() => !document.getElementById("points"));
    // A second after the last one has gone the stream would be closed.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    await page.evaluate(() => window.client.track("ai_explain"));
    await shows("banner", "AI Assistant");
    await page.click("#toggle");
    assert.match(await page.textContent("#points"), /^38 /);
  });
});
