interface Waiting {
  readonly size: number;
  readonly start: () => void;
}

/** Lets so many calls, of so many bytes together, be under way at once; the others wait in the order they came. */
export interface Gate {
  /** Runs `work` once there is room. When the signal comes before that, it rejects with the signal's reason and never does. */
  pass<T>(size: number, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
}

export function createGate(maxCalls: number, maxBytes: number): Gate {
  const waiting: Waiting[] = [];
  let calls = 0;
  let bytes = 0;

  function admit(): void {
    // One that is larger than the whole gate goes alone.
    while (waiting.length > 0 && calls < maxCalls && (bytes === 0 || bytes + waiting[0].size <= maxBytes)) {
      waiting.shift()?.start();
    }
  }

  function enter(size: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        size,
        start: () => {
          signal.removeEventListener('abort', leave);
          calls += 1;
          bytes += size;
          resolve();
        },
      };
      const leave = () => {
        waiting.splice(waiting.indexOf(entry), 1);
        reject(signal.reason);
        admit();
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener('abort', leave, { once: true });
      waiting.push(entry);
      admit();
    });
  }

  return {
    async pass(size, signal, work) {
      await enter(size, signal);
      try {
        return await work();
      } finally {
        calls -= 1;
        bytes -= size;
        admit();
      }
    },
  };
}
