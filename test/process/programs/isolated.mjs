// A program with an isolated model that ends in one of several ways; prints the process of the engine first.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { load } from "../../../dist/index.js";

let model = await load("smollm2", { isolate: true, prefixFolder: false, contextSize: 512 });
const pid = readdirSync("/proc").find((name) => {
  try {
    return (
      /^\d+$/.test(name) && readFileSync(`/proc/${name}/stat`, "utf8").split(") ")[1].split(" ")[1] === `${process.pid}`
    );
  } catch {
    return false;
  }
});
console.log(pid);
if (process.argv[2] !== "dropped") {
  const reply = model.reply("Count to a thousand.", { maxTokens: 300, minTokens: 300 });
  await reply[Symbol.asyncIterator]().next();
}

switch (process.argv[2]) {
  case "killed":
    process.kill(process.pid, "SIGKILL");
    break;
  case "exit":
    process.exit(0);
    break;
  case "exception":
    throw new Error("A fault of this program.");
  case "dropped":
    await dropped();
}
// Else nobody waits for anything, and it ends by itself.

async function dropped() {
  model = undefined;
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");
  for (let tries = 0; tries < 100; tries++) {
    gc();
    await sleep(50);
    try {
      process.kill(Number(pid), 0);
    } catch {
      console.log("gone");
      return;
    }
  }
}
