import { unwatchFile, watchFile } from 'node:fs';

/** Polls by name, so it notices a replaced file, even behind a link as in Kubernetes. */
const INTERVAL_MILLISECONDS = 1_000;

/** Calls `changed` about a second after one of the files was replaced. Returns a function that ends the watch. */
export function watchFiles(paths: readonly string[], changed: () => void): () => void {
  for (const path of paths) watchFile(path, { interval: INTERVAL_MILLISECONDS, persistent: false }, changed);
  return () => {
    for (const path of paths) unwatchFile(path, changed);
  };
}
