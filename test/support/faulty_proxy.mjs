// A TCP proxy in front of one server that can misbehave: while it is told to, connections are refused, are silent, or
// give garbage.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** @typedef {import("./faulty_proxy.mjs").Fault} Fault */

/** @type {import("./faulty_proxy.mjs").faultyProxy} */
export async function faultyProxy(target, { host = "127.0.0.1", port = 0, onData } = {}) {
  /** @type {Fault} */
  let fault = "none";
  let connections = 0;
  /** @type {Set<import("node:net").Socket>} */
  const sockets = new Set();
  const server = createServer((client) => {
    connections++;
    if (fault === "refuse") return void client.destroy();
    const upstream = connect(target, "127.0.0.1");
    for (const [from, to] of /** @type {const} */ ([
      [client, upstream],
      [upstream, client],
    ])) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on("end", () => to.end());
      from.on("drain", () => to.resume());
      from.on("data", (data) => {
        onData?.(from === client, data);
        if (fault === "silence") return;
        const bytes = fault === "garbage" && from === upstream ? randomBytes(data.length) : data;
        if (!to.write(bytes)) from.pause();
      });
    }
  });
  server.listen(port, host);
  await once(server, "listening");
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  const cut = () => sockets.forEach((socket) => void socket.destroy());
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    get connections() {
      return connections;
    },
    set(next) {
      fault = next;
    },
    cut,
    async close() {
      server.close();
      cut();
      await once(server, "close");
    },
  };
}
