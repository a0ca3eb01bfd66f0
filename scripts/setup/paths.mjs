// Where the set-up keeps things. All of it is git-ignored and can be deleted at any time.
import { fileURLToPath } from "node:url";
import path from "node:path";

export const root = fileURLToPath(new URL("../..", import.meta.url));
/** Trees of the native build, logs, locks. Outside build/, which node-gyp erases. */
export const cacheFolder = path.join(root, ".cache");
export const logFolder = path.join(cacheFolder, "logs");
export const nativeTrees = path.join(cacheFolder, "native");
/** Where node-gyp-build, and so the library, finds the addon. */
export const addonFile = path.join(root, "build", "Release", "caduceus.node");
export const llamaSource = path.join(root, "llama.cpp", "source");
