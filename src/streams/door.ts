import { readFileSync } from 'node:fs';
import { PassThrough, type Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { openMessage, stepMessage } from '../../schemas/stream.ts';
import { tensorFieldsOf } from '../../schemas/tensor-fields.ts';
import { JSON_LINES, SAFETENSORS } from '../domain/media-types.ts';
import { Holding } from '../http/admission/in-flight.ts';
import { mediaTypeOf } from '../http/bodies/binary-body.ts';
import { jsonParser } from '../http/bodies/json-body.ts';
import { credentialOf } from '../http/callers/auth.ts';
import { type Callers, clientAt, clientOf, turnOf } from '../http/callers/callers.ts';
import { send, writerFor } from '../http/replies/replies.ts';
import { encoded, SLICE_BYTES, SlicedReply } from '../http/replies/sliced-reply.ts';
import { inTurns } from '../threads/in-turns.ts';
import { Queue } from '../threads/queue.ts';
import { watchCaller } from './admission.ts';
import { fieldsForm, TEXT_FORM } from './answer-form.ts';
import { callOf, Messages, type Running } from './carry-out.ts';
import { answerLines, type StreamLimits } from './json-lines.ts';
import { answersOf, itemsOf, textOfAnswers } from './many-steps.ts';
import { MessageReader } from './read-messages.ts';
import { Sender } from './sender.ts';
import type { SocketLimits } from './socket.ts';
import { type Offers, SocketDoor, type SocketDoorParts } from './socket-door.ts';
import { fileOfAnswers, itemsOfFile, type StepFields, sizeOfFields } from './step-file.ts';

/** The fields of messages that hold tensors. */
const FIELDS = new Map([...tensorFieldsOf(openMessage), ...tensorFieldsOf(stepMessage)]);

export interface StreamParts {
  readonly offers: Offers;
  readonly gate: SocketDoorParts['gate'];
  readonly limits: SocketLimits;
  readonly callers: Callers;
}

/** Takes steps of many sessions in one call, or over one connection. */
export class StreamDoor {
  private readonly limits: StreamLimits;
  private readonly offers: Offers;
  private readonly gate: SocketDoorParts['gate'];
  private readonly callers: Callers;
  private readonly running: Running = new Queue();
  private readonly parse: (text: string) => unknown;
  private readonly reader: MessageReader;
  private readonly stops = new Set<() => void>();
  readonly sockets: SocketDoor;
  /** The description of the socket's messages, which `npm run asyncapi` writes. */
  readonly asyncApi = readFileSync(new URL('../../asyncapi.yaml', import.meta.url), 'utf8');

  constructor(app: FastifyInstance, { offers, gate, limits, callers }: StreamParts) {
    const parseJson = jsonParser(app);
    this.limits = limits;
    this.offers = offers;
    this.gate = gate;
    this.callers = callers;
    this.parse = (text) => parseJson(undefined as never, text);
    this.reader = new MessageReader(FIELDS, this.parse, app.tensorFiles);
    this.sockets = new SocketDoor(app, { offers, running: this.running, reader: this.reader, gate, limits, callers });
  }

  /** `POST /v1/steps`. The headers tell the form of the steps and of the answers. */
  async answerSteps(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const type = mediaTypeOf(request.headers['content-type']);
    if (JSON_LINES.some((known) => known === type)) return this.answerLines(request, reply, type);
    const { tensorFiles: files } = request.server;
    const sent = request.body;
    const call = this.callOf(request);
    const holding = new Holding(request.server.account, clientOf(request));
    const items = sent instanceof Uint8Array ? itemsOfFile(await inTurns(files.read(sent)), this.parse) : itemsOf(sent);
    if (writerFor(request).mediaType === SAFETENSORS) {
      const form = fieldsForm(files);
      const answers = await answersOf<StepFields>(this.stepsOf(request), items, {
        form,
        sizeOf: sizeOfFields,
        call,
        holding,
      });
      const headers = { 'content-type': SAFETENSORS };
      return send(reply, { status: 200, headers, body: files.write(fileOfAnswers(answers)) });
    }
    const sizeOf = (text: string) => text.length;
    const texts = await answersOf(this.stepsOf(request), items, { form: TEXT_FORM, sizeOf, call, holding });
    reply.header('content-type', 'application/json; charset=utf-8');
    const pieces = textOfAnswers(texts);
    const length = texts.reduce((sum, text) => sum + text.length, 0);
    if (length > SLICE_BYTES) return new SlicedReply(length, encoded(pieces), turnOf(request));
    return [...pieces].join('');
  }

  /** Finishes running messages, then ends the streams and sockets. */
  async close(): Promise<void> {
    for (const stop of this.stops) stop();
    await this.sockets.close();
  }

  private callOf(request: FastifyRequest) {
    return callOf(request, new Sender(request, this.callers, request.leftSignal()));
  }

  private stepsOf({ identity }: FastifyRequest): Messages {
    const step = this.offers.of({ identity }).filter(([op]) => op === 'step');
    return new Messages(new Map(step), identity.tenant, this.running);
  }

  private answerLines(request: FastifyRequest, reply: FastifyReply, type: string): FastifyReply {
    const output = new PassThrough();
    const messages = this.stepsOf(request);
    if (this.gate.closed) {
      const caller = { credential: credentialOf(request), identity: request.identity };
      output.once(
        'close',
        watchCaller(this.gate, caller, (problem) => messages.refuse(problem)),
      );
    }
    const { stop } = answerLines(request.body as Readable, output, {
      messages,
      reader: this.reader,
      call: this.callOf(request),
      limits: this.limits,
      account: request.server.account,
      turn: (begin) => request.server.intake.take(clientAt(request.ip), begin),
      client: clientOf(request),
    });
    this.stops.add(stop);
    output.once('close', () => this.stops.delete(stop));
    reply.header('content-type', type).send(output);
    // Send the head now: the client may wait for it before it sends a line.
    reply.raw.flushHeaders();
    return reply;
  }
}
