// The only import of this folder that is not from the public interface: src/files keeps the data that is fetched on
// demand.
import path from "node:path";
import { berkeleyVersion, fetchBerkeleyData } from "../../files/index.js";
import { berkeleySamples, type BerkeleyCategory } from "./berkeley_set.js";
import { readDataFile } from "../run/data_file.js";
import type { DataSet, Sample } from "../sample.js";

/** Fetches the data if it is missing. */
export async function readBerkeleySet(categories: readonly BerkeleyCategory[], signal?: AbortSignal): Promise<DataSet> {
  const folder = await fetchBerkeleyData(signal);
  const samples: Sample[] = [];
  for (const category of categories) {
    const { rows: questions } = await readDataFile(path.join(folder, `BFCL_v4_${category}.json`));
    const answers =
      category === "irrelevance"
        ? []
        : (await readDataFile(path.join(folder, "possible_answer", `BFCL_v4_${category}.json`))).rows;
    samples.push(...berkeleySamples(category, questions, answers));
  }
  return { name: "berkeley", version: `bfcl-eval ${berkeleyVersion}`, scores: ["ast"], samples };
}
