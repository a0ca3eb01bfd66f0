// ajv, which checks JSON by its schema. It is CommonJS and loads its drafts apart: asking for one at first use keeps programs
// without schemas quick to start.
import { createRequire } from "node:module";
import type { Ajv, Options } from "ajv";

// In what is published each has a file of its own in dist/packages: rolldown.config.mjs.
const require = createRequire(import.meta.url);

/** A new one, which knows the formats. That of draft-07 reads schemas of draft-06 as well, without their `$schema`. */
export function newAjv(dialect: "2020-12" | "draft-07", options: Options): Ajv {
  const { default: AjvClass } = (dialect === "draft-07" ? require("ajv") : require("ajv/dist/2020.js")) as { default: new (options: Options) => Ajv };
  const { default: addFormats } = require("ajv-formats") as { default: (ajv: Ajv) => void };
  const ajv = new AjvClass({ strict: false, logger: false, ...options });
  addFormats(ajv);
  return ajv;
}
