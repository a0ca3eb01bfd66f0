// One engine under test in a process of its own; bench/subject.mjs tells it what to do.
import * as scenarios from "./scenarios.mjs";

const modules = {
  caduceus: "caduceus",
  "node-llama-cpp": "node_llama_cpp",
  "llama.node": "llama_node",
  "llama-server": "llama_server",
};
const [name, settings] = process.argv.slice(2);

const { open } = await import(`./subjects/${modules[/** @type {keyof typeof modules} */ (name)]}.mjs`);
const begin = performance.now();
/** @type {import("./subjects/subject.js").Subject} */
const subject = await open(JSON.parse(/** @type {string} */ (settings)));
const loadMs = performance.now() - begin;

process.on(
  "message",
  async (/** @type {{ scenario: keyof typeof scenarios | "close", options: any }} */ { scenario, options }) => {
    try {
      if (scenario === "close") {
        await subject.close();
        process.disconnect();
        // Peers leave things behind that keep a process alive.
        setTimeout(() => process.exit(), 1000).unref();
      } else {
        process.send?.({ result: (await scenarios[scenario](subject, options)) ?? null });
      }
    } catch (error) {
      process.send?.({ error: error instanceof Error ? error.stack : String(error) });
    }
  },
);
process.send?.({ result: loadMs });
