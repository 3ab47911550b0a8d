// What the package weighs, and what is in it.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { atEnd, startServer } from "./support/server.mjs";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
const manifest = JSON.parse(readFileSync(`${FOLDER}package.json`, "utf8"));

async function weigh(entry) {
  const options = { bundle: true, minify: true, write: false, format: "esm", target: "es2022", external: ["react"] };
  const { outputFiles, metafile } = await build({ ...options, entryPoints: [`${FOLDER}dist/${entry}`], metafile: true });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  return { bytes: gzipSync(outputFiles[0].contents, { level: 9 }).length, imports };
}

describe("the package", () => {
  it("weighs less than 6 KB compressed and needs nothing else", async () => {
    const { bytes, imports } = await weigh("index.js");
    assert.ok(bytes < 6_000, `${bytes} bytes`);
    assert.deepEqual(imports, []);
    assert.equal(manifest.dependencies, undefined);
  });

  it("adds less than 2 KB for React, which stays outside", async () => {
    const { bytes, imports } = await weigh("react.js");
    assert.ok(bytes < 2_000, `${bytes} bytes`);
    assert.deepEqual(imports, ["react"]);
    assert.equal(manifest.peerDependenciesMeta.react.optional, true);
  });

  it("holds what was built and its licence, and every file that it names", () => {
    const output = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: FOLDER, stdio: "pipe" });
    const said = JSON.parse(output);
    const [{ files }] = Array.isArray(said) ? said : Object.values(said);
    const names = files.map(({ path }) => path);
    for (const name of names) assert.match(name, /^(dist\/[a-z]+(\.d\.ts|\.js)|README\.md|LICENSE|package\.json)$/);
    for (const { types, default: script } of Object.values(manifest.exports).filter((entry) => entry.types)) {
      assert.ok(names.includes(types.slice(2)) && names.includes(script.slice(2)));
    }
    assert.ok(names.includes("LICENSE") && manifest.license === "Apache-2.0");
  });

  it("is locked without addresses of registries", () => {
    const lock = JSON.parse(readFileSync(`${FOLDER}package-lock.json`, "utf8"));
    const packages = Object.entries(lock.packages).filter(([name]) => name);
    for (const [name, entry] of packages) {
      assert.equal(entry.resolved, undefined, name);
      assert.ok(entry.integrity, name);
    }
  });

  it("installed in an empty folder shows the first badge, as its documentation says", async () => {
    const folder = mkdtempSync(`${tmpdir()}/laurels-package-`);
    atEnd(() => rmSync(folder, { recursive: true }));
    // As someone does who tries it on their own machine: no key, no token.
    const server = await startServer({ JWT_SECRET: "" });
    const npm = (...given) => execFileSync("npm", given, { cwd: folder, stdio: "pipe" }).toString().trim();
    const archive = npm("pack", FOLDER, "--ignore-scripts", "--silent").split("\n").at(-1);
    npm("install", "--no-audit", "--no-fund", "--offline", `./${archive}`);
    const [, example] = /```js\n(.*?)```/s.exec(readFileSync(`${FOLDER}../../docs/clients.md`, "utf8"));
    writeFileSync(`${folder}/example.mjs`, example.replace("http://127.0.0.1:8000", server.url));
    const program = spawn(process.execPath, ["example.mjs"], { cwd: folder });
    let output = "";
    program.stdout.on("data", (piece) => (output += piece));
    assert.deepEqual(await once(program, "exit"), [0, null]);
    assert.equal(output, "\u{1F463} First Steps\n");
  });
});
