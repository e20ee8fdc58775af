import { connect } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { type Attack, zeroCell } from '../attack.ts';
import { head, type Target } from '../target.ts';

const CLIENTS = 30;
const SENT_BYTES = 2 ** 26;
/** Below the limit of JSON. */
const LONG_BYTES = 3 * 2 ** 20;
/** Below the limit of a body. */
const FILE_BYTES = 16e6;
const GRPC = '/inference.GRPCInferenceService';

/** Steps that are refused, one message each, and one with as many numbers as go into so many bytes. */
const SHORT = `{"session":"none","inputs":[[1]]}\n`;
const LONG = `{"session":"none","inputs":[[${'1,'.repeat(LONG_BYTES / 2)}1]]}\n`;

/** What comes on and on over connections that were let in once. */
export const STREAMS: readonly Attack[] = [
  {
    name: `${CLIENTS} clients that send 64 MiB of lines each, short ones and long ones`,
    run: async (target) => {
      const lines = { 'content-type': 'application/jsonl', 'transfer-encoding': 'chunked' };
      const start = head('POST', '/v1/steps', lines);
      await each(target, (text) => Buffer.concat([start, chunk(filled(Buffer.from(text)))]));
    },
  },
  {
    name: `${CLIENTS} sockets that send 64 MiB of frames each, short ones and long ones`,
    run: (target) => each(target, (text) => Buffer.concat([HANDSHAKE, filled(frame(Buffer.from(text)))])),
  },
  {
    name: `${CLIENTS} sockets that send frames of 16 MB`,
    run: (target) => each(target, () => Buffer.concat([HANDSHAKE, filled(frame(Buffer.alloc(FILE_BYTES), BINARY))])),
  },
  {
    name: `${CLIENTS} clients of gRPC that send 64 MiB of messages each, short ones, long ones, and lists of 16 M`,
    run: async (target) => {
      await target.make('/v1/cells', zeroCell('a-cell', 'LSTMCell', 4, 4));
      const sent: [call: string, request: Buffer][] = [
        ['ModelStreamInfer', request(Buffer.alloc(16))],
        ['ModelInfer', request(Buffer.alloc(FILE_BYTES))],
        ['ModelInfer', listed(Buffer.alloc(FILE_BYTES, 1))],
      ];
      const messages = sent.map(([call, one]) => [`${GRPC}/${call}`, filled(message(one))] as const);
      const ends = Array.from({ length: CLIENTS }, (_, k) => callGrpc(target.grpcUrl, ...messages[k % 3]));
      await delay(target.seconds * 1000);
      for (const end of ends) end();
    },
  },
];

const HANDSHAKE = head('GET', '/v1/stream', {
  upgrade: 'websocket',
  connection: 'upgrade',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  'sec-websocket-protocol': 'cellstep.v1',
});

/** Clients that send what is made of short messages, and of long ones, and read what comes. */
async function each(target: Target, make: (text: string) => Buffer): Promise<void> {
  const sent = [make(SHORT), make(LONG)];
  for (let k = 0; k < CLIENTS; k++) target.open(sent[k % 2]).resume();
  await delay(target.seconds * 1000);
}

/** So many times the same that there are about SENT_BYTES of it, once at least. */
function filled(one: Buffer): Buffer {
  return Buffer.concat(Array(Math.max(1, Math.floor(SENT_BYTES / one.length))).fill(one));
}

function chunk(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

const [TEXT, BINARY] = [0x81, 0x82];

/** A frame of a client (RFC 6455, 5.2), masked with zeros. */
function frame(payload: Buffer, kind = TEXT): Buffer {
  const start = Buffer.alloc(14);
  start.writeUInt8(kind, 0);
  start.writeUInt8(0x80 | 127, 1);
  start.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([start, payload]);
}

/** A message of gRPC with its length before it. */
function message(payload: Buffer): Buffer {
  const start = Buffer.alloc(5);
  start.writeUInt32BE(payload.length, 1);
  return Buffer.concat([start, payload]);
}

/** A ModelInferRequest (inference.proto): `model_name` (1) and `raw_input_contents` (7). */
function request(raw: Buffer): Buffer {
  return Buffer.concat([field(1, Buffer.from('a-cell')), field(7, raw)]);
}

/** The same with `inputs` (5) whose `datatype` (2) is BOOL, and `contents` (5) with `bool_contents` (1). */
function listed(bools: Buffer): Buffer {
  const input = Buffer.concat([field(2, Buffer.from('BOOL')), field(5, field(1, bools))]);
  return Buffer.concat([field(1, Buffer.from('a-cell')), field(5, input)]);
}

/** A field of protobuf with its length before it. */
function field(number: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = bytes.length; rest > 0 || length.length === 0; rest >>>= 7)
    length.push((rest & 127) | (rest > 127 ? 128 : 0));
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), bytes]);
}

/** Returns what ends it. */
function callGrpc(url: string, path: string, bytes: Buffer): () => void {
  const session = connect(url).on('error', () => undefined);
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const stream = session.request(headers).on('error', () => undefined);
  stream.resume().end(bytes);
  return () => session.destroy();
}
