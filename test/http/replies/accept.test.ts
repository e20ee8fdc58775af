import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { negotiate, requireOffer } from '../../../src/http/replies/accept.ts';

const json = { mediaType: 'application/json' };
const npz = { mediaType: 'application/x-npz' };
const h5 = { mediaType: 'application/x-hdf5' };
const legacy = { mediaType: 'application/x-hdf5', profile: 'legacy' };
const offers = [json, npz, h5, legacy];

describe('negotiate', () => {
  it.each([
    [undefined, json],
    ['', json],
    ['*/*', json],
    ['application/*', json],
    ['APPLICATION/X-NPZ', npz],
    ['application/x-npz, application/json', npz],
    ['application/x-npz;q=0.5, application/json', json],
    ['application/x-npz;q=0.5,application/x-hdf5;q=0.50,application/json;q=0.499', npz],
    ['application/json;q=0.001', json],
    ['application/json; charset=utf-8', json],
    ['application/x-npz, */*', npz],
    ['*/*;q=0.1, application/x-hdf5;q=0.2', h5],
    // The closest range decides on an offer, whatever stands first.
    ['*/*, application/json;q=0', npz],
    ['application/json;q=0, application/*;q=0.3', npz],
    ['application/x-hdf5;profile=legacy', legacy],
    ['application/x-hdf5 ; Profile="legacy" ; q=1.000', legacy],
    ['application/x-hdf5;q=0.5, application/x-hdf5;profile=legacy', legacy],
    ['application/x-hdf5, application/x-hdf5;profile=legacy;q=0.5', h5],
    // What is not a media range says nothing.
    ['json, application/x-npz', npz],
    ['application/json;q=2, application/x-npz', npz],
    ['*/json, application/x-npz', npz],
    [',,,application/x-npz,', npz],
  ])('of Accept %j takes %j', (accept, offer) => expect(negotiate(accept, offers)).toBe(offer));

  it.each(['text/html', 'application/json;q=0', '*/*;q=0', 'application/x-hdf5;profile=new', 'json', ';', 'a/b;q=0.1'])(
    'finds nothing for %j',
    (accept) => {
      expect(negotiate(accept, offers)).toBeUndefined();
      expect(() => requireOffer(accept, offers, "cell 'c'")).toThrow(
        `Accept '${accept}' names no type that cell 'c' is available in. Send one of application/json, application/x-npz, application/x-hdf5, application/x-hdf5; profile=legacy.`,
      );
    },
  );

  it('takes the first offer of the highest quality, for any qualities', () => {
    const quality = fc.integer({ min: 0, max: 1000 });
    fc.assert(
      fc.property(fc.tuple(quality, quality, quality), (qualities) => {
        const accept = qualities.map((q, i) => `${offers[i].mediaType};q=${(q / 1000).toFixed(3)}`).join(', ');
        const best = Math.max(...qualities);
        // The range of HDF5 covers its legacy profile too, which stands behind it.
        const expected = best === 0 ? undefined : offers[qualities.indexOf(best)];
        expect(negotiate(accept, offers)).toBe(expected);
      }),
    );
  });

  it('gives an offer or nothing for any text', () => {
    fc.assert(
      fc.property(fc.string(), (accept) => {
        expect([...offers, undefined]).toContain(negotiate(accept, offers));
      }),
    );
  });
});
