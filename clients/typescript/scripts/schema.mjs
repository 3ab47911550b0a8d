// Writes src/schema.ts from a server's OpenAPI document: `npm run schema -- http://127.0.0.1:8000/openapi.json`.
// A path of a file does as well as an address. With --check nothing is written; the exit code is 1 if the file is old.
//
// Only what this client uses is kept: routes about progress and badges, the answers that succeed (every refusal has one
// shape, Problem), the schemas that these refer to, and no prose. Other changes of the server need no new file.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";

const TARGET = new URL("../src/schema.ts", import.meta.url);
const HEADER = "// Generated from the server's OpenAPI document by `npm run schema`. Do not edit.\n";
const KEPT = [
  "/api/badges",
  "/api/progress/activity/{userId}",
  "/api/progress/badges/{userId}",
  "/api/progress/dashboard/{userId}",
  "/api/progress/event",
  "/api/progress/events",
  "/api/progress/goals/{userId}",
  "/api/progress/history/{userId}",
  "/api/progress/leaderboard",
  "/api/progress/rank/{userId}",
];
const PROSE = ["description", "title", "example", "examples"];
const METHODS = new Set(["get", "post", "put", "delete"]);
const ALWAYS = ["Problem"];

const [source] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
if (source === undefined) {
  console.error("Name the address or the file of an OpenAPI document, such as http://127.0.0.1:8000/openapi.json.");
  process.exit(2);
}

const options = { alphabetize: true, defaultNonNullable: false, emptyObjectsUnknown: true };
const generated = HEADER + astToString(await openapiTS(reduced(await load(source)), options));
if (!process.argv.includes("--check")) {
  await writeFile(TARGET, generated);
} else if ((await readFile(TARGET, "utf8")) !== generated) {
  console.error("src/schema.ts does not match the server. Run scripts/client-schema and commit the result.");
  process.exit(1);
}

async function load(place) {
  if (!/^https?:/.test(place)) return JSON.parse(await readFile(place, "utf8"));
  const answer = await fetch(place);
  if (!answer.ok) throw new Error(`${place} answered ${answer.status}.`);
  return answer.json();
}

function reduced(document) {
  const paths = {};
  for (const path of KEPT) {
    if (document.paths[path] === undefined) continue;
    paths[path] = Object.fromEntries(
      Object.entries(document.paths[path])
        .filter(([method]) => METHODS.has(method))
        .map(([method, operation]) => [method, { ...operation, responses: successes(operation.responses) }]),
    );
  }
  return withoutProse({ ...document, paths, components: { schemas: reachable(paths, document) } });
}

function successes(responses) {
  const kept = Object.entries(responses).filter(([status]) => status.startsWith("2"));
  return Object.fromEntries(kept.map(([status, answer]) => [status, { ...answer, description: "" }]));
}

function withoutProse(part, areNames = false) {
  if (Array.isArray(part)) return part.map((item) => withoutProse(item));
  if (part === null || typeof part !== "object") return part;
  // Below `properties` and `schemas` stand names, among them "description"; an answer must keep its description.
  const mayDrop = !areNames && !("content" in part || "headers" in part || "openapi" in part || "version" in part);
  return Object.fromEntries(
    Object.entries(part)
      .filter(([name]) => !(mayDrop && PROSE.includes(name)))
      .map(([name, value]) => [name, withoutProse(value, name === "properties" || name === "schemas")]),
  );
}

function reachable(paths, document) {
  const found = {};
  const open = [...ALWAYS, ...named(paths)];
  while (open.length > 0) {
    const name = open.pop();
    if (name in found) continue;
    found[name] = document.components.schemas[name];
    open.push(...named(found[name]));
  }
  return found;
}

function named(part) {
  return [...JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1]);
}
