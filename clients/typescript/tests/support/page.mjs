import { createClient } from "../../dist/index.js";

/** Makes the page's client; what it says is in `told`. */
window.begin = (options) => {
  window.told = { accepted: [], rejected: [], errors: [] };
  window.client = createClient({
    flushInterval: 20,
    onAccepted: (result) => window.told.accepted.push(result.status),
    onRejected: (result) => window.told.rejected.push(result.error),
    onError: (error) => window.told.errors.push(error.code),
    ...options,
  });
};
/** Tracks `count` events and returns their ids. */
window.trackMany = (count) => Array.from({ length: count }, () => window.client.track("ai_explain"));
