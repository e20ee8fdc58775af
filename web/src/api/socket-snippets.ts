/** A message over a WebSocket: the address of the socket, and the message as JSON. */
interface Message {
  readonly url: string;
  readonly sent: string;
  readonly withKey: boolean;
}

/** curl can't send a message over a socket: it asks once for what the socket would tell. */
export function socketCurl({ url, sent, withKey }: Message): string {
  const { session } = JSON.parse(sent) as { readonly session: string };
  const key = withKey ? ' \\\n  -H "Authorization: Bearer $CELLSTEP_KEY"' : '';
  return `# curl sends no messages over a WebSocket. This asks once for the session as it is now:\ncurl '${url.replace('v1/stream', `v1/sessions/${session}`)}'${key}`;
}

export function socketTypeScript({ url, sent, withKey }: Message): string {
  const key = withKey ? "  socket.send(JSON.stringify({ op: 'auth', token: process.env.CELLSTEP_KEY }));\n" : '';
  return `const socket = new WebSocket('${socketAddress(url)}', 'cellstep.v1');
socket.addEventListener('open', () => {
${key}  socket.send(JSON.stringify(${sent}));
});
socket.addEventListener('message', ({ data }) => console.log(data));`;
}

export function socketPython({ url, sent, withKey }: Message): string {
  const imports = withKey ? 'import json\nimport os\n' : '';
  const key = withKey ? '    socket.send(json.dumps({"op": "auth", "token": os.environ["CELLSTEP_KEY"]}))\n' : '';
  return `${imports}from websockets.sync.client import connect

with connect("${socketAddress(url)}", subprotocols=["cellstep.v1"]) as socket:
${key}    socket.send(${JSON.stringify(sent)})
    for message in socket:
        print(message)`;
}

function socketAddress(url: string): string {
  return url.replace(/^http/, 'ws');
}
