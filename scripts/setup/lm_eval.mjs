// EleutherAI's harness in an environment of its own, for `npm run test:heavy -- lm_eval`. It fetches some 400 MB of
// packages.
import path from "node:path";
import { installPackages } from "./python_packages.mjs";

// What asks a server needs no model library of its own.
const requirement = "lm-eval[api]==0.4.13";

/** @returns {Promise<string>} the program */
export async function installLmEval() {
  return path.join(await installPackages("lm-eval", [requirement]), "lm_eval");
}
