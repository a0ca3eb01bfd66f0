// How much memory of buffers is still held after a garbage collection.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes of buffers that somebody still holds. */
export function heldBuffers(): number {
  // Buffers are freed by another thread after a collection: the second waits until the first has done so.
  collect();
  collect();
  return process.memoryUsage().arrayBuffers;
}
