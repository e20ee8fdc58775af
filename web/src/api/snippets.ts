import type { Call } from './client.ts';
import { socketCurl, socketPython, socketTypeScript } from './socket-snippets.ts';

/** The method of a call that is a message over a WebSocket. */
export const SOCKET = 'SOCKET';

export type Language = 'curl' | 'TypeScript' | 'Python';
export const LANGUAGES: readonly Language[] = ['curl', 'TypeScript', 'Python'];

/** The call as a program in a language, ready to be run. `base` is the address of the service, with a slash at its end. */
export function snippet(
  language: Language,
  call: Omit<Call, 'status' | 'answered' | 'milliseconds'>,
  base: string,
  withKey: boolean,
): string {
  const sent = { ...call, url: base + call.path, withKey };
  if (call.method === SOCKET) {
    const write = { curl: socketCurl, TypeScript: socketTypeScript, Python: socketPython }[language];
    return write({ ...sent, sent: call.sent ?? '' });
  }
  const write = { curl, TypeScript: typeScript, Python: python }[language];
  return write(sent);
}

type Sent = Pick<Call, 'method' | 'headers' | 'sent' | 'file'> & { readonly url: string; readonly withKey: boolean };

function curl({ method, url, headers, sent, file, withKey }: Sent): string {
  const usual = sent || file ? 'POST' : 'GET';
  const lines = [`curl ${method === usual ? '' : `-X ${method} `}${quote(url)}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`-H ${quote(`${name}: ${value}`)}`);
  if (withKey) lines.push('-H "Authorization: Bearer $CELLSTEP_KEY"');
  if (sent) lines.push(`--json ${quote(sent)}`);
  if (file) lines.push(`--data-binary ${quote(`@${file}`)}`);
  if (answerOf(headers) === 'bytes') lines.push('-o answer');
  return lines.join(' \\\n  ');
}

/** What the answer is, by the type that is asked for. */
function answerOf({ accept = 'application/json' }: Sent['headers']): 'json' | 'text' | 'bytes' {
  if (accept === 'application/json') return 'json';
  return accept === 'application/jsonl' ? 'text' : 'bytes';
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function typeScript({ method, url, headers, sent, file, withKey }: Sent): string {
  const all = Object.entries({ ...headers, ...(sent ? { 'content-type': 'application/json' } : {}) }).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  if (withKey) all.push(`authorization: \`Bearer \${process.env.CELLSTEP_KEY}\``);
  const fields = [
    `  method: '${method}',`,
    ...(all.length > 0 ? [`  headers: { ${all.join(', ')} },`] : []),
    ...(sent ? [`  body: JSON.stringify(${sent}),`] : []),
    ...(file ? [`  body: await openAsBlob(${JSON.stringify(file)}),`] : []),
  ];
  const shown = { json: 'await reply.json()', text: 'await reply.text()', bytes: 'await reply.bytes()' }[
    answerOf(headers)
  ];
  const end = `console.log(${method === 'DELETE' ? 'reply.status' : shown});`;
  const imports = file ? "import { openAsBlob } from 'node:fs';\n\n" : '';
  return `${imports}const reply = await fetch('${url}', {\n${fields.join('\n')}\n});\n${end}`;
}

function python({ method, url, headers, sent, file, withKey }: Sent): string {
  const all = Object.entries(headers).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  if (withKey) all.push('"Authorization": f"Bearer {os.environ[\'CELLSTEP_KEY\']}"');
  const more = [
    ...(all.length > 0 ? [`headers={${all.join(', ')}}`] : []),
    ...(sent ? [`json=${pythonLiteral(JSON.parse(sent))}`] : []),
    ...(file ? [`data=open(${JSON.stringify(file)}, "rb")`] : []),
  ];
  const call = `reply = requests.${method.toLowerCase()}(${[`"${url}"`, ...more].join(', ')})`;
  const imports = withKey ? 'import os\nimport requests' : 'import requests';
  const shown = { json: 'reply.json()', text: 'reply.text', bytes: 'reply.content' }[answerOf(headers)];
  const end = `print(${method === 'DELETE' ? 'reply.status_code' : shown})`;
  return `${imports}\n\n${call}\nreply.raise_for_status()\n${end}`;
}

/** JSON as Python writes it: None, True, False. */
function pythonLiteral(value: unknown): string {
  if (value === null) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(', ')}]`;
  if (typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.entries(value as object)
    .map(([name, item]) => `${JSON.stringify(name)}: ${pythonLiteral(item)}`)
    .join(', ')}}`;
}
