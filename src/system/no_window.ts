/** Of a child process on Windows, whose parent may have none. Node's types know it of `spawn`, and not of `fork`. */
export const noWindow = { windowsHide: true } as const;
