/** The output of a command: `stdout` for programs, `stderr` for people. */
export interface Said {
  readonly code: 0 | 2;
  readonly stdout?: string;
  readonly stderr?: string;
}
