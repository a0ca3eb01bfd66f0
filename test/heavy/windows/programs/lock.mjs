// Takes the lock that the first argument names, a few times, and says in the file beside it when it has it.
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { withFileLock } from "./file_lock.mjs";

const [file, name] = process.argv.slice(2);
for (let round = 0; round < 3; round++)
  await withFileLock(
    `${file}.lock`,
    undefined,
    async () => false,
    async () => {
      appendFileSync(file, `${name} in\n`);
      await sleep(50);
      appendFileSync(file, `${name} out\n`);
    },
  );
