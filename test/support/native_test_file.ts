// Finds a file that the native build's target caduceus_tests makes, such as a test addon.
import path from "node:path";

const script = (name: string) => import(new URL(`../../scripts/${name}`, import.meta.url).href);

/** The full path of a program or library of the native tests. */
export async function nativeTestFile(name: string): Promise<string> {
  const { treeFolder } = (await script("build/build_tree.mjs")) as { treeFolder(options: object): Promise<string> };
  const { installedOptions } = (await script("build/build_options.mjs")) as { installedOptions(): Promise<object> };
  return path.join(await treeFolder({ ...(await installedOptions()), tests: true }), "tests", name);
}
