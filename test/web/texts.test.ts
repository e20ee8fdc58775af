import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { changed, historyOf, redone, undone } from '../../web/src/model/undo.ts';
import { TEXTS } from '../../web/src/texts/index.ts';

const fields = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).toSorted();

describe('the texts of the page', () => {
  it('are there in each language, with the same fields', () => {
    expect(Object.keys(TEXTS.zh)).toEqual(Object.keys(TEXTS.en));
    for (const [name, text] of Object.entries(TEXTS.en)) {
      const other = TEXTS.zh[name as keyof typeof TEXTS.en];
      expect(other, name).not.toBe('');
      // A language without plurals, or with a shorter sentence, may leave a field out; it can't have another.
      expect(fields(text), name).toEqual(expect.arrayContaining(fields(other)));
    }
  });

  it('are all used', () => {
    const directory = new URL('../../web/src/', import.meta.url);
    const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(
      (name) => /\.tsx?$/.test(name) && !name.startsWith('texts'),
    );
    const sources = names.map((name) => readFileSync(new URL(name, directory), 'utf8')).join('\n');
    // A name that is put together is known by what it begins with.
    const begins = [...sources.matchAll(/t\(`([\w.-]+)\$\{/g)].map(([, begin]) => begin);
    const ends = [...sources.matchAll(/t\(`([\w.-]+)\$\{[^}]+\}([\w.-]+)`/g)].map(([, begin, end]) => [begin, end]);
    const unused = Object.keys(TEXTS.en).filter((name) => {
      const built =
        begins.some((begin) => name.startsWith(begin)) ||
        ends.some(([begin, end]) => name.startsWith(begin) && name.endsWith(end));
      return !built && !sources.includes(`'${name}'`);
    });
    expect(unused).toEqual([]);
  });
});

describe('undo', () => {
  it('takes back what was done, and does it again', () => {
    const two = changed(changed(historyOf(1), 2), 3);
    expect(undone(two).present).toBe(2);
    expect(redone(undone(two))).toEqual(two);
    expect(undone(historyOf(1))).toEqual(historyOf(1));
  });

  it('forgets what was taken back once something else is done', () => {
    expect(changed(undone(changed(historyOf(1), 2)), 5)).toEqual({ past: [1], present: 5, future: [] });
  });

  it('keeps a hundred steps', () => {
    let history = historyOf(0);
    for (let i = 1; i <= 300; i++) history = changed(history, i);
    expect(history.past).toHaveLength(100);
  });
});

it('is a page of less than 180 kB, compressed', () => {
  const directory = new URL('../../web/dist/', import.meta.url);
  const files = ['index.html', ...readdirSync(new URL('playground/', directory)).map((name) => `playground/${name}`)];
  const bytes = files.map((name) => gzipSync(readFileSync(new URL(name, directory))).length);
  expect(bytes.reduce((sum, length) => sum + length, 0)).toBeLessThan(180_000);
});
