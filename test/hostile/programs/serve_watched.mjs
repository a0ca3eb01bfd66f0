// A server in a process of its own that tells how long its event loop was held up. `node serve_watched.mjs MODEL`,
// started with a channel: it sends its address, and for each message the longest stretch since the one before, in
// milliseconds of its thread's processor time, which other programs on the machine don't lengthen.
import { load } from "../../../dist/index.js";
import { createHandler, listen } from "../../../dist/server/index.js";
import { watchLoop } from "../../support/time/loop_watch.mjs";

const model = await load(process.argv[2], { contextSize: 8_192, threads: 1, prefixFolder: false });
const server = await listen(createHandler({ models: { m: model }, onError: (error) => console.error(error) }), {
  port: 0,
});

const loop = watchLoop();
process.on("message", async () => process.send(await loop.longestMs()));
process.on("disconnect", () => process.exit());
process.send(server.url);
