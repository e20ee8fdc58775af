import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { breakingChanges, type Document } from '../../scripts/compatibility/documents.ts';

const TEXT = readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8');
const DOCUMENT: Document = parse(TEXT);

/** What the change of a copy of openapi.yaml breaks. */
function after(change: (document: Document) => void): string[] {
  const now = structuredClone(DOCUMENT);
  change(now);
  return breakingChanges(DOCUMENT, now);
}

const fork = '/v1/sessions/{session}/fork';
const schemaOf = ({ components }: Document, name: string) => components.schemas[name];
const stepBody = (document: Document) =>
  document.paths['/v1/sessions/{session}/steps'].post.requestBody.content['application/json'].schema;
const inputsOf = (document: Document) => {
  const { $ref } = stepBody(document);
  return schemaOf(document, $ref.split('/').at(-1));
};

describe('a change that breaks clients is found', () => {
  it.each<[string, (document: Document) => void, RegExp]>([
    [
      'a path that is gone',
      ({ paths }) => void delete paths[fork],
      /^POST \/v1\/sessions\/\{session\}\/fork: is gone$/,
    ],
    ['a method that is gone', ({ paths }) => void delete paths['/v1/cells'].get, /^GET \/v1\/cells: is gone$/],
    [
      'a parameter that is gone',
      ({ paths }) => {
        paths['/v1/cells/{cell}'].delete.parameters = paths['/v1/cells/{cell}'].delete.parameters.filter(
          ({ name }: Document) => name !== 'force',
        );
      },
      /query force is gone$/,
    ],
    [
      'a parameter that is required',
      ({ components }) => {
        components.parameters.limit.required = true;
      },
      /query limit is required now$/,
    ],
    [
      'a smaller maximum of a parameter',
      ({ components }) => {
        components.parameters.limit.schema.maximum = 10;
      },
      /query limit has maximum 10 now \(1000 before\)$/,
    ],
    [
      'a field of a request that is gone',
      (document) => void delete inputsOf(document).properties.return_states,
      /request\.return_states is gone$/,
    ],
    [
      'a field of a request that is required',
      (document) => {
        inputsOf(document).required = ['mask'];
      },
      /request\.mask is required now$/,
    ],
    [
      'a field of a request of another type',
      (document) => {
        inputsOf(document).properties.return_states.type = 'string';
      },
      /request\.return_states was boolean and is string$/,
    ],
    [
      'a value of a request that is gone',
      (document) => {
        inputsOf(document).properties.tensor_format.enum.pop();
      },
      /request\.tensor_format does not take "base64" any more$/,
    ],
    [
      'a media type of a request that is gone',
      ({ paths }) => void delete paths['/v1/steps'].post.requestBody.content['application/jsonl'],
      /request does not take application\/jsonl any more$/,
    ],
    [
      'a field of a reply that is gone',
      (document) => void delete schemaOf(document, 'Cell').properties.built,
      /response 200\.built is gone$/,
    ],
    [
      'a field of a reply that may be missing',
      (document) => {
        const cell = schemaOf(document, 'Cell');
        cell.required = cell.required.filter((name: string) => name !== 'built');
      },
      /response 200\.built may be missing now$/,
    ],
    [
      'a field of a reply that may be null',
      (document) => {
        schemaOf(document, 'Cell').properties.version.type = ['integer', 'null'];
      },
      /response 200\.version was integer and is integer or null$/,
    ],
    [
      'a header of a reply that is gone',
      ({ paths }) => void delete paths['/v1/cells/{cell}'].get.responses[200].headers.ETag,
      /header ETag is gone$/,
    ],
    [
      'another scope',
      ({ paths }) => {
        paths['/v1/cells'].get.security = [{ bearer: ['admin'] }];
      },
      /security asks for the scope admin now$/,
    ],
  ])('%s', (_what, change, line) => {
    const found = after(change);
    expect(found.length).toBeGreaterThan(0);
    expect(found).toContainEqual(expect.stringMatching(line));
  });
});

it.each<[string, (document: Document) => void]>([
  ['nothing', () => undefined],
  [
    'a new path',
    ({ paths }) => {
      paths['/v1/new'] = paths['/v1/cells'];
    },
  ],
  [
    'a new field of a reply',
    (document) => {
      schemaOf(document, 'Cell').properties.colour = { type: 'string' };
    },
  ],
  [
    'a new field of a request that may be left out',
    (document) => {
      inputsOf(document).properties.colour = { type: 'string' };
    },
  ],
  [
    'a field of a request that may be left out now',
    (document) => {
      inputsOf(document).required = [];
    },
  ],
  ['a new value of a request', (document) => void inputsOf(document).properties.tensor_format.enum.push('hex')],
  [
    'a larger maximum of a parameter',
    ({ components }) => {
      components.parameters.limit.schema.maximum = 10_000;
    },
  ],
  [
    'another description',
    ({ info }) => {
      info.description = 'Another one.';
    },
  ],
])('%s breaks nobody', (_what, change) => {
  expect(after(change)).toEqual([]);
});

it('finds the fields of each request and reply that are taken away', () => {
  for (const [name, { properties = {} }] of Object.entries<Document>(DOCUMENT.components.schemas)) {
    // Of refusals, what is said may change.
    if (/Problem/.test(name)) continue;
    const found = after((changed) => {
      const schema = changed.components.schemas[name];
      schema.properties = {};
      delete schema.required;
    });
    for (const field of Object.keys(properties)) {
      expect(found, `${name}.${field}`).toContainEqual(expect.stringMatching(new RegExp(`[.]${field} is gone$`)));
    }
  }
});
