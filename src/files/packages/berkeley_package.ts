// The Berkeley leaderboard's questions and possible answers, from the wheel that it publishes them in.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import path from "node:path";
import { CaduceusError, describeThrown } from "../../errors.js";
import { replaceFile } from "../../system/busy_file.js";
import { cacheFolder } from "../local/cache_folder.js";
import { otherFolder } from "../local/disk_space.js";
import { withFileLock } from "../local/file_lock.js";
import { fetchPythonPackage } from "./python_package.js";
import { isExpectedFile, type ExpectedFile } from "../local/verify_file.js";

export const berkeleyVersion = "2026.3.23";

/** By their paths inside the package's folder `data`. */
const files: Readonly<Record<string, ExpectedFile>> = {
  "BFCL_v4_simple_python.json": {
    size: 283_274,
    sha256: "82dd63ba502eb2520c6b5d1d9a5c4b590e03ff261565175561f6228a367d1991",
  },
  "BFCL_v4_multiple.json": {
    size: 316_583,
    sha256: "aef168155ebd74b7ac2401198b201343bc7d16d7a3d7e0d4e6d8ee82c6969b2a",
  },
  "BFCL_v4_parallel.json": {
    size: 171_896,
    sha256: "19f51a82eff42e5d62541aa500115a056eb78f437c2ba1f10415fd7c8e5dda84",
  },
  "BFCL_v4_parallel_multiple.json": {
    size: 347_080,
    sha256: "8863ea8433239f55c5f016154cf0830853c89f693c6ea270396a2fa121960579",
  },
  "BFCL_v4_irrelevance.json": {
    size: 159_940,
    sha256: "2b6ed4c2e992cdcf5f1678a701851f944bef7550ee026ed1ddb89efed5be01a6",
  },
  "possible_answer/BFCL_v4_simple_python.json": {
    size: 63_627,
    sha256: "90cd5bc653690ee8e459b5b3f3fc9458606f7f3fcbf795bb51b7dc581f8c86dc",
  },
  "possible_answer/BFCL_v4_multiple.json": {
    size: 32_254,
    sha256: "244e00ce9395df948bcafc7bee64e8f9c87ef70887587d83cae45b13699f3047",
  },
  "possible_answer/BFCL_v4_parallel.json": {
    size: 66_005,
    sha256: "8a6aa19c1adddc6a5a2f7e40f9dbf30cc7e95815e7b830c90589ab318229e0f0",
  },
  "possible_answer/BFCL_v4_parallel_multiple.json": {
    size: 74_602,
    sha256: "5ebf24f458c1f16300c05505d83d6f0a1b68b79be273a033febd0d4f840507e3",
  },
};

const requirement = `bfcl-eval==${berkeleyVersion}`;

/**
 * The folder with the verified files `BFCL_v4_<category>.json` and, in `possible_answer`, their answers; fetched when
 * one of them is missing or altered.
 * @throws CaduceusError DOWNLOAD_FAILED; the signal's own reason
 */
export async function fetchBerkeleyData(signal?: AbortSignal): Promise<string> {
  const parent = path.join(cacheFolder(), "evaluation");
  const folder = path.join(parent, `bfcl-eval-${berkeleyVersion}`);
  const isThere = () => areExpected(folder, signal);
  if (await isThere()) return folder;
  try {
    await mkdir(parent, { recursive: true });
    await withFileLock(`${folder}.lock`, signal, isThere, async () => {
      if (!(await isThere())) await fetchInto(parent, folder, signal);
    });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof CaduceusError) throw error;
    const why = describeThrown(error);
    throw new CaduceusError("DOWNLOAD_FAILED", `The evaluation data could not be stored in ${parent} (${why}).`, {
      cause: error,
      remedy: otherFolder,
    });
  }
  return folder;
}

async function areExpected(folder: string, signal: AbortSignal | undefined): Promise<boolean> {
  for (const [name, expected] of Object.entries(files)) {
    if (!(await isExpectedFile(path.join(folder, name), expected, signal))) return false;
  }
  return true;
}

async function fetchInto(parent: string, folder: string, signal: AbortSignal | undefined): Promise<void> {
  const work = await mkdtemp(path.join(parent, "fetch-"));
  try {
    const data = path.join(
      await fetchPythonPackage(requirement, { holds: "the evaluation data" }, work, signal),
      "bfcl_eval",
      "data",
    );
    if (!(await areExpected(data, signal)))
      throw new CaduceusError("DOWNLOAD_FAILED", `The package ${requirement} does not hold the expected files.`, {
        remedy: "Check which package index pip uses.",
      });
    await mkdir(path.join(folder, "possible_answer"), { recursive: true });
    for (const name of Object.keys(files)) await replaceFile(path.join(data, name), path.join(folder, name));
    // Writes the notes, so that the next look need not read the files again.
    await areExpected(folder, signal);
  } finally {
    await rm(work, { recursive: true, force: true, maxRetries: 3 });
  }
}
