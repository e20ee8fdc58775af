import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listen, type SpeechEvent } from '../../examples/voice-activity.ts';
import { freePort } from '../../scripts/free-port.ts';
import { service, temporaryDirectory } from '../system/support.ts';
import { MODELS, MODELS_PYTHON, pathOf } from './models.ts';

const TORCH_PYTHON = process.env.CELLSTEP_INTEROP_PYTHON;
const RATE = 16_000;
const model = () => pathOf(MODELS[0]);

/** What espeak-ng says, at 16,000 samples a second. */
function speak(text: string, directory: string): Float32Array {
  const path = join(directory, 'spoken.wav');
  execFileSync('espeak-ng', ['-w', path, '-s', '150', text]);
  const bytes = readFileSync(path);
  const rate = bytes.readUInt32LE(24);
  const data = bytes.indexOf('data') + 8;
  const sample = (i: number) => (data + 2 * i + 1 < bytes.length ? bytes.readInt16LE(data + 2 * i) : 0);
  const length = Math.floor(((bytes.length - data) / 2 / rate) * RATE);
  return Float32Array.from({ length }, (_, i) => {
    const at = (i * rate) / RATE;
    const [left, rest] = [Math.floor(at), at % 1];
    return sample(left) * (1 - rest) + sample(left + 1) * rest;
  });
}

function writeWav(path: string, parts: readonly Float32Array[]): void {
  const samples = Int16Array.from(parts.flatMap((part) => [...part]));
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + samples.byteLength, 4);
  head.write('WAVEfmt ', 8);
  for (const [value, at] of [
    [16, 16],
    [RATE, 24],
    [2 * RATE, 28],
    [samples.byteLength, 40],
  ])
    head.writeUInt32LE(value, at);
  for (const [value, at] of [
    [1, 20],
    [1, 22],
    [2, 32],
    [16, 34],
  ])
    head.writeUInt16LE(value, at);
  head.write('data', 36);
  writeFileSync(path, Buffer.concat([head, new Uint8Array(samples.buffer)]));
}

/** Some words, silence, and other words. */
function recording(directory: string): string {
  const path = join(directory, 'speech.wav');
  const silence = (seconds: number) => new Float32Array(seconds * RATE);
  const [first, second] = ['Good morning. How are you today?', 'The state of this network outlives the service.'].map(
    (text) => speak(text, directory),
  );
  writeWav(path, [silence(0.5), first, silence(1), second, silence(1)]);
  return path;
}

/** What the package finds. Its own code needs torch, which the Python of test/interop has. */
function expected(wav: string): SpeechEvent[] {
  const script = join(import.meta.dirname, 'vad_reference.py');
  const packages = dirname(dirname(dirname(model())));
  const env = { ...process.env, PYTHONPATH: packages };
  const lines = execFileSync(TORCH_PYTHON ?? '', [script, wav], { env, encoding: 'utf8' })
    .trim()
    .split('\n');
  return lines.map((line) => {
    const [kind, sample] = line.split(' ');
    return { kind: kind as SpeechEvent['kind'], sample: Number(sample) };
  });
}

const ready = MODELS_PYTHON !== undefined && TORCH_PYTHON !== undefined;
if (!ready && process.env.CELLSTEP_CI === '1')
  throw new Error('CELLSTEP_INTEROP_PYTHON or CELLSTEP_ONNX_PYTHON is missing');

describe.skipIf(!ready)('examples/voice-activity.ts', () => {
  it('finds what the package finds, though the service is killed in the middle', async () => {
    const directory = temporaryDirectory();
    const wav = recording(directory);
    const settings = { CELLSTEP_STORE: `lmdb:${join(directory, 'data')}`, CELLSTEP_PORT: `${await freePort()}` };
    const first = await service(settings);
    const events: SpeechEvent[] = [];
    for await (const event of listen(first.url, { wav, model: model(), session: 'call' })) {
      events.push(event);
      if (events.length !== 1) continue;
      await first.stop('SIGKILL');
      await service(settings);
    }
    const found = expected(wav);
    expect(found.length).toBeGreaterThanOrEqual(4);
    expect(events).toEqual(found);
  });

  it('continues after it was killed itself', async () => {
    const directory = temporaryDirectory();
    const wav = recording(directory);
    const { url } = await service({ CELLSTEP_STORE: `lmdb:${join(directory, 'data')}` });
    const run = (after: number) => {
      const child = spawn(process.execPath, ['examples/voice-activity.ts', wav, model(), 'mine'], {
        env: { ...process.env, CELLSTEP_URL: url },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const lines: string[] = [];
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        lines.push(...text.split('\n').filter((line) => line !== ''));
        if (lines.length >= after) child.kill('SIGKILL');
      });
      return once(child, 'close').then(() => lines);
    };
    const [before, rest] = [await run(1), await run(Number.POSITIVE_INFINITY)];
    const words = { start: 'starts', end: 'stops' };
    const wanted = expected(wav).map(({ kind, sample }) => `${(sample / RATE).toFixed(3)} s: speech ${words[kind]}`);
    expect(before[0]).toBe(wanted[0]);
    // What was found while it died it may not have printed.
    const told = [...before, ...rest];
    expect(wanted.slice(-rest.length)).toEqual(rest);
    expect(told.length).toBeGreaterThanOrEqual(wanted.length - 1);
    const session = (await (await fetch(`${url}/v1/sessions/mine`)).json()) as { step: number };
    expect(session.step).toBe(Math.floor((readFileSync(wav).length - 44) / 2 / 512));
  });
});
