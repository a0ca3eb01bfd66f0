// The clients in Python that `npm run test:heavy -- clients` asks the server with: some 400 MB of packages. openai's
// version is the newest that instructor and litellm allow.
import path from "node:path";
import { installPackages } from "./python_packages.mjs";

/** @type {Readonly<Record<string, string>>} */
export const pythonClients = {
  openai: "3.3.0",
  anthropic: "2.14.0",
  ollama: "0.6.3",
  instructor: "1.17.0",
  litellm: "1.110.2",
};

/** @returns {Promise<string>} the Python that has them */
export async function installPythonClients() {
  const requirements = Object.entries(pythonClients).map(([name, version]) => `${name}==${version}`);
  return path.join(await installPackages("python-clients", requirements), "python");
}
