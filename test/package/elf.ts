// Damages to ELF files, as they happen on the way to a machine or on one that lacks something.
import { readFile, writeFile } from "node:fs/promises";

/** By e_machine. */
export const machines = { x64: 62, arm64: 183 } as const;

export async function setMachine(file: string, machine: number): Promise<void> {
  const bytes = await readFile(file);
  bytes.writeUInt16LE(machine, 18);
  await writeFile(file, bytes);
}

/** Replaces a name in the table of strings by another of the same length. */
export async function renameNeeded(file: string, name: string, other: string): Promise<void> {
  if (name.length !== other.length) throw new Error(`${other} is not as long as ${name}.`);
  const bytes = await readFile(file);
  const at = bytes.indexOf(`\0${name}\0`, 0, "latin1");
  if (at === -1) throw new Error(`${file} does not name ${name}.`);
  bytes.write(other, at + 1, "latin1");
  await writeFile(file, bytes);
}
