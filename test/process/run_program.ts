// Runs a program in a process of its own, as a user would, and tells how that went.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Outcome {
  readonly code: number | null;
  /** Set when a signal ended it: a crash, or the time limit (SIGKILL). */
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
}

export interface RunOptions {
  readonly input?: string;
  /** Standard input stays open, and silent, until the program has ended. */
  readonly keepsInputOpen?: boolean;
  /** Changes to the environment; undefined takes a variable out. */
  readonly env?: Record<string, string | undefined>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  /** Called with everything on standard output so far, whenever there is more. */
  readonly onOutput?: (stdout: string, kill: (signal: NodeJS.Signals) => void) => void;
  /** The same for standard error. */
  readonly onErrorOutput?: (stderr: string, kill: (signal: NodeJS.Signals) => void) => void;
}

export const cli = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
export const program = (name: string) => fileURLToPath(new URL(`./programs/${name}`, import.meta.url));
export const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

/** Standard input is what `input` says, and closed. */
export function runNode(file: string, args: readonly string[] = [], options: RunOptions = {}): Promise<Outcome> {
  return run(process.execPath, [file, ...args], options);
}

export function run(
  command: string,
  args: readonly string[],
  { input = "", keepsInputOpen = false, env = {}, cwd, timeoutMs = 110_000, onOutput, onErrorOutput }: RunOptions = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      onOutput?.(stdout, (signal) => child.kill(signal));
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      onErrorOutput?.(stderr, (signal) => child.kill(signal));
    });
    child.on("error", reject);
    child.on("close", (code, signal) =>
      resolve({ code, signal, stdout, stderr, milliseconds: performance.now() - began }),
    );
    child.stdin.on("error", () => {}); // It may end without reading.
    if (!keepsInputOpen) child.stdin.end(input);
  });
}
