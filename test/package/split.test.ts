// What the registry gets: the package without binaries, and one with those of this system, of which it installs what
// fits.
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { expect, test } from "vitest";
import { emptyProject, isMusl, model, remove, runIn } from "./world.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

test.runIf(process.platform === "linux" && !isMusl)(
  "the package and the one for this system, installed side by side, generate",
  async () => {
    const folder = await emptyProject({
      "three_tokens.mjs": await readFile(new URL("programs/three_tokens.mjs", import.meta.url), "utf8"),
    });
    await mkdir(path.join(folder, "packed"));
    const printed = execFileSync(
      process.execPath,
      [path.join(root, "scripts/package/split.mjs"), "--pack-destination", path.join(folder, "packed")],
      { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
    );
    const packed = printed.trim().split("\n");
    const system = packed.filter((file) => path.basename(file).startsWith(`caduceus-linux-${process.arch}-glibc`));
    expect(system.length).toBeGreaterThan(0);
    execFileSync(
      "npm",
      ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", packed.at(-1)!, ...system],
      { cwd: folder },
    );
    const modules = path.join(folder, "node_modules");
    expect(await readdir(path.join(modules, "caduceus"))).not.toContain("prebuilds");
    const { optionalDependencies } = JSON.parse(
      await readFile(path.join(modules, "caduceus/package.json"), "utf8"),
    ) as { optionalDependencies: Record<string, string> };
    expect(Object.keys(optionalDependencies)).toContain(`@caduceus/linux-${process.arch}-glibc`);
    for (const name of Object.keys(optionalDependencies).filter((name) => name.endsWith(`-${process.arch}-glibc`))) {
      expect(await readdir(path.join(modules, name))).toEqual(
        expect.arrayContaining(["LICENSE", "THIRD_PARTY_LICENSES.md", "package.json", "prebuilds"]),
      );
    }
    expect(await runIn(folder, process.execPath, ["three_tokens.mjs", model])).toMatchObject({
      code: 0,
      stdout: "3\n",
      stderr: "",
    });
    await remove(folder);
  },
);
