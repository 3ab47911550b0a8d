export { createClient, type Client } from "./client.js";
export { LaurelsError } from "./errors.js";
export type * from "./types.js";
