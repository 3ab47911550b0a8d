// A real browser, and pages of an origin of their own in it that use the client.
import { build } from "esbuild";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { atEnd } from "./server.mjs";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why tests in a browser cannot run here; false where they can. CI must have one. */
export const withoutBrowser =
  existsSync(EXECUTABLE) || process.env.CI ? false : `there is no ${EXECUTABLE}; name one in CHROMIUM`;

/** Serves an empty page that runs the script `entry` (a file beside this one). */
export async function startSite(entry) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(entry, import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const site = createServer((request, answer) => {
    const isScript = request.url === "/script.js";
    answer.setHeader("content-type", isScript ? "text/javascript" : "text/html; charset=utf-8");
    answer.end(isScript ? outputFiles[0].text : '<!doctype html><main></main><script type="module" src="/script.js"></script>');
  });
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
  site.origin = `http://127.0.0.1:${site.address().port}`;
  atEnd(() => {
    site.closeAllConnections();
    site.close();
  });
  return site;
}

export async function startBrowser() {
  // CI is root, for whom the sandbox does not start.
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox"] });
  atEnd(() => browser.close());
  return browser;
}
