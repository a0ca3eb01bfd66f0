// The requirements of a Vulkan build: glslc with the newest extensions, headers and the loader. Taken from VULKAN_SDK
// if it is set; else, on Debian and Ubuntu, Debian 13's packages are unpacked into the cache folder (43 MB), because
// Debian 12's are too old. Nothing is installed.
import { chmod, writeFile } from "node:fs/promises";
import path from "node:path";
import { SetupError } from "../../setup/run_logged.mjs";
import { cachedFolder } from "./cached_folder.mjs";
import { unpackDebianPackages } from "./debian_packages.mjs";

// glslc comes with its C library: it runs under its own loader.
const packages = [
  "glslc",
  "libshaderc1",
  "libglslang15",
  "libspirv-tools",
  "spirv-tools",
  "libvulkan1",
  "libvulkan-dev",
  "spirv-headers",
  "libc6",
  "libstdc++6",
  "libgcc-s1",
];

/**
 * @param {(text: string) => void} report
 * @returns {Promise<string[]>} arguments of CMake
 */
export async function vulkanArguments(report) {
  // CMake finds it there by itself.
  if (process.env.VULKAN_SDK) return [];
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new SetupError(
      "Building for Vulkan needs the Vulkan SDK: install it from https://vulkan.lunarg.com and set VULKAN_SDK.",
    );
  const folder = await cachedFolder("vulkan", "glslc", async (next) => {
    report("fetching the tools for Vulkan");
    await fetchTools(next);
  });
  const library = path.join(folder, "usr", "lib", "x86_64-linux-gnu");
  return [
    `-DVulkan_INCLUDE_DIR=${path.join(folder, "usr", "include")}`,
    `-DVulkan_LIBRARY=${path.join(library, "libvulkan.so.1")}`,
    `-DVulkan_GLSLC_EXECUTABLE=${path.join(folder, "glslc")}`,
    `-DSPIRV-Headers_DIR=${path.join(folder, "usr", "share", "cmake", "SPIRV-Headers")}`,
  ];
}

/** @param {string} folder */
async function fetchTools(folder) {
  await unpackDebianPackages(packages, folder);
  const program = path.join(folder, "glslc");
  // By its own place: the folder is moved once it is complete.
  await writeFile(
    program,
    `#!/bin/sh\nfolder=$(dirname "$0")\nlibrary=$folder/usr/lib/x86_64-linux-gnu\nexec "$library/ld-linux-x86-64.so.2" --library-path "$library" "$folder/usr/bin/glslc" "$@"\n`,
  );
  await chmod(program, 0o755);
}
