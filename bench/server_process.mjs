// A model behind the server, in a process of its own: node server_process.mjs FILE OPTIONS. Writes its address.
import { load } from "caduceus";
import { createHandler, listen } from "caduceus/server";

const [file, options] = /** @type {[string, string]} */ (/** @type {unknown} */ (process.argv.slice(2)));
const model = await load(file, JSON.parse(options));
const server = await listen(createHandler({ models: { bench: model } }), { port: 0 });
process.stdout.write(`${server.url}\n`);
process.once("SIGTERM", async () => {
  await server.close({ graceMs: 0 });
  await model.close();
});
