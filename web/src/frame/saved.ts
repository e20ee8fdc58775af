import type { Saved } from './context.ts';

/** Keeps values as JSON in a storage of the browser. One that is full or forbidden keeps nothing, which is said nowhere. */
export function savedIn(storage: Storage): Saved {
  return {
    read: <T>(name: string) => {
      try {
        const text = storage.getItem(`cellstep.${name}`);
        return text === null ? undefined : (JSON.parse(text) as T);
      } catch {
        return undefined;
      }
    },
    write: (name, value) => {
      try {
        storage.setItem(`cellstep.${name}`, JSON.stringify(value));
      } catch {
        storage.removeItem(`cellstep.${name}`);
      }
    },
  };
}
