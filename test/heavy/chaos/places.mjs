// Three servers, each in a network namespace of its own behind a link that delays and loses packets. Must run as root
// in a namespace of its own (`unshare --net`).
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const cli = here("../../../dist/cli/main.js");
const namespaceOf = (/** @type {number | "self"} */ pid) => readlinkSync(`/proc/${pid}/ns/net`);

export class Place {
  /** @param {number} index @param {string} model */
  constructor(index, model) {
    this.url = `http://10.9.${index}.2:8000`;
    this.model = model;
    this.proxy = spawn("unshare", ["--net", process.execPath, here("place_proxy.mjs")], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.lines = createInterface({ input: this.proxy.stdout })[Symbol.asyncIterator]();
    /** @type {import("node:child_process").ChildProcess | undefined} */
    this.server = undefined;
  }

  get pid() {
    return /** @type {number} */ (this.proxy.pid);
  }

  async prepare() {
    while (namespaceOf(this.pid) === namespaceOf("self")) await sleep(5);
    execFileSync("nsenter", ["-t", `${this.pid}`, "-n", "ip", "link", "set", "lo", "up"]);
  }

  async start() {
    const options = ["--port", "8001", "-c", "512", "--cache-tokens", "32768", "-t", "1", "--no-page"];
    const server = spawn(
      "nsenter",
      ["-t", `${this.pid}`, "-n", process.execPath, cli, "serve", "-m", `tiny=${this.model}`, ...options],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    this.server = server;
    for await (const line of createInterface({ input: server.stderr })) if (line.includes("Ready.")) break;
    server.stderr.resume();
  }

  /** @param {NodeJS.Signals} signal */
  signal(signal) {
    this.server?.kill(signal);
  }

  /** @param {string} line */
  tell(line) {
    this.proxy.stdin.write(`${line}\n`);
  }

  /** @returns {Promise<Record<string, number[]>>} */
  async report() {
    this.tell("report");
    return JSON.parse((await this.lines.next()).value);
  }

  end() {
    this.server?.kill("SIGKILL");
    this.proxy.kill("SIGKILL");
  }
}

/**
 * @param {string} model
 * @param {{ delayMs: number, jitterMs: number, loss: number }} link
 */
export async function openPlaces(model, { delayMs, jitterMs, loss }) {
  execFileSync("ip", ["link", "set", "lo", "up"]);
  const places = [0, 1, 2].map((index) => new Place(index, model));
  for (const place of places) await place.prepare();
  const link = spawn(
    "python3",
    [here("link.py"), `${delayMs}`, `${jitterMs}`, `${loss}`, ...places.map(({ pid }) => `${pid}`)],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(link.stdout, "data");
  await Promise.all(places.map((place) => place.start()));
  return {
    places,
    end() {
      for (const place of places) place.end();
      link.kill("SIGKILL");
    },
  };
}
