/** Whoever work is done for. */
export interface Caller {
  /** Whose work is queued together: a tenant, or an address where the service asks nobody who they are. */
  readonly client: string;
  /** Says that nobody waits for the answer any more. Undefined where somebody always does. */
  readonly signal: AbortSignal | undefined;
  /** Counts bytes that are in memory for the caller, until its request is over. @throws {Problem} overloaded */
  hold(bytes: number): void;
  /** The same for a result that becomes the reply. Call it before you compute the result, if you know its size. */
  holdResult(bytes: number): void;
}

/** The caller of what is being done now; OWN_WORK for what the service does by itself. */
export type CurrentCaller = () => Caller;

export const OWN_WORK: Caller = { client: '', signal: undefined, hold: () => undefined, holdResult: () => undefined };
