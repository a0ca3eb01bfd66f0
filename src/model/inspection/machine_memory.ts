// How much memory this process can have.
import { totalmem } from "node:os";

export interface MachineMemory {
  readonly totalBytes: number;
  /**
   * Without swapping and without a container's limit being hit. Where the system tells only what nobody has touched
   * yet, all of it.
   */
  readonly availableBytes: number;
}

export function machineMemory(): MachineMemory {
  const limit = process.constrainedMemory();
  const totalBytes = limit > 0 && limit < totalmem() ? limit : totalmem();
  const told = process.availableMemory();
  // macOS counts neither compressed nor cached pages as available, and gives them up readily. Without /proc Linux tells
  // nothing: 0.
  const isUnknown = process.platform === "darwin" || (told === 0 && limit === 0);
  const availableBytes = isUnknown ? totalBytes : Math.min(told, totalBytes);
  return { totalBytes, availableBytes };
}
