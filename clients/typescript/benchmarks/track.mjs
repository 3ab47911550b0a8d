// What a call of `track` costs its caller: microseconds, the median of many rounds. Nothing is sent.
import { createClient } from "../dist/index.js";

const ROUNDS = 200;
const CALLS = 100;

const client = createClient({ url: "http://127.0.0.1:9", userId: "ada", flushInterval: 3_600_000, maxEvents: ROUNDS * CALLS });
const rounds = [];
for (let round = 0; round < ROUNDS; round++) {
  const start = performance.now();
  for (let at = 0; at < CALLS; at++) client.track("code_run", { metadata: { language: "python", codeLength: at } });
  rounds.push((1_000 * (performance.now() - start)) / CALLS);
}
rounds.sort((a, b) => a - b);
console.log(rounds[ROUNDS / 2].toFixed(2));
// Without waiting for what was never to be sent.
process.exit();
