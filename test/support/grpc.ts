import { readFileSync } from 'node:fs';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

const { root } = protobuf.parse(readFileSync(new URL('../../src/oip/grpc/inference.proto', import.meta.url), 'utf8'), {
  keepCase: true,
});

/** A message by its name, as a library writes it. */
export function encoded(name: string, value: object): Buffer {
  const type = root.lookupType(`inference.${name}`);
  return Buffer.from(type.encode(type.fromObject(value)).finish());
}

// biome-ignore lint/suspicious/noExplicitAny: tests reach into replies of every shape
export function decoded(name: string, bytes: Buffer): any {
  const type = root.lookupType(`inference.${name}`);
  return type.toObject(type.decode(bytes), { longs: String, defaults: true });
}

export interface GrpcReply {
  /** 0 where all went well; see https://grpc.io/docs/guides/status-codes. */
  readonly code: number;
  readonly details: string;
  readonly bytes: Buffer;
  readonly metadata: Metadata;
}

const same = (bytes: Buffer) => bytes;

/** A client of gRPC that sends bytes as they are. */
export class GrpcClient {
  private readonly client: Client;

  constructor(port: number) {
    this.client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** One call, with the headers of a request. */
  call(
    name: string,
    message: object | Buffer,
    headers: Readonly<Record<string, string>> = {},
    options: { readonly deadline?: number } = {},
  ): Promise<GrpcReply> {
    const bytes = Buffer.isBuffer(message) ? message : encoded(`${name}Request`, message);
    return new Promise((resolve) => {
      const answered = (error: ServiceError | null, reply?: Buffer) =>
        resolve({
          code: error?.code ?? 0,
          details: error?.details ?? '',
          bytes: reply ?? Buffer.alloc(0),
          metadata: error?.metadata ?? first,
        });
      let first = new Metadata();
      const call = this.client.makeUnaryRequest(
        pathOf(name),
        same,
        same,
        bytes,
        metadataOf(headers),
        options,
        answered,
      );
      call.on('metadata', (sent: Metadata) => {
        first = sent;
      });
    });
  }

  stream(headers: Readonly<Record<string, string>> = {}) {
    return this.client.makeBidiStreamRequest<Buffer, Buffer>(
      pathOf('ModelStreamInfer'),
      same,
      same,
      metadataOf(headers),
    );
  }

  close(): void {
    this.client.close();
  }
}

function pathOf(name: string): string {
  return `/inference.GRPCInferenceService/${name}`;
}

function metadataOf(headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}
