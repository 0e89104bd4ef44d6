// What the stack needs from whoever runs its programs: local processes here, containers in test/support.

export type Command = {
  /** Unique within a stack; also the name of the log. */
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  /** All that the program gets to see, besides PATH and HOME. */
  readonly env: Readonly<Record<string, string>>;
  /** Working directory; made when it is missing. */
  readonly dir: string;
  /** Further directories that it reads: a container sees only these. */
  readonly reads?: readonly string[];
};

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

export type Running = {
  readonly pid: number;
  /** Standard output and error of all its runs, one after the other. */
  readonly logPath: string;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  /** Sends the signal to the program and all that it started. Does nothing when it has ended. */
  kill(signal: NodeJS.Signals): void;
};

export type Launcher = { start(command: Command): Promise<Running> };

/** "exit code 1" or "SIGKILL", for messages. */
export function describeExit(exit: Exit): string {
  return exit.signal ?? `exit code ${exit.code}`;
}
