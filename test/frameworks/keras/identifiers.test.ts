import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  KERAS_ACTIVATIONS,
  KERAS_CONSTRAINTS,
  KERAS_INITIALIZERS,
  KERAS_REGULARIZERS,
  type Parameters,
} from '../../../src/frameworks/keras/identifiers.ts';

interface CatalogueEntry {
  readonly identifiers: readonly string[];
  readonly parameters: Record<string, { default: unknown; required: boolean }>;
}

const catalogue = JSON.parse(readFileSync(new URL('../../golden/catalogue.json', import.meta.url), 'utf8'));

const TABLES: Record<string, Record<string, { identifiers: readonly string[]; parameters: Parameters }>> = {
  activations: KERAS_ACTIVATIONS,
  initializers: KERAS_INITIALIZERS,
  regularizers: KERAS_REGULARIZERS,
  constraints: KERAS_CONSTRAINTS,
};

describe.each(Object.keys(TABLES))('the table of %s', (kind) => {
  const table = TABLES[kind];
  const expected: Record<string, CatalogueEntry> = catalogue[kind];

  it('has the canonical names of Keras, no more and no fewer', () => {
    expect(Object.keys(table).sort()).toEqual(Object.keys(expected).sort());
  });

  it.each(Object.keys(expected))('has the identifiers and parameters of %s', (name) => {
    const { identifiers, parameters } = table[name];
    expect(identifiers[0]).toBe(name);
    expect([...identifiers].sort()).toEqual([...expected[name].identifiers].sort());
    expect(Object.keys(parameters).sort()).toEqual(Object.keys(expected[name].parameters).sort());
    for (const [parameter, { default: value, required }] of Object.entries(expected[name].parameters)) {
      expect(Object.hasOwn(parameters[parameter], 'default'), parameter).toBe(!required);
      if (!required) expect(parameters[parameter].default, parameter).toEqual(value);
    }
  });

  it('gives each identifier to one name only', () => {
    const all = Object.values(table).flatMap((entry) => entry.identifiers);
    expect(new Set(all).size).toBe(all.length);
  });
});
