import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApp, type TestApp } from '../../support/app.ts';
import { call, expectProblem } from '../../support/call.ts';
import { runs } from '../../support/runs.ts';

/** A config is taken as any JSON, so this route sees whatever the parser lets through. */
const URL = '/v1/ops/tanh';

describe('a JSON body', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp();
  });
  afterAll(() => app.close());
  const send = (body: string | Uint8Array) => call(app, 'POST', URL, body);

  it('may start with a byte order mark, and have blanks around it', async () => {
    expect((await send('\ufeff {"inputs":[0]}\r\n\t ')).body).toEqual({ output: 0 });
  });

  it.each([
    ['text that ends early', '{"inputs":[0]'],
    ['two values', '{"inputs":[0]}{}'],
    ['a trailing comma', '{"inputs":[0],}'],
    ['single quotes', "{'inputs':[0]}"],
    ['a comment', '{"inputs":[0]/**/}'],
    ['NaN as a word', '{"inputs":[NaN]}'],
    ['Infinity as a word', '{"inputs":[-Infinity]}'],
    ['a leading zero', '{"inputs":[01]}'],
    ['hexadecimal', '{"inputs":[0x1]}'],
    ['a control character in a string', '{"inputs":["\u0001"]}'],
    ['half an escape', '{"inputs":["\\u12"]}'],
    ['blanks alone', '  '],
    ['a key that reaches a prototype', '{"__proto__":{"inputs":[0]}}'],
    ['the same, escaped', '{"\\u005f_proto__":1}'],
    ['a constructor with a prototype', '{"constructor":{"prototype":{"inputs":[0]}}}'],
    ['arrays 65 deep', `${'['.repeat(65)}${']'.repeat(65)}`],
    ['arrays 10,000 deep', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
    ['objects 10,000 deep', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
    ['brackets that never close', '['.repeat(1_000_000)],
  ])('is refused with %s', async (_, body) => {
    expectProblem(await send(body), 'invalid-json');
  });

  it('is refused unless it is UTF-8', async () => {
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xe2, 0x82]]) {
      const body = Buffer.concat([Buffer.from('{"inputs":["'), Buffer.from(bytes), Buffer.from('"]}')]);
      expectProblem(await send(body), 'invalid-json', /UTF-8/);
    }
    expectProblem(await send(Buffer.from('{"inputs":[0]}', 'utf16le')), 'invalid-json');
  });

  it('is not confused by brackets and quotes in strings', async () => {
    const text = JSON.stringify({ inputs: [0], [`${'['.repeat(100)}"\\`]: 1 });
    expectProblem(await send(text), 'invalid-request', /Unknown field/);
  });

  it('is missing if it is empty, not broken', async () => {
    expectProblem(await send(''), 'invalid-request');
    expectProblem(await call(app, 'POST', URL), 'invalid-request');
  });

  it('is answered with the code and the detail of the first of several faults', async () => {
    const ragged = expectProblem(await send('{"inputs":[[[1],[1,2]]],"params":1}'), 'ragged-tensor', /'\/inputs/);
    expect(ragged.errors).toHaveLength(2);
    const shape = '{"id":0,"value":[[1],[1,2]]}';
    const id = expectProblem(await call(app, 'POST', '/v1/variables', shape), 'invalid-request', /'\/id'/);
    expect(id.errors).toHaveLength(2);
  });

  it('may be large, and is quoted in short', async () => {
    const reply = await send(JSON.stringify({ inputs: ['x'.repeat(2 ** 20)] }));
    expectProblem(reply, 'invalid-request', /xxx\.\.\./);
    expect(reply.text.length).toBeLessThan(2000);
  });

  it('is read as JSON.parse reads it, or refused', async () => {
    const depth = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0;
    const value = fc.json({ maxDepth: 4 });
    await fc.assert(
      fc.asyncProperty(value, async (text) => {
        expect(depth(JSON.parse(text))).toBeLessThan(64);
        const reply = await send(text);
        if (/__proto__|prototype/.test(text)) return;
        // What it says is well-formed, so it can only be the wrong shape.
        expect(reply.body.code).toMatch(/^(invalid-request|ragged-tensor|invalid-value)$/);
      }),
      { numRuns: runs(300) },
    );
  });
});
