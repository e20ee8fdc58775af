import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../../domain/problems.ts';
import { BodyPace } from '../bodies/pace.ts';
import { isOpen } from '../callers/auth.ts';
import { clientOf } from '../callers/callers.ts';
import { SlicedReply } from '../replies/sliced-reply.ts';

/** Requests of a process that may wait for answers, of a slow disk or of threads. */
const MOST_WAITING = 4096;
/** A reply that is always sent, like a problem. */
const SMALL_BYTES = 2 ** 16;
const RETRY_SECONDS = 1;

/** Of the account, what one client may have. The rest is for others. */
const SHARE = 0.75;
/** What small requests may have beyond the account that large ones fill, and what others may have beside a very large one. */
const RESERVE = 2 ** 26;

/** The bytes that all requests and streams of a process hold at once. */
export class Account {
  readonly maxBytes: number;
  private readonly clients = new Map<string, number>();
  private total = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get held(): number {
    return this.total;
  }

  fits(client: string, bytes: number): boolean {
    const own = (this.clients.get(client) ?? 0) + bytes;
    if (own <= SMALL_BYTES && this.total + bytes <= 2 * this.maxBytes + RESERVE) return true;
    return this.total + bytes <= this.maxBytes && own <= SHARE * this.maxBytes;
  }

  /**
   * Whether a request that holds `own` bytes may hold so many more. One that is nearly alone may take what its own limits allow, or it
   * could never be carried out.
   */
  admits(client: string, more: number, own: number): boolean {
    return this.fits(client, more) || this.total - own <= RESERVE;
  }

  /** Negative bytes are given back. */
  add(client: string, bytes: number): void {
    this.total += bytes;
    const own = (this.clients.get(client) ?? 0) + bytes;
    if (own === 0) this.clients.delete(client);
    else this.clients.set(client, own);
  }

  overloaded(): Problem {
    const detail = `Requests under way hold nearly ${this.maxBytes} bytes, or those of this client three quarters of that, in bodies and in replies that are not read yet (CELLSTEP_MAX_IN_FLIGHT_BYTES). Send it again.`;
    return new Problem('overloaded', detail, { retryAfterSeconds: RETRY_SECONDS });
  }
}

/** What a stream holds now: messages that are not answered, and answers that are not read. */
export class Holding {
  readonly client: string;
  private readonly account: Account;
  private bytes = 0;

  constructor(account: Account, client: string) {
    this.account = account;
    this.client = client;
  }

  fits(more: number): boolean {
    return this.account.fits(this.client, more);
  }

  become(bytes: number): void {
    this.account.add(this.client, bytes - this.bytes);
    this.bytes = bytes;
  }

  add(more: number): void {
    this.become(this.bytes + more);
  }
}

/** What one request holds. */
interface Held {
  readonly client: string;
  /** 1, or 0 for a WebSocket: it has no answer to wait for, and may stay open for days. */
  readonly waits: 0 | 1;
  bytes: number;
  /** Those of its result: of them its reply is made. */
  result: number;
  /** Made where somebody asks for it. */
  left?: AbortController;
}

/**
 * Counts the bytes that all requests of this process hold: bodies that have come, whole or not, what is read, unpacked and
 * drawn and computed for them, and replies that are not read yet. What is over the account is refused with 503 `overloaded` before
 * memory grows; the reply to a change is sent in any case, as the change is made. Whatever a request held is free when its connection
 * or its reply is over. Probes and pages are let through.
 */
export function limitInFlight(app: FastifyInstance, account: Account, mostWaiting = MOST_WAITING): void {
  let allWaiting = 0;

  function hold({ held }: FastifyRequest, bytes: number): undefined {
    // It is over: nothing would give them back.
    if (!held) return;
    account.add(held.client, bytes);
    held.bytes += bytes;
  }

  app.decorate('account', account);
  app.decorate('bodyPace', new BodyPace());
  app.decorate('thrownAwayPace', BodyPace.ofThrownAway());
  app.decorateRequest('held');
  app.decorateRequest('holdBytes', function holdBytes(this: FastifyRequest, bytes: number): Problem | undefined {
    const { client = '', bytes: own = 0 } = this.held ?? {};
    if (!account.admits(client, bytes, own)) return account.overloaded();
    hold(this, bytes);
    return undefined;
  });

  app.decorateRequest('leftSignal', function leftSignal(this: FastifyRequest): AbortSignal {
    const { held } = this;
    if (!held) return AbortSignal.abort();
    held.left ??= new AbortController();
    return held.left.signal;
  });

  app.check((request) => {
    const client = clientOf(request);
    const waits = request.ws ? 0 : 1;
    request.held = { client, bytes: 0, result: 0, waits };
    allWaiting += waits;
    return refusalOf(request, client);
  });
  app.whenOver((request, { raw }) => {
    const { held } = request;
    if (!held) return;
    request.held = undefined;
    allWaiting -= held.waits;
    account.add(held.client, -held.bytes);
    if (!raw.writableFinished) held.left?.abort();
  });

  function refusalOf(request: FastifyRequest, client: string): Problem | undefined {
    if (isOpen(request)) return undefined;
    if (allWaiting > mostWaiting) return waitsAlready(`More than ${mostWaiting} requests of this process wait`);
    return account.fits(client, 1) ? undefined : account.overloaded();
  }

  app.beforeSending((request, _reply, payload) => {
    const { method, held } = request;
    const bytes = Math.max(0, heldBy(payload) - (held?.result ?? 0));
    const reads = method === 'GET' || method === 'HEAD';
    return reads && bytes > SMALL_BYTES ? request.holdBytes(bytes) : hold(request, bytes);
  });
}

/** Bytes in memory for a reply until it is read. */
function heldBy(payload: unknown): number {
  if (payload instanceof SlicedReply) return payload.held;
  return typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : 0;
}

function waitsAlready(what: string): Problem {
  const detail = `${what} for an answer. Read some, then send it again.`;
  return new Problem('overloaded', detail, { retryAfterSeconds: RETRY_SECONDS });
}

declare module 'fastify' {
  interface FastifyInstance {
    /** For the bodies that come. */
    readonly bodyPace: BodyPace;
    /** For bodies whose rest is thrown away. */
    readonly thrownAwayPace: BodyPace;
    /** What all requests and streams of this process hold. */
    readonly account: Account;
  }
  interface FastifyRequest {
    /** What it holds, until it is over. */
    held: Held | undefined;
    /** Counts bytes that the request has in memory until it ends. Returns a problem if there is no room for them. */
    holdBytes: (bytes: number) => Problem | undefined;
    /** Says that the client has hung up before it was answered. */
    leftSignal: () => AbortSignal;
  }
}
