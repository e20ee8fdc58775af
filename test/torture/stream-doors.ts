import { request } from 'node:http';
import { WebSocket } from 'ws';

export interface StepMessage {
  readonly id: string;
  readonly key: string;
  readonly session: string;
  readonly inputs: readonly (readonly number[])[];
  readonly tensor_format: 'base64';
}

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
export type StepAnswer = any;

/** A connection, or calls one after another, over which steps of many sessions go. */
export interface StepDoor {
  send(messages: readonly StepMessage[]): void;
  close(): void;
}

export interface DoorEvents {
  /** Messages may be sent. */
  opened(): void;
  answered(answer: StepAnswer): void;
  /** It is over; nothing is answered any more. */
  closed(): void;
}

type OpenDoor = (url: string, events: DoorEvents) => StepDoor;

/** The ways to step many sessions, each as its clients use it. */
export const DOORS: Readonly<Record<'socket' | 'lines' | 'bulk', OpenDoor>> = {
  socket(url, { opened, answered, closed }) {
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/stream`, 'cellstep.v1');
    socket.on('open', opened);
    socket.on('message', (data: Buffer) => answered(JSON.parse(data.toString())));
    socket.on('error', () => undefined).on('close', closed);
    return {
      send: (messages) => {
        for (const message of messages) socket.send(JSON.stringify(message), () => undefined);
      },
      close: () => socket.terminate(),
    };
  },

  lines(url, { opened, answered, closed }) {
    const type = { 'content-type': 'application/jsonl' };
    const outgoing = request(`${url}/v1/steps`, { method: 'POST', headers: type, agent: false }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        const lines = (text + chunk).split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) answered(JSON.parse(line));
      });
      incoming.on('error', () => undefined).on('close', closed);
      opened();
    });
    outgoing.on('error', () => undefined).on('close', closed);
    outgoing.flushHeaders();
    return {
      send: (messages) => void outgoing.write(messages.map((message) => `${JSON.stringify(message)}\n`).join('')),
      close: () => outgoing.destroy(),
    };
  },

  bulk(url, { opened, answered, closed }) {
    const type = { 'content-type': 'application/json' };
    let last: ReturnType<typeof request> | undefined;
    setImmediate(opened);
    return {
      send(steps) {
        const outgoing = request(`${url}/v1/steps`, { method: 'POST', headers: type, agent: false }, (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', closed);
          incoming.on('close', () => {
            if (!incoming.complete || incoming.statusCode !== 200) return closed();
            const { results } = JSON.parse(Buffer.concat(chunks).toString());
            for (const result of results) answered(result);
          });
        });
        outgoing.on('error', closed);
        outgoing.end(JSON.stringify({ steps }));
        last = outgoing;
      },
      close: () => last?.destroy(),
    };
  },
};

export type DoorName = keyof typeof DOORS;
