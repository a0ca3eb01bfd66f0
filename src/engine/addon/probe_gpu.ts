// A process that tries a module for GPUs, and may end by it: `node probe_gpu.js ADDON MODULE` prints what it found as
// JSON.
import { createRequire } from "node:module";
import type { Addon } from "./native.js";

const [addon = "", module = ""] = process.argv.slice(2);
const { initialize, devices } = createRequire(import.meta.url)(addon) as Addon;
initialize({ CaduceusError: Error as never });
process.stdout.write(JSON.stringify(await devices([module])));
process.disconnect?.();
