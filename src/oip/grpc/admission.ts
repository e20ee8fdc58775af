import { constants, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import {
  Metadata,
  ResponderBuilder,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerListener,
  ServerListenerBuilder,
  status,
} from '@grpc/grpc-js';
import { type Account, Holding } from '../../http/admission/in-flight.ts';
import type { BodyPace } from '../../http/bodies/pace.ts';
import { clientAt } from '../../http/callers/callers.ts';
import { MessageDecoder, PREFIX_BYTES } from './message-decoder.ts';

export interface AdmissionLimits {
  /** What has arrived of messages that are not complete counts there, for the address that sends them, and what it does not read. */
  readonly account: Account;
  readonly pace: Pick<BodyPace, 'took'>;
  /** Of a message. */
  readonly maxBytes: number;
  /** The time in which a whole message must arrive, or be read. */
  readonly seconds: number;
  /** Streams that may be open at once. */
  readonly streams: number;
  /** Hears of the connection that each call comes over. */
  readonly carried: (peer: string, session: Http2Session | undefined) => void;
}

/** A call of grpc-js, with the stream of HTTP/2 under it: it tells of no bytes before a message is complete. */
type CallOnStream = ServerInterceptingCallInterface & {
  readonly stream: ServerHttp2Stream;
  /** Whether it waits for a message; if not, it has paused the stream itself. */
  readonly isReadPending: boolean;
  decoder: Pick<MessageDecoder, 'write'>;
  serializeMessage: (framed: Buffer) => Buffer;
};

/**
 * Limits what clients can make a process hold before a call begins, and after it is answered: the bytes of incomplete messages and of
 * those that are not read, their time, and the number of open streams.
 */
export function createAdmission({
  account,
  pace,
  maxBytes,
  seconds,
  streams,
  carried,
}: AdmissionLimits): ServerInterceptor {
  let open = 0;

  return ({ requestStream }, inner) => {
    const onStream = inner as CallOnStream;
    const { stream } = onStream;
    onStream.decoder = new MessageDecoder(maxBytes);
    // They have their prefix already: to put one before a long one, grpc-js would copy it.
    onStream.serializeMessage = (framed) => framed;
    const source = {
      pause: () => stream.pause(),
      resume: () => {
        if (onStream.isReadPending) stream.resume();
      },
    };
    carried(inner.getPeer(), stream.session);
    const holding = new Holding(account, clientAt(addressOf(inner.getPeer())));
    let arrived = 0;
    let late: NodeJS.Timeout | undefined;
    let unread: NodeJS.Timeout | undefined;
    let counted = false;

    function end(code: status, details: string): void {
      call.sendStatus({ code, details, metadata: new Metadata() });
    }

    function hold(bytes: number): void {
      arrived = bytes;
      count();
      if (bytes === 0 && requestStream) wait(false);
    }

    /** Long messages are with the system only when their client has room for them. */
    function count(): void {
      holding.become(arrived + (stream.closed ? 0 : stream.writableLength));
    }

    function taken(): void {
      clearTimeout(unread);
      unread = undefined;
      count();
    }

    function sent(): void {
      count();
      if (!stream.writableNeedDrain) return;
      unread ??= setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), seconds * 1000).unref();
    }

    /** For the rest of a message, or for none. */
    function wait(waits: boolean): void {
      if (!waits) clearTimeout(late);
      if (waits === (late !== undefined)) return;
      const details = `The message did not arrive within ${seconds} s (CELLSTEP_REQUEST_SECONDS).`;
      late = waits ? setTimeout(() => end(status.DEADLINE_EXCEEDED, details), seconds * 1000) : undefined;
    }

    function take({ length }: Buffer): void {
      wait(true);
      if (account.admits(holding.client, length, arrived)) {
        hold(arrived + length);
        pace.took(holding.client, source, length);
        return;
      }
      // What still comes is thrown away.
      stream.removeAllListeners('data').resume();
      end(status.UNAVAILABLE, account.overloaded().message);
    }

    function done(): void {
      stream.off('data', take);
      wait(false);
      hold(0);
      if (counted) open--;
      counted = false;
    }

    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        if (!requestStream) wait(true);
        else if (open < streams) {
          open++;
          counted = true;
        } else {
          const details = `This process has ${streams} open streams already. Try again later.`;
          return end(status.RESOURCE_EXHAUSTED, details);
        }
        next(metadata);
      })
      .withOnReceiveMessage((message: Buffer, next) => {
        // A compressed one is larger than what came of it.
        hold(Math.max(0, arrived - message.length - PREFIX_BYTES));
        if (!requestStream) wait(false);
        next(message);
      })
      .withOnCancel(done)
      .build();
    // Before grpc-js puts a message together.
    stream.prependListener('data', take);
    stream.on('drain', taken);
    stream.once('close', taken);
    const call = watched(inner, listener, { done, sent });
    return call;
  };
}

/** The address of a peer, without its port. */
export function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

/** A call that `listener` hears, and that calls `sent` after each message, and `done` before its status is sent. */
function watched(
  inner: ServerInterceptingCallInterface,
  listener: ServerListener,
  { done, sent }: { readonly done: () => void; readonly sent: () => void },
): ServerInterceptingCall {
  const responder = new ResponderBuilder()
    .withStart((next) => next(listener))
    .withSendMessage((message, next) => {
      next(message);
      sent();
    })
    .withSendStatus((sent, next) => {
      done();
      next(sent);
    });
  return new ServerInterceptingCall(inner, responder.build());
}
