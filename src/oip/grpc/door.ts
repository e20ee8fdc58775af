import { once } from 'node:events';
import type { Http2Session } from 'node:http2';
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import type { FastifyInstance } from 'fastify';
import { type Bytes, JoinedBytes } from '../../domain/bytes.ts';
import { Problem } from '../../domain/problems.ts';
import { Holding } from '../../http/admission/in-flight.ts';
import { clientAt } from '../../http/callers/callers.ts';
import { shareConnections } from '../../http/connections/connections.ts';
import { type Address, MoreListeners } from '../../http/connections/more-listeners.ts';
import { readTls, type TlsFiles, watchTls } from '../../http/connections/tls.ts';
import { asProblem, logFault } from '../../http/replies/problem-replies.ts';
import { addressOf, createAdmission } from './admission.ts';
import {
  type HttpReply,
  type HttpRequest,
  inferRequest,
  inferResponse,
  paced,
  SMALL_CALLS,
  textOfBytes,
  type UnaryCall,
} from './calls.ts';
import { type InferCall, readInferRequest } from './infer-request.ts';
import { frameMessage, frameResponse, frameStreamResponse, SERVICE } from './messages.ts';
import { type CallFailure, failureOf, failureOfProblem, metadataOf } from './statuses.ts';
import { InferStream } from './stream.ts';

export interface GrpcOptions {
  readonly maxBodyBytes: number;
  /** The time in which a whole message must arrive, or be read. */
  readonly requestSeconds: number;
  /** Messages of one stream that are carried out at once. */
  readonly streamInFlight: number;
  /** Connections of one address; 0: no limit. */
  readonly connectionsPerAddress: number;
  readonly tls?: TlsFiles;
}

/** Headers of a call that are passed on to the HTTP request. */
const PASSED = ['authorization', 'x-request-id', 'traceparent', 'tracestate', 'origin', 'user-agent'];
const MAX_STREAMS = 256;
const CALLS_OF_CONNECTION = 256;

interface Connection {
  readonly socket: Socket;
  session?: Http2Session;
}

type Call = ServerUnaryCall<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>;

/**
 * Serves the Open Inference Protocol over gRPC. Each message becomes the request that says the same over HTTP and goes
 * through the same door, so keys, limits, rates, logs and the protocol itself exist only once.
 */
export class GrpcDoor {
  private readonly app: FastifyInstance;
  private readonly options: GrpcOptions;
  private readonly server: Server;
  private readonly listener: NetServer | TlsServer;
  private readonly moreListeners: MoreListeners;
  /** By their peer, as calls name it. */
  private readonly connections = new Map<string, Connection>();
  private readonly streams = new Set<InferStream>();
  private readonly unwatch: () => void = () => undefined;

  constructor(app: FastifyInstance, options: GrpcOptions) {
    this.app = app;
    this.options = options;
    const { maxBodyBytes, requestSeconds, tls } = options;
    this.server = new Server({
      'grpc.max_receive_message_length': maxBodyBytes,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': CALLS_OF_CONNECTION,
      'grpc.keepalive_time_ms': 60_000,
      'grpc.keepalive_timeout_ms': 20_000,
      'grpc.max_connection_idle_ms': 600_000,
      interceptors: [
        createAdmission({
          account: app.account,
          pace: app.bodyPace,
          maxBytes: maxBodyBytes,
          seconds: requestSeconds,
          streams: MAX_STREAMS,
          carried: (peer, session) => {
            const connection = this.connections.get(peer);
            if (connection) connection.session = session;
          },
        }),
      ],
    });
    this.addCalls();
    this.listener = tls
      ? createTlsServer({ ...readTls(tls), ALPNProtocols: ['h2'], handshakeTimeout: 10_000 })
      : createServer();
    shareConnections(this.listener, options.connectionsPerAddress);
    const injector = this.server.createConnectionInjector(ServerCredentials.createInsecure());
    this.listener.on(tls ? 'secureConnection' : 'connection', (socket) => {
      if (socket.destroyed) return;
      const peer = `${socket.remoteAddress}:${socket.remotePort}`;
      this.connections.set(peer, { socket });
      socket.once('close', () => this.connections.delete(peer));
      // An error of a connection ends that connection only.
      socket.on('error', () => socket.destroy());
      injector.injectConnection(socket);
    });
    this.moreListeners = new MoreListeners(this.listener);
    if (tls) this.unwatch = watchTls(this.listener as TlsServer, tls, app.log);
    this.listener.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /** The port that it listens on. @throws the error of listen */
  async listen(address: Address): Promise<number> {
    this.listener.listen(address);
    await once(this.listener, 'listening');
    const { port } = this.listener.address() as AddressInfo;
    if (address.reusePort) await this.moreListeners.listen({ ...address, port });
    this.app.log.info(`gRPC listening at ${address.host}:${port}`);
    return port;
  }

  /** Answers the calls that have begun, and ends the connections. */
  async close(): Promise<void> {
    this.unwatch();
    this.listener.close();
    void this.moreListeners.close();
    const closed = new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
    const failure = failureOfProblem(shuttingDown());
    await Promise.all([...this.streams].map((stream) => stream.finish(failure)));
    await closed;
  }

  /** Cuts off calls that still run. */
  cutOff(): void {
    this.server.forceShutdown();
  }

  private addCalls(): void {
    const method = (name: string) => ({ path: `/${SERVICE}/${name}`, deserialize: same, serialize: same });
    const infer: UnaryCall = {
      ask: async (message, client) => inferRequest(await paced(this.reading(message), message.length, client)),
      answer: (reply, client) =>
        reply.status === 200 ? paced(frameResponse(inferResponse(reply)), reply.body.length, client) : undefined,
    };
    for (const [name, call] of [...SMALL_CALLS, ['ModelInfer', infer] as const]) {
      const { path, deserialize, serialize } = method(name);
      this.server.register(path, this.unary(call), serialize, deserialize, 'unary');
    }
    const { path, deserialize, serialize } = method('ModelStreamInfer');
    const stream = (call: ServerDuplexStream<Buffer, Buffer>) => this.openStream(call);
    this.server.register(path, stream, serialize, deserialize, 'bidi');
  }

  private reading(message: Buffer): Generator<void, InferCall> {
    return readInferRequest(message, this.options.maxBodyBytes);
  }

  private unary({ ask, answer }: UnaryCall): handleUnaryCall<Buffer, Buffer> {
    return async (call, respond) => {
      const client = clientOf(call);
      const holding = new Holding(this.app.account, client);
      try {
        if (call.cancelled) return;
        const reply = await this.exchange(call, await ask(call.request, client), holding);
        const message = await answer(reply, client);
        if (message) {
          call.sendMetadata(metadataOf(reply.headers));
          respond(null, message);
        } else respond(failureOf(reply));
      } catch (error) {
        respond(this.failure(error));
      } finally {
        holding.become(0);
      }
    };
  }

  private openStream(call: ServerDuplexStream<Buffer, Buffer>): void {
    const { maxBodyBytes: maxBytes, streamInFlight: inFlight } = this.options;
    const said = (failure: CallFailure) =>
      frameMessage('ModelStreamInferResponse', { error_message: failure.details ?? '' });
    const refuse = (error: unknown) => said(this.failure(error));
    const client = clientOf(call);
    /** Answers that wait for those before them. */
    const waiting = new Holding(this.app.account, client);
    const answerTo = async (request: InferCall): Promise<Buffer> => {
      const holding = new Holding(this.app.account, client);
      try {
        const reply = await this.exchange(call, inferRequest(request), holding);
        if (reply.status === 200) {
          return await paced(frameStreamResponse(inferResponse(reply)), reply.body.length, client);
        }
        const failure = failureOf(reply);
        if (isOverConnections(reply)) void stream.finish(failure);
        return said(failure);
      } catch (error) {
        return refuse(error);
      } finally {
        holding.become(0);
      }
    };
    const stream = new InferStream(call, {
      client,
      inFlight,
      maxBytes,
      turn: (begin) => this.app.intake.take(client, begin),
      reading: (message) => this.reading(message),
      refuse,
      infer: answerTo,
      waits: (bytes) => waiting.add(bytes),
    });
    this.streams.add(stream);
    const closed = () => this.streams.delete(stream);
    call.once('close', closed).once('cancelled', closed).once('finish', closed);
  }

  /** `holding` counts what has come of the reply. */
  private async exchange(
    call: Call,
    { method, url, headers, payload }: HttpRequest,
    holding: Pick<Holding, 'add'>,
  ): Promise<HttpReply> {
    const passed = PASSED.flatMap((name) =>
      call.metadata
        .get(name)
        .slice(0, 1)
        .map((value) => [name, String(value)]),
    );
    const peer = call.getPeer();
    // `inject` begins when its result is awaited, and the request is carried by what it begins in.
    const request = async () =>
      await this.app.inject({
        method,
        url,
        headers: { ...Object.fromEntries(passed), host: call.getHost(), ...headers },
        payload,
        remoteAddress: addressOf(peer),
        // It would make text of the whole reply, too.
        payloadAsStream: true,
      });
    const connection = this.connections.get(peer);
    const { statusCode, ...sent } = await this.app.carriedBy(connection?.socket, request);
    const reply = { status: statusCode, headers: sent.headers, body: await bytesOf(sent.stream(), holding) };
    // GOAWAY: calls that have begun are answered, as this one, and no other begins.
    if (isOverConnections(reply)) connection?.session?.close();
    return reply;
  }

  private failure(error: unknown): CallFailure {
    const closing = (error as { code?: string }).code === 'FST_ERR_REOPENED_CLOSE_SERVER';
    const problem = closing ? shuttingDown() : asProblem(error);
    logFault(this.app.log, problem);
    return failureOfProblem(problem);
  }
}

/** Who takes turns with others. */
function clientOf(call: Call): string {
  return clientAt(addressOf(call.getPeer()));
}

/** The connection is one more than its tenant may have. */
function isOverConnections({ status, body }: HttpReply): boolean {
  return status === 429 && JSON.parse(textOfBytes(body)).quota === 'connections';
}

/** All that comes, as it comes. */
function bytesOf(stream: NodeJS.ReadableStream, holding: Pick<Holding, 'add'>): Promise<Bytes> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    stream.on('data', (piece: Buffer) => {
      pieces.push(piece);
      holding.add(piece.length);
    });
    stream.once('end', () => resolve(new JoinedBytes(pieces)));
    stream.once('error', reject);
  });
}

function shuttingDown(): Problem {
  return new Problem('shutting-down', 'The service is shutting down. Send the request again.');
}

function same(message: Buffer): Buffer {
  return message;
}
