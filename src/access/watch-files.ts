import { unwatchFile, watchFile } from 'node:fs';

/** Polls by name, so that it finds a file that was replaced, even through a link as Kubernetes does. */
const INTERVAL_MILLISECONDS = 1_000;

/** Calls `changed` within a second or so after one of the files became another. Returns what ends the watch. */
export function watchFiles(paths: readonly string[], changed: () => void): () => void {
  for (const path of paths) watchFile(path, { interval: INTERVAL_MILLISECONDS, persistent: false }, changed);
  return () => {
    for (const path of paths) unwatchFile(path, changed);
  };
}
