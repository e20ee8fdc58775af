import { Api, type Call } from '../../web/src/api/client.ts';
import type { TestApp } from '../support/app.ts';

export interface ServiceApi {
  readonly api: Api;
  readonly calls: Call[];
}

/** The client of the page, talking to a service of the test without a network. */
export function serviceApi(app: TestApp): ServiceApi {
  const calls: Call[] = [];
  const send = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const { body: sent } = init;
    const payload = sent instanceof Blob ? Buffer.from(await sent.arrayBuffer()) : (sent as string | undefined);
    const { statusCode, rawPayload, headers } = await app.inject({
      method: (init.method ?? 'GET') as 'GET',
      url: `/${path}`,
      headers: init.headers as Record<string, string>,
      ...(payload ? { payload } : {}),
    });
    const body = [204, 304].includes(statusCode) ? null : new Uint8Array(rawPayload);
    return new Response(body, { status: statusCode, headers: headers as Record<string, string> });
  };
  const api = new Api({
    fetch: send as typeof fetch,
    key: () => '',
    askForKey: () => Promise.reject(new Error('No key is needed.')),
    report: (call) => calls.push(call),
    reach: () => undefined,
    whenReached: () => Promise.resolve(),
  });
  return { api, calls };
}
