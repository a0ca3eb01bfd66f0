// Packages of PyPI, unpacked into a folder of ours and not installed.
import { python, runLogged } from "../../setup/run_logged.mjs";

/**
 * @param {string} requirement name and version
 * @param {string} folder where to
 * @param {{ log: string, what: string, options?: string[] }} settings further options of pip
 */
export async function pipInstall(requirement, folder, { log, what, options = [] }) {
  await runLogged(
    log,
    python,
    ["-m", "pip", "install", "--quiet", "--no-cache-dir", ...options, "--target", folder, requirement],
    { what },
  );
}
