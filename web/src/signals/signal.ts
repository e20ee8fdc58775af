import { randomNumbers } from '../numbers/numbers.ts';

/** Inputs over time: [step][feature]. */
export type Signal = readonly (readonly number[])[];

export const SIGNAL_NAMES = ['sine', 'steps', 'pulse', 'noise', 'text', 'drawn', 'file'] as const;
export type SignalName = (typeof SIGNAL_NAMES)[number];

/** More steps than this are not kept of a file. */
export const MAX_STEPS = 10_000;
const LENGTH = 120;

/** A ready-made signal; every further feature lags a quarter of a wave behind the one before it. */
export function readySignal(name: 'sine' | 'steps' | 'pulse' | 'noise', features: number): Signal {
  const random = randomNumbers(7);
  const noise = Array.from({ length: LENGTH * features }, () => 2 * random() - 1);
  const value = {
    sine: (t: number) => Math.sin((2 * Math.PI * t) / 40),
    steps: (t: number) => [0, 1, 0.5, -0.5, -1, 0.25][((Math.floor(t / 20) % 6) + 6) % 6],
    pulse: (t: number) => (((t % 40) + 40) % 40 === 0 ? 1 : 0),
    noise: (t: number, i: number) => noise[t * features + i],
  }[name];
  return Array.from({ length: LENGTH }, (_, t) =>
    Array.from({ length: features }, (_, i) => Math.fround(value(name === 'noise' ? t : t - 10 * i, i))),
  );
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz ';

/** Text as a signal. With one feature each letter is a number from -1 (a) to 1 (blank); with more it is a 1 among zeros. */
export function textSignal(text: string, features: number): Signal {
  const letters = [...text.toLowerCase()].slice(0, MAX_STEPS).map((letter) => {
    const index = ALPHABET.indexOf(letter);
    return index < 0 ? ALPHABET.length - 1 : index;
  });
  if (features === 1) return letters.map((index) => [Math.fround((2 * index) / (ALPHABET.length - 1) - 1)]);
  return letters.map((index) => Array.from({ length: features }, (_, i) => (i === index % features ? 1 : 0)));
}
