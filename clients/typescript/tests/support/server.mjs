// A real server as a process of its own, on an empty database, and what stands in its way to a client.
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

const COMMAND = process.env.SERVER_COMMAND ?? fileURLToPath(new URL("../../../../.venv/bin/laurels", import.meta.url));
const SECRET = "a secret of these tests that has 32 bytes or more";

/** What ends after the tests of a file, whatever became of them: nothing may outlive them. The last begun ends first. */
const ends = [];
export const atEnd = (end) => ends.unshift(end);
after(async () => {
  for (const end of ends) await end();
});

/** Starts a server. Settings are named as in the environment, without LAURELS_. */
export async function startServer(settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), "laurels-client-"));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("LAURELS_")));
  env.LAURELS_STORE = `sqlite:///${join(folder, "laurels.db")}`;
  env.LAURELS_JWT_SECRET = SECRET;
  env.LAURELS_USERS_RECORD_EVENTS = "true";
  env.LAURELS_PROJECTION_INTERVAL_MS = "10";
  for (const [name, value] of Object.entries(settings)) env[`LAURELS_${name}`] = String(value);
  const server = { url: "", port: 0, folder, start, kill, stop, lock, tokenFor, eventIdsOf };
  let child;
  atEnd(stop);

  async function start() {
    child = spawn(COMMAND, ["serve", "--port", String(server.port)], { env, cwd: folder });
    let output = "";
    const ready = new Promise((resolve, reject) => {
      const look = (piece) => {
        output += piece;
        const found = /ready at http:\/\/127\.0\.0\.1:(\d+)/.exec(output);
        if (found && output.includes("startup complete")) resolve(Number(found[1]));
      };
      child.stdout.on("data", look);
      child.stderr.on("data", look);
      child.once("exit", (code) => reject(new Error(`the server ended with ${code}:\n${output}`)));
    });
    server.port = await ready;
    server.url = `http://127.0.0.1:${server.port}`;
    return server;
  }

  /** As the kernel would: at once. */
  async function kill(signal = "SIGKILL") {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  }

  async function stop() {
    await kill("SIGTERM");
    await rm(folder, { recursive: true, force: true });
  }

  /** Locks the database as a program does that writes to it and does not end. The result unlocks it. */
  async function lock() {
    const program = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('BEGIN IMMEDIATE'); print(); input()";
    const holder = spawn(join(dirname(COMMAND), "python"), ["-uc", program, join(folder, "laurels.db")]);
    await once(holder.stdout, "data");
    atEnd(() => holder.kill());
    return async () => {
      holder.kill();
      await once(holder, "exit");
    };
  }

  /** The ids of all events in a learner's ledger, in its order. */
  async function eventIdsOf(userId) {
    const headers = { authorization: `Bearer ${tokenFor(userId)}` };
    const answer = await fetch(`${server.url}/api/progress/export/${encodeURIComponent(userId)}?format=csv`, { headers });
    if (answer.status === 404) return [];
    return (await answer.text()).trim().split("\r\n").slice(1).map((line) => line.split(",", 1)[0]);
  }

  return start();
}

/** A learner's token, as the platform signs it. */
export function tokenFor(userId, seconds = 3600) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { sub: userId, exp: Math.floor(Date.now() / 1000) + seconds };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

/** Stands between client and server and does what `interfere(request, answer, pass)` says; `pass()` asks the server, and
 * its result answers with what that said. */
export async function startProxy(server, interfere) {
  const requests = [];
  const proxy = createServer(async (incoming, answer) => {
    const body = await buffer(incoming);
    requests.push({ method: incoming.method, path: incoming.url, body: body.toString(), headers: incoming.headers });
    const pass = async () => {
      const { method, url: path, headers } = incoming;
      const outgoing = request({ port: server.port, host: "127.0.0.1", method, path, headers });
      outgoing.end(body);
      const [got] = await once(outgoing, "response");
      const content = await buffer(got);
      return () => answer.writeHead(got.statusCode, got.headers).end(content);
    };
    // A server that is away is away behind a proxy, too.
    await Promise.resolve(proxy.interfere(incoming, answer, pass)).catch(() => answer.destroy());
  });
  proxy.interfere = interfere ?? (async (_incoming, _answer, pass) => (await pass())());
  proxy.requests = requests;
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  proxy.url = `http://127.0.0.1:${proxy.address().port}`;
  atEnd(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return proxy;
}

/** Waits until `condition` gives something true, and returns that. */
export async function until(condition, seconds = 30) {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const found = await condition();
    if (found) return found;
    if (performance.now() > end) throw new Error(`not within ${seconds} seconds: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
