// On Windows a file that somebody else has open can be neither replaced nor removed, nor made anew while it is being
// removed: virus scanners and indexers open each new file for a moment.
import { rename } from "node:fs/promises";

const pausesMs = [10, 20, 50, 100, 200, 500, 1000];

/** Whether it may go well a moment later. */
export const isBusy = (error: unknown, platform: NodeJS.Platform = process.platform): boolean =>
  platform === "win32" && ["EPERM", "EACCES", "EBUSY"].includes((error as NodeJS.ErrnoException).code ?? "");

/** Does it again for two seconds while a file is busy. */
export async function whileBusy<T>(work: () => Promise<T>, platform: NodeJS.Platform = process.platform): Promise<T> {
  for (const pause of pausesMs) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error, platform)) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return work();
}

/** As `rename`, over a file that is there. */
export const replaceFile = (from: string, to: string): Promise<void> => whileBusy(() => rename(from, to));
