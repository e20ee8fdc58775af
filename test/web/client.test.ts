import { expect, it } from 'vitest';
import { Api, type Call } from '../../web/src/api/client.ts';
import { ApiProblem, errorsAt } from '../../web/src/api/problem.ts';
import { snippet } from '../../web/src/api/snippets.ts';
import { hashOf, placeOf } from '../../web/src/frame/place.ts';
import { folded, rows, show, typed } from '../../web/src/numbers/numbers.ts';

const problem = (status: number, more: object = {}) =>
  new Response(JSON.stringify({ status, detail: `No: ${status}.`, ...more }), {
    status,
    headers: { 'content-type': 'application/problem+json' },
  });

function clientOf(answers: (() => Response | Promise<Response>)[]) {
  const seen = {
    sent: [] as RequestInit[],
    calls: [] as Call[],
    reached: [] as boolean[],
    asked: [] as string[],
    key: '',
  };
  const api = new Api({
    fetch: (async (_path: string, init: RequestInit) => {
      seen.sent.push(init);
      return answers.shift()!();
    }) as typeof fetch,
    key: () => seen.key,
    askForKey: async (refusal) => {
      seen.asked.push(refusal);
      seen.key = 'secret';
    },
    report: (call) => seen.calls.push(call),
    reach: (reached) => seen.reached.push(reached),
    whenReached: async () => undefined,
  });
  return { api, seen };
}

it('asks for a key where the service wants one, and sends the call again with it', async () => {
  const { api, seen } = clientOf([() => problem(401), () => new Response('{"a":1}')]);
  expect(await api.get('v1/cells')).toEqual({ a: 1 });
  expect(seen.asked).toEqual(['No: 401.']);
  expect(seen.sent.map(({ headers }) => (headers as Record<string, string>).authorization)).toEqual([
    undefined,
    'Bearer secret',
  ]);
});

it("throws a refusal in the service's words, with its fields", async () => {
  const errors = [{ pointer: '/config/units', detail: 'Too many.' }];
  const { api } = clientOf([() => problem(422, { code: 'limit-exceeded', errors })]);
  const refused = (await api.post('v1/cells', {}).catch((error) => error)) as ApiProblem;
  expect(refused).toBeInstanceOf(ApiProblem);
  expect(refused).toMatchObject({ status: 422, code: 'limit-exceeded', message: 'No: 422.' });
  expect(errorsAt(refused, '/config')).toEqual(['Too many.']);
  expect(errorsAt(refused, '/config/unit')).toEqual([]);
});

it('tells that there was no answer, and that there is one again', async () => {
  const { api, seen } = clientOf([() => Promise.reject(new TypeError('refused')), () => new Response('{}')]);
  await expect(api.get('v1/cells')).rejects.toMatchObject({ status: 0 });
  await api.get('v1/cells');
  expect(seen.reached).toEqual([false, true]);
});

it('gives the lines of a reply as they arrive, also when they come in pieces', async () => {
  const pieces = ['{"loss":1}\n{"lo', 'ss":2}\n', '{"loss":3}'];
  const body = new ReadableStream({
    pull: (controller) => {
      const piece = pieces.shift();
      if (piece) controller.enqueue(new TextEncoder().encode(piece));
      else controller.close();
    },
  });
  const { api, seen } = clientOf([() => new Response(body)]);
  const lines: unknown[] = [];
  for await (const line of api.lines('v1/x', {}, new AbortController().signal)) lines.push(line);
  expect(lines).toEqual([{ loss: 1 }, { loss: 2 }, { loss: 3 }]);
  expect(seen.sent[0].headers).toMatchObject({ accept: 'application/jsonl' });
});

it('keeps a call for the person to see, without the key', async () => {
  const { api, seen } = clientOf([() => new Response('{"ok":true}', { status: 201 })]);
  seen.key = 'secret';
  await api.post('v1/cells', { class_name: 'GRUCell' });
  expect(seen.calls).toMatchObject([
    { method: 'POST', path: 'v1/cells', sent: '{"class_name":"GRUCell"}', status: 201, answered: '{"ok":true}' },
  ]);
  expect(JSON.stringify(seen.calls)).not.toContain('secret');
});

const call = { method: 'POST', path: 'v1/cells', headers: {}, sent: `{"id":"it's","weights":null,"ok":true}` };
const BASE = 'http://localhost:8080/';

it('writes a call as curl, TypeScript and Python', () => {
  expect(snippet('curl', call, BASE, false)).toBe(
    `curl 'http://localhost:8080/v1/cells' \\\n  --json '{"id":"it'\\''s","weights":null,"ok":true}'`,
  );
  expect(snippet('TypeScript', call, BASE, false)).toContain(
    `body: JSON.stringify({"id":"it's","weights":null,"ok":true}),`,
  );
  expect(snippet('Python', call, BASE, false)).toContain(
    `requests.post("http://localhost:8080/v1/cells", json={"id": "it's", "weights": None, "ok": True})`,
  );
});

it('leaves a key to the environment of a program', () => {
  for (const language of ['curl', 'TypeScript', 'Python'] as const) {
    expect(snippet(language, call, BASE, true)).toContain('CELLSTEP_KEY');
  }
});

it('writes a method that is not the usual one, and a file', () => {
  expect(snippet('curl', { ...call, method: 'DELETE', sent: undefined }, BASE, false)).toBe(
    "curl -X DELETE 'http://localhost:8080/v1/cells'",
  );
  expect(snippet('curl', { ...call, sent: undefined, file: 'm.onnx' }, BASE, false)).toContain(
    "--data-binary '@m.onnx'",
  );
  expect(snippet('Python', { ...call, sent: undefined, file: 'm.onnx' }, BASE, false)).toContain(
    'data=open("m.onnx", "rb")',
  );
});

it('writes a subscription over a socket, whose key comes first', () => {
  const sent = '{"op":"subscribe","id":1,"session":"a"}';
  const subscription = { method: 'SOCKET', path: 'v1/stream', headers: {}, sent };
  expect(snippet('curl', subscription, BASE, false)).toContain("curl 'http://localhost:8080/v1/sessions/a'");
  expect(snippet('TypeScript', subscription, BASE, false)).toContain(
    `new WebSocket('ws://localhost:8080/v1/stream', 'cellstep.v1')`,
  );
  expect(snippet('TypeScript', subscription, BASE, false)).toContain(`socket.send(JSON.stringify(${sent}));`);
  expect(snippet('Python', subscription, BASE, false)).toContain(`socket.send(${JSON.stringify(sent)})`);
  for (const language of ['TypeScript', 'Python'] as const) {
    const lines = snippet(language, subscription, BASE, true).split('\n');
    const [auth, subscribe] = ['auth', 'subscribe'].map((op) => lines.findIndex((line) => line.includes(op)));
    expect(auth).toBeGreaterThan(0);
    expect(subscribe).toBeGreaterThan(auth);
  }
});

it('reads and shows numbers as people write them', () => {
  expect([6, 0.5, -0.0313, 1e9, 1e-7, Number.NaN, Number.NEGATIVE_INFINITY].map((value) => show(value))).toEqual([
    '6',
    '0.5',
    '−0.0313',
    '1e9',
    '1e−7',
    'NaN',
    '−∞',
  ]);
  expect(['2', ' −1.5', '∞', '-Infinity', 'NaN', '', 'two'].map(typed)).toEqual([
    2,
    -1.5,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
    undefined,
    undefined,
  ]);
});

it.each([[[]], [[3]], [[2, 3]], [[2, 1, 3]]])('folds rows back into shape %j', (shape) => {
  const count = shape.reduce((product, size) => product * size, 1);
  const width = shape.at(-1) ?? 1;
  const lines = Array.from({ length: count / width }, (_, r) => Array.from({ length: width }, (_, c) => r * width + c));
  expect(rows(folded(lines, shape) as never)).toEqual(lines);
});

it('finds back to a place from its address', () => {
  const hash = hashOf(['inspect', 'sessions', 'a b/c'], { step: 5, none: undefined });
  expect(hash).toBe('#/inspect/sessions/a%20b%2Fc?step=5');
  expect(placeOf(hash)).toEqual({ path: ['inspect', 'sessions', 'a b/c'], query: { step: '5' } });
  expect(placeOf('')).toEqual({ path: [], query: {} });
});
