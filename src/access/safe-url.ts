const SAFE = /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/])/;

/** Whether nobody on the way can change what is fetched from a URL: it is over TLS, or on this machine. */
export function isSafeUrl(text: string): boolean {
  return URL.canParse(text) && SAFE.test(text);
}
