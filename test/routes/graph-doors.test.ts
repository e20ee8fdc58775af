import { expect, it, onTestFinished } from 'vitest';
import { GrpcDoor } from '../../src/oip/grpc/door.ts';
import { LinesClient, StreamClient } from '../streams/client.ts';
import { call, expectProblem, make } from '../support/call.ts';
import { decoded, GrpcClient } from '../support/grpc.ts';
import { accumulator, edge, graph, model, node } from '../support/onnx-models.ts';
import { onMemory, type Served } from '../support/serve.ts';
import { until } from '../support/until.ts';

const GAIN = encodeURIComponent('{"gain":10}');

/** A cell whose graph adds up its inputs, and a session on it. */
async function open({ app }: Served, session: object = {}): Promise<void> {
  const type = { 'content-type': 'application/x-onnx' };
  const made = await call(app, 'POST', `/v1/cells?graph=true&id=acc&constants=${GAIN}`, accumulator(), type);
  expect(made.status, made.text).toBe(201);
  await make(app, '/v1/sessions', { id: 's', cell: 'acc', ...session });
}

let url: string | undefined;
async function listen({ app }: Served): Promise<string> {
  url ??= await app.listen({ host: '127.0.0.1', port: 0 });
  return url;
}

onMemory('a graph at every door', (served) => {
  it('steps in a stream of lines, with named inputs and outputs, once for each key', async () => {
    await open(served);
    const client = new LinesClient(await listen(served));
    client.say({ id: 1, session: 's', inputs: [[1, 2]], key: 'a' });
    client.say({ id: 2, session: 's', named_inputs: { x: [[1, 1]] }, return_states: true });
    client.say({ id: 3, session: 's', named_inputs: { y: [[1, 1]] } });
    client.request.end(`${JSON.stringify({ id: 4, session: 's', inputs: [[1, 2]], key: 'a' })}\n`);
    await client.ended;
    const byId = new Map(client.lines.map((line) => [line.id, line]));
    expect(byId.get(1)).toMatchObject({ status: 200, output: [[10, 20]], outputs: { minus: [[-10, -20]] } });
    expect(byId.get(2)).toMatchObject({ status: 200, step: 2, output: [[20, 30]], states: [[[2, 3]], [[2]]] });
    expect(byId.get(3)).toMatchObject({ status: 422, problem: { code: 'invalid-value' } });
    expect(byId.get(4)).toMatchObject({ status: 200, step: 1, replayed: true, output: [[10, 20]] });
  });

  it('steps many sessions in one call, each with its own numbers or refusal', async () => {
    await open(served);
    const { app } = served;
    const ids = Array.from({ length: 20 }, (_, k) => `s${k}`);
    for (const id of ids) await make(app, '/v1/sessions', { id, cell: 'acc' });
    const odd: Record<string, object> = {
      s3: { inputs: [[1, 2, 3]] },
      s5: { if_match: 7 },
      s7: { inputs: [[1e39, 0]] },
    };
    const steps = ids.map((session, k) => ({ session, inputs: [[k, 1]], ...odd[session] }));
    const answers = async (sent: object[]) => {
      const { status, body } = await call(app, 'POST', '/v1/steps', { steps: sent });
      expect(status).toBe(200);
      return body.results;
    };
    await answers(steps);
    const second = await answers(steps.map((step) => ({ ...step, return_states: true })));
    const codes: Record<string, string> = { s3: 'wrong-shape', s5: 'version-mismatch', s7: 'value-out-of-range' };
    for (const [k, id] of ids.entries()) {
      if (codes[id]) expect(second[k]).toMatchObject({ problem: { code: codes[id] } });
      else expect(second[k]).toMatchObject({ step: 2, output: [[20 * k, 20]], states: [[[2 * k, 2]], [[2]]] });
    }
    const [third] = await answers([{ session: 's3', inputs: [[1, 1]] }]);
    expect(third).toMatchObject({ step: 1, output: [[10, 10]] });
  });

  it('steps over a WebSocket, and tells those that follow it', async () => {
    await open(served);
    const [client, follower] = [new StreamClient(await listen(served)), new StreamClient(await listen(served))];
    await Promise.all([client.open(), follower.open()]);
    await follower.ask({ id: 'follow', op: 'subscribe', session: 's' });
    const answer = await client.ask({ id: 'step', session: 's', named_inputs: { x: [[1, 2]] } });
    expect(answer).toMatchObject({ status: 200, step: 1, outputs: { y: [[10, 20]], minus: [[-10, -20]] } });
    const told = await follower.hear(({ step }) => step === 1);
    expect(told).toMatchObject({ session: 's', states: [[[1, 2]], [[1]]] });
  });

  it('steps a sequence over gRPC', async () => {
    await open(served);
    const limits = { maxBodyBytes: 2 ** 20, requestSeconds: 60, streamInFlight: 8, connectionsPerAddress: 0 };
    const door = new GrpcDoor(served.app, limits);
    const client = new GrpcClient(await door.listen({ host: '127.0.0.1', port: 0, reusePort: false }));
    onTestFinished(async () => {
      client.close();
      await door.close();
    });
    const infer = async (start: boolean) => {
      const reply = await client.call('ModelInfer', {
        model_name: 'acc',
        parameters: { sequence_id: { int64_param: 7 }, sequence_start: { bool_param: start } },
        inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2] } }],
        outputs: [{ name: 'y' }],
      });
      expect(reply.code, reply.details).toBe(0);
      const [bytes] = decoded('ModelInferResponse', reply.bytes).raw_output_contents;
      return [...new Float32Array(new Uint8Array(bytes).buffer)];
    };
    expect(await infer(true)).toEqual([10, 20]);
    expect(await infer(false)).toEqual([20, 40]);
  });

  it('gives outputs of any name to requests to infer', async () => {
    const name = 'say "y",\n\u0001 please';
    const file = model(
      graph({
        inputs: [edge('x', ['batch', 1]), edge('h', ['batch', 1])],
        nodes: [node({ op: 'Add', in: ['x', 'h'], out: ['hn'] }), node({ op: 'Neg', in: ['hn'], out: [name] })],
        outputs: [edge(name, ['batch', 1]), edge('hn', ['batch', 1])],
      }),
    );
    const type = { 'content-type': 'application/x-onnx' };
    const made = await call(served.app, 'POST', '/v1/cells?graph=true&id=odd', file, type);
    expect(made.status, made.text).toBe(201);
    const inputs = [{ name: 'x', shape: [1, 1], datatype: 'FP32', data: [2] }];
    const { body } = await call(served.app, 'POST', '/v2/models/odd/infer', { inputs });
    expect(body.outputs[0]).toEqual({ name, datatype: 'FP32', shape: [1, 1], data: [-2] });
  });

  it('forgets a session that nobody uses, and counts runs in the metrics', async () => {
    await open(served, { ttl_seconds: 60, history: 2 });
    const { app, clock } = served;
    expect((await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[1, 2]] })).status).toBe(200);
    const metrics = async () => (await app.inject('/metrics')).payload;
    expect(await metrics()).toMatch(/cellstep_step_duration_seconds_count\{[^}]*place="process"[^}]*\} [1-9]/);
    await until(async () => /cellstep_graph_processes\{[^}]*\} [12]\b/.test(await metrics()));
    expect(await metrics()).toMatch(/cellstep_graph_runs_waiting\{[^}]*\} 0\b/);
    clock.now += 61_000;
    expectProblem(await call(app, 'POST', '/v1/sessions/s/steps', { inputs: [[1, 2]] }), 'session-expired');
    expect((await call(app, 'DELETE', '/v1/cells/acc')).status).toBe(204);
  });
});
