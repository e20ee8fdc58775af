import { UsageError } from './options.ts';

/** Files that `import` takes. */
const FILES = ['keras', 'h5', 'onnx', 'npz', 'safetensors'];

const SCRIPTS: Readonly<Record<string, (commands: string) => string>> = {
  bash: (commands) => `_cellstep() {
  local word=\${COMP_WORDS[COMP_CWORD]}
  if [ "$COMP_CWORD" = 1 ]; then COMPREPLY=($(compgen -W '${commands}' -- "$word"))
  else COMPREPLY=($(compgen -f -- "$word")); fi
}
complete -F _cellstep cellstep
`,
  zsh: (commands) => `#compdef cellstep
_arguments '1: :(${commands})' '*:file:_files -g "*.(${FILES.join('|')})"'
`,
  fish: (commands) => `complete -c cellstep -n __fish_use_subcommand -f -a '${commands}'
`,
};

export const SHELLS: readonly string[] = Object.keys(SCRIPTS);

/** The script that makes a shell complete the commands. @throws {UsageError} for another shell */
export function completionScript(shell: string | undefined, commands: readonly string[]): string {
  const script = shell !== undefined && Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  if (!script) throw new UsageError(`Unknown shell '${shell ?? ''}'. Send one of ${SHELLS.join(', ')}.`);
  return script(commands.join(' '));
}
