import { Problem } from '../../domain/problems.ts';

/** The idempotency keys of the requests that are running, each with the thing that it is for. */
export class RunningKeys {
  private readonly names = new Set<string>();

  /** Returns the function to call at the end. @throws {Problem} in-progress if a request with the key is running */
  begin(scope: string, idempotencyKey: string): () => void {
    const name = `${scope} ${idempotencyKey}`;
    if (this.names.has(name)) throw stillRunning(idempotencyKey);
    this.names.add(name);
    return () => this.names.delete(name);
  }
}

export function stillRunning(idempotencyKey: string): Problem {
  const detail = `A request with idempotency key '${idempotencyKey}' is still running.`;
  return new Problem('in-progress', detail, { retryAfterSeconds: 1 });
}
