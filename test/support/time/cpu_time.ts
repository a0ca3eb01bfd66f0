// For tests of what must not take too long: they hold on a machine that does other things as well.

/** Processor time that this process has taken, in milliseconds. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
