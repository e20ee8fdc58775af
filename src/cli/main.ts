import { KEYS_USAGE, keysCommand } from './keys.ts';

/** `cellstep <command> …`: the commands beside the service itself. */
function main([command, ...args]: readonly string[]): void {
  const said =
    command === 'keys' ? keysCommand(args, process.env, Date.now()) : ({ code: 2, stderr: KEYS_USAGE } as const);
  if (said.stdout !== undefined) process.stdout.write(`${said.stdout}\n`);
  if (said.stderr !== undefined) process.stderr.write(`${said.stderr}\n`);
  process.exitCode = said.code;
}

main(process.argv.slice(2));
