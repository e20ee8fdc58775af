import { Problem } from '../../domain/problems.ts';

/** A representation that a reply may have. */
export interface Offer {
  readonly mediaType: string;
  readonly profile?: string;
}

interface Range {
  readonly type: string;
  readonly subtype: string;
  readonly profile?: string;
  readonly quality: number;
}

const RANGE = /^([!#$%&'*+.^_`|~\w-]+)\/([!#$%&'*+.^_`|~\w-]+)$/;
const QUALITY = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * The offer that an Accept header prefers (RFC 9110, 12.5.1): by quality, then by the order in the header, then by the order
 * of the offers; undefined if none is acceptable. Only the parameter `profile` counts. Items that are not media ranges are
 * ignored.
 */
export function negotiate<T extends Offer>(accept: string | undefined, offers: readonly T[]): T | undefined {
  if (accept === undefined || accept.trim() === '') return offers.at(0);
  const ranges = accept.split(',').flatMap((text) => parseRange(text) ?? []);
  const rated = offers.flatMap((offer) => {
    const place = bestRange(ranges, offer);
    return place === undefined || ranges[place].quality === 0 ? [] : [{ offer, place, quality: ranges[place].quality }];
  });
  return rated.toSorted((a, b) => b.quality - a.quality || a.place - b.place).at(0)?.offer;
}

/** The most specific range that covers the offer, the first of several. */
function bestRange(ranges: readonly Range[], offer: Offer): number | undefined {
  const [type, subtype] = offer.mediaType.split('/');
  let best: number | undefined;
  let closest = -1;
  for (const [place, range] of ranges.entries()) {
    const covers =
      (range.type === '*' || range.type === type) &&
      (range.subtype === '*' || range.subtype === subtype) &&
      (range.profile === undefined || range.profile === offer.profile);
    const closeness = (range.type === '*' ? 0 : 1) + (range.subtype === '*' ? 0 : 1) + (range.profile ? 1 : 0);
    if (!covers || closeness <= closest) continue;
    best = place;
    closest = closeness;
  }
  return best;
}

function parseRange(text: string): Range | undefined {
  const [essence, ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const [, type, subtype] = RANGE.exec(essence) ?? [];
  if (type === undefined || (type === '*' && subtype !== '*')) return undefined;
  const named = new Map(parameters.map((parameter) => [parameter.split('=', 1)[0].trim(), parameterValue(parameter)]));
  const quality = named.get('q') ?? '1';
  if (!QUALITY.test(quality)) return undefined;
  const profile = named.get('profile');
  return { type, subtype, quality: Number(quality), ...(profile === undefined ? {} : { profile }) };
}

function parameterValue(parameter: string): string {
  const value = parameter.slice(parameter.indexOf('=') + 1).trim();
  return /^".*"$/.test(value) ? value.slice(1, -1) : value;
}

/** `application/x-hdf5; profile=legacy` */
function describeOffer({ mediaType, profile }: Offer): string {
  return profile === undefined ? mediaType : `${mediaType}; profile=${profile}`;
}

/** @throws {Problem} not-acceptable with the types in which `of` is available */
export function requireOffer<T extends Offer>(accept: string | undefined, offers: readonly T[], of: string): T {
  const chosen = negotiate(accept, offers);
  if (chosen) return chosen;
  const there = offers.map(describeOffer).join(', ');
  const detail = `Accept '${accept?.slice(0, 200)}' names no type that ${of} is available in. Send one of ${there}.`;
  throw new Problem('not-acceptable', detail);
}
