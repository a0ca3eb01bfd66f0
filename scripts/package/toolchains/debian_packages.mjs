// Packages of Debian 13, unpacked into a folder of ours and not installed. Takes apt, and the keys of Debian's archive.
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { runLogged, SetupError } from "../../setup/run_logged.mjs";

const log = "debian";

/**
 * @param {readonly string[]} names those that Debian has; the others are passed over
 * @param {string} folder where to
 * @param {string} [architecture] as Debian calls it
 */
export async function unpackDebianPackages(names, folder, architecture = "amd64") {
  const work = path.join(folder, "apt");
  for (const part of ["lists/partial", "archives/partial", "state"])
    await mkdir(path.join(work, part), { recursive: true });
  await writeFile(path.join(work, "status"), "");
  const keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
  if (!existsSync(keys))
    throw new SetupError(
      "Packages of Debian are checked by its archive's keys, which are not on this machine: install them with `sudo apt-get install -y debian-archive-keyring`.",
    );
  await writeFile(
    path.join(work, "sources.list"),
    `deb [signed-by=${keys}] http://deb.debian.org/debian trixie main\n`,
  );
  const apt = Object.entries({
    "Dir::Etc::sourcelist": "sources.list",
    "Dir::Etc::sourceparts": "none",
    "Dir::State::lists": "lists",
    "Dir::State::status": "status",
    "Dir::Cache": "archives",
    "Dir::Cache::archives": "archives",
  }).flatMap(([name, file]) => ["-o", `${name}=${path.join(work, file)}`]);
  apt.push("-o", `APT::Architecture=${architecture}`, "-o", `APT::Architectures=${architecture}`);
  const options = { cwd: work, append: true };
  await runLogged(log, "apt-get", [...apt, "-o", "APT::Sandbox::User=root", "-qq", "update"], {
    ...options,
    what: "Asking Debian for its packages",
  });
  const available = new Set((await runLogged(log, "apt-cache", [...apt, "pkgnames"], options)).split("\n"));
  await runLogged(
    log,
    "apt-get",
    [...apt, "-o", "APT::Sandbox::User=root", "-qq", "download", ...names.filter((name) => available.has(name))],
    { ...options, what: "Fetching Debian's packages" },
  );
  for (const name of await readdir(work))
    if (name.endsWith(".deb"))
      await runLogged(log, "dpkg-deb", ["-x", path.join(work, name), folder], { append: true });
  await rm(work, { recursive: true });
}
