// An HTTP API with tools in Express 5: node server.mjs [MODEL]
import { once } from "node:events";
import { load } from "caduceus";
import { createApp } from "./app.mjs";

const model = await load(process.argv[2] ?? "hermes-2-pro", { contextSize: 4096 });
// To this machine alone, unless HOST says otherwise.
const server = createApp(model).listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? "127.0.0.1");
await once(server, "listening");
const address = server.address();
if (address !== null && typeof address === "object") console.log(`http://${address.address}:${address.port}/chat`);

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);

async function stop() {
  server.close(); //                                      takes no more requests
  setTimeout(() => server.closeAllConnections(), Number(process.env.GRACE_MS ?? 7_000)).unref();
  await once(server, "close"); //                         answers that are under way come to their end
  await model.close();
}
