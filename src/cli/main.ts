import { parseArgs } from 'node:util';
import packageJson from '../../package.json' with { type: 'json' };
import { BACKUP_USAGE, backupCommand } from './backup.ts';
import { completionScript, SHELLS } from './completion.ts';
import { KEYS_USAGE, keysCommand } from './keys.ts';
import { EXPORT_USAGE, exportCommand, IMPORT_USAGE, importCommand } from './model-files.ts';
import { isUsageError, UsageError } from './options.ts';
import { STEP_USAGE, STREAM_USAGE, stepCommand, streamCommand } from './stepping.ts';

interface Command {
  readonly summary: string;
  readonly usage: string;
  run(args: readonly string[]): Promise<void> | void;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: {
    summary: 'start the service (also without a command)',
    usage: 'usage: cellstep serve, with settings from CELLSTEP_ variables',
    run: () => undefined,
  },
  import: { summary: 'make a cell from a file of Keras, PyTorch or ONNX', usage: IMPORT_USAGE, run: importCommand },
  export: { summary: 'write the weights of a cell to a file', usage: EXPORT_USAGE, run: exportCommand },
  step: { summary: 'step a session by lines of stdin, one request each', usage: STEP_USAGE, run: stepCommand },
  stream: { summary: 'the same over one WebSocket', usage: STREAM_USAGE, run: streamCommand },
  backup: { summary: 'copy the store while the service runs', usage: BACKUP_USAGE, run: backupCommand },
  keys: { summary: 'make, list, rotate and revoke API keys', usage: KEYS_USAGE, run: keys },
  completion: {
    summary: `print completions for ${SHELLS.join(', ')}`,
    usage: `usage: cellstep completion ${SHELLS.join('|')}`,
    run: ([shell]) => void process.stdout.write(completionScript(shell, Object.keys(COMMANDS))),
  },
};

function keys(args: readonly string[]): void {
  const { stdout, stderr, code } = keysCommand(args, process.env, Date.now());
  if (stdout !== undefined) process.stdout.write(`${stdout}\n`);
  if (stderr !== undefined) process.stderr.write(`${stderr}\n`);
  process.exitCode = code;
}

function help(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`);
  return [
    'usage: cellstep [command] [options]',
    '',
    ...rows,
    '',
    'cellstep <command> --help describes a command; cellstep --version prints the version.',
    'Commands that call a service take --url (or CELLSTEP_URL; http://127.0.0.1:8080) and --key (or CELLSTEP_KEY).',
    '',
  ].join('\n');
}

/** Runs a command. A mistake of the user is reported in one line on stderr, with exit code 2. */
async function main([name, ...args]: readonly string[]): Promise<void> {
  if (name === '--version' || name === '-v') return void process.stdout.write(`${packageJson.version}\n`);
  if (name === '--help' || name === '-h' || name === 'help') return void process.stdout.write(help());
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    process.stderr.write(`cellstep: Unknown command '${name}'.\n\n${help()}`);
    process.exitCode = 2;
    return;
  }
  const { values } = parseArgs({ args, strict: false, options: { help: { type: 'boolean', short: 'h' } } });
  if (values.help) return void process.stdout.write(`${command.usage}\n`);
  try {
    await command.run(args);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const usage = isUsageError(error) ? `\n${command.usage}` : '';
    process.stderr.write(`cellstep ${name}: ${error.message}${usage}\n`);
    process.exitCode = error instanceof UsageError || isUsageError(error) ? 2 : 1;
  }
}

await main(process.argv.slice(2));
