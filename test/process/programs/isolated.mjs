// A program with an isolated model that ends in one of several ways; prints the process of the engine first.
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { load } from "../../../dist/index.js";

const how = process.argv[2];
if (how === "terminated" && isMainThread) await terminated();
else await main();

async function main() {
  let model = await load("smollm2", { isolate: true, prefixFolder: false, contextSize: 512 });
  const pid = engine();
  console.log(pid);
  if (how !== "dropped") {
    const reply = model.reply("Count to a thousand.", { maxTokens: 300, minTokens: 300 });
    await reply[Symbol.asyncIterator]().next();
  }

  switch (how) {
    case "killed":
      process.kill(process.pid, "SIGKILL");
      break;
    case "exit":
      process.exit(0);
      break;
    case "exception":
      throw new Error("A fault of this program.");
    case "dropped":
      model = undefined;
      setFlagsFromString("--expose-gc");
      await gone(pid, runInNewContext("gc"));
      break;
    case "restarted":
      process.kill(pid, "SIGKILL");
      await gone(pid);
      await sleep(50);
      void model.reply("Hi!", { maxTokens: 4 }).then(() => console.log("answered"));
      break;
    case "terminated":
      parentPort.postMessage(pid);
      await model.reply("Count to a thousand.", { maxTokens: 300, minTokens: 300 });
  }
  // Else nobody waits for anything, and it ends by itself.
}

async function terminated() {
  const worker = new Worker(new URL(import.meta.url), { argv: [how] });
  const [pid] = await once(worker, "message");
  await worker.terminate();
  console.log(pid);
  await gone(pid);
}

function engine() {
  const found = readdirSync("/proc").find((name) => {
    try {
      return (
        /^\d+$/.test(name) &&
        readFileSync(`/proc/${name}/stat`, "utf8").split(") ")[1].split(" ")[1] === `${process.pid}`
      );
    } catch {
      return false;
    }
  });
  return found && Number(found);
}

async function gone(pid, each = () => {}) {
  for (let tries = 0; tries < 1_000; tries++) {
    each();
    await sleep(50);
    if (hasEnded(pid)) return console.log("gone");
  }
}

/** Node takes no notice of a terminated Worker's children: they stay in the list, ended (Z), as long as it lives. */
function hasEnded(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].startsWith("Z");
  } catch {
    return true;
  }
}
