import { MAX_STEPS, type Signal } from './signal.ts';

type Reader = (view: DataView, at: number) => number;

/** By format (1 PCM, 3 float) and bits: from bytes to a number from -1 to 1. */
const READERS: Readonly<Record<string, Reader>> = {
  '1/8': (view, at) => (view.getUint8(at) - 128) / 128,
  '1/16': (view, at) => view.getInt16(at, true) / 32_768,
  '1/24': (view, at) =>
    ((view.getUint8(at) << 8) | (view.getUint8(at + 1) << 16) | (view.getUint8(at + 2) << 24)) / 2 ** 31,
  '1/32': (view, at) => view.getInt32(at, true) / 2 ** 31,
  '3/32': (view, at) => view.getFloat32(at, true),
};

/** The sound of a WAV file as one feature: channels mixed, thinned out to MAX_STEPS. Throws a RangeError for another file. */
export function readWav(bytes: ArrayBuffer): Signal {
  const view = new DataView(bytes);
  if (bytes.byteLength < 44 || tag(view, 0) !== 'RIFF' || tag(view, 8) !== 'WAVE') throw new RangeError('RIFF');
  const chunks = chunksOf(view);
  const format = chunks.get('fmt ');
  const data = chunks.get('data');
  if (!format || !data || format.size < 16) throw new RangeError('fmt');
  const code = view.getUint16(format.at, true);
  const channels = view.getUint16(format.at + 2, true);
  const bits = view.getUint16(format.at + 14, true);
  // 0xfffe: the real format is in the extension.
  const kind = code === 0xfffe && format.size >= 26 ? view.getUint16(format.at + 24, true) : code;
  const read = READERS[`${kind}/${bits}`];
  if (!read || channels === 0) throw new RangeError(`${kind}/${bits}`);
  const width = (bits / 8) * channels;
  const frames = Math.floor(data.size / width);
  const stride = Math.max(1, Math.ceil(frames / MAX_STEPS));
  return Array.from({ length: Math.floor(frames / stride) }, (_, step) => {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++)
      sum += read(view, data.at + step * stride * width + channel * (bits / 8));
    return [Math.fround(sum / channels)];
  });
}

function chunksOf(view: DataView): Map<string, { at: number; size: number }> {
  const chunks = new Map<string, { at: number; size: number }>();
  for (let at = 12; at + 8 <= view.byteLength; ) {
    const size = Math.min(view.getUint32(at + 4, true), view.byteLength - at - 8);
    chunks.set(tag(view, at), { at: at + 8, size });
    at += 8 + size + (size % 2);
  }
  return chunks;
}

function tag(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
}
