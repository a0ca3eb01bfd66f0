// A real vLLM on a free port.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, type RunningServer } from "../llama_server.js";

/** `CADUCEUS_VLLM` is the command that serves a small model; a port and flags of vLLM are put behind it. */
export async function vllmServer(...flags: readonly string[]): Promise<RunningServer> {
  const port = await freePort();
  const server = spawn("sh", ["-c", `exec ${process.env["CADUCEUS_VLLM"]!} "$@"`, "sh", String(port), ...flags], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  const gone = once(server, "exit");
  // Its processes are a group, which no test that fails may leave behind.
  const end = (signal: NodeJS.Signals) => {
    try {
      process.kill(-server.pid!, signal);
    } catch {
      // It is gone.
    }
  };
  process.once("exit", () => end("SIGKILL"));
  let said = "";
  server.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-4000)));
  const url = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(`${url}/health`).then(
      (response) => response.ok,
      () => false,
    ))
  ) {
    if (server.exitCode !== null) throw new Error(`vLLM ended with code ${server.exitCode}: ${said}`);
    await sleep(500);
  }
  return {
    url,
    pid: server.pid!,
    close: async () => {
      end("SIGTERM");
      await gone;
    },
  };
}
