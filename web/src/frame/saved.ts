/** What is remembered over a reload, as JSON. */
export interface Saved {
  readonly read: <T>(name: string) => T | undefined;
  readonly write: (name: string, value: unknown) => void;
}

/** Of a browser's Storage. */
interface Texts {
  getItem(name: string): string | null;
  setItem(name: string, text: string): void;
  removeItem(name: string): void;
}

/** Keeps values as JSON in a storage of the browser. One that is full or forbidden keeps nothing, which is said nowhere. */
export function savedIn(storage: Texts): Saved {
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
