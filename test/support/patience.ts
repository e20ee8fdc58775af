/**
 * How long a test waits for what has to happen. It bounds failures alone: on a slow machine with other work everything takes many times as
 * long as on a fast one that is idle.
 */
export const PATIENCE_MS = 60_000;
