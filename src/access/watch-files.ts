import { unwatchFile, watchFile } from 'node:fs';

/** Looking at a file by its name finds it again after it was replaced, also by a link of Kubernetes. */
const INTERVAL_MILLISECONDS = 1_000;

/** Calls `changed` within a second or so after one of the files became another. Returns what ends the watch. */
export function watchFiles(paths: readonly string[], changed: () => void): () => void {
  for (const path of paths) watchFile(path, { interval: INTERVAL_MILLISECONDS, persistent: false }, changed);
  return () => {
    for (const path of paths) unwatchFile(path, changed);
  };
}
