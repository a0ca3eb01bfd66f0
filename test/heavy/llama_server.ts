// llama-server of the pinned tree on a free port.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface RunningServer {
  readonly url: string;
  readonly pid: number;
  close(): Promise<void>;
}

/** `CADUCEUS_LLAMA_TOOLS` names the folder of llama.cpp's programs. */
export async function llamaServer(model: string, ...flags: readonly string[]): Promise<RunningServer> {
  const port = await freePort();
  const settings = ["-m", model, "--host", "127.0.0.1", "--port", String(port), "-t", "2", "--no-warmup", "--slots"];
  const program = path.join(process.env["CADUCEUS_LLAMA_TOOLS"]!, "llama-server");
  const server = spawn(program, [...settings, ...flags], { stdio: "ignore" });
  const gone = once(server, "exit");
  const url = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(`${url}/health`).then(
      (response) => response.ok,
      () => false,
    ))
  ) {
    if (server.exitCode !== null) throw new Error(`llama-server ended with code ${server.exitCode}.`);
    await sleep(50);
  }
  return {
    url,
    pid: server.pid!,
    close: async () => {
      server.kill("SIGKILL");
      await gone;
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
