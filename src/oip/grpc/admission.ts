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

export interface AdmissionLimits {
  /** How many messages may arrive at once. Others are not read until one is complete. */
  readonly arriving: number;
  /** The time in which a whole message must arrive. */
  readonly seconds: number;
  /** Streams that may be open at once. */
  readonly streams: number;
}

/**
 * Limits what clients can make a process hold before a call begins: the number of incomplete messages, their time, and the
 * number of open streams.
 */
export function createAdmission({ arriving, seconds, streams }: AdmissionLimits): ServerInterceptor {
  const waiting = new Set<() => void>();
  let free = arriving;
  let open = 0;

  function enter(begin: () => void): void {
    if (free > 0) {
      free--;
      begin();
    } else waiting.add(begin);
  }

  function leave(): void {
    free++;
    const [next] = waiting;
    if (!next) return;
    waiting.delete(next);
    enter(next);
  }

  const single: ServerInterceptor = (_method, inner) => {
    let late: NodeJS.Timeout | undefined;
    let begin: (() => void) | undefined;
    const done = () => {
      if (begin) waiting.delete(begin);
      if (!late) return;
      clearTimeout(late);
      late = undefined;
      leave();
    };
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        begin = () => {
          const details = `The message did not arrive within ${seconds} s (CELLSTEP_REQUEST_SECONDS).`;
          late = setTimeout(
            () => call.sendStatus({ code: status.DEADLINE_EXCEEDED, details, metadata: new Metadata() }),
            seconds * 1000,
          );
          next(metadata);
        };
        enter(begin);
      })
      .withOnReceiveMessage((message, next) => {
        done();
        next(message);
      })
      .withOnCancel(done)
      .build();
    const call = watched(inner, listener, done);
    return call;
  };

  const stream: ServerInterceptor = (_method, inner) => {
    let counted = false;
    const done = () => {
      if (counted) open--;
      counted = false;
    };
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        if (open < streams) {
          open++;
          counted = true;
          next(metadata);
          return;
        }
        const details = `This process has ${streams} open streams already. Try again later.`;
        call.sendStatus({ code: status.RESOURCE_EXHAUSTED, details, metadata: new Metadata() });
      })
      .withOnCancel(done)
      .build();
    const call = watched(inner, listener, done);
    return call;
  };

  return (method, call) => (method.requestStream ? stream : single)(method, call);
}

/** A call that `listener` hears, and that calls `done` before its status is sent. */
function watched(
  inner: ServerInterceptingCallInterface,
  listener: ServerListener,
  done: () => void,
): ServerInterceptingCall {
  const responder = new ResponderBuilder()
    .withStart((next) => next(listener))
    .withSendStatus((sent, next) => {
      done();
      next(sent);
    });
  return new ServerInterceptingCall(inner, responder.build());
}
