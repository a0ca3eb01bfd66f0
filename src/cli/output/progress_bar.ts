// A bar on a terminal's standard error: how far a download is, how fast, and when it may end.
import type { FetchProgress } from "../../index.js";
import { ProgressLine } from "./progress_line.js";

const [narrowest, widest] = [6, 24];
/** The speed is that of the last seconds. */
const windowMs = 5_000;
const redrawMs = 100;

export class ProgressBar {
  readonly #line = new ProgressLine();
  readonly #label: string;
  readonly #seen: { readonly time: number; readonly bytes: number }[] = [];
  #drawn = 0;

  constructor(label: string) {
    this.#label = label;
  }

  show(progress: FetchProgress, now = performance.now()): void {
    const { fraction, receivedBytes } = progress;
    if (now - this.#drawn < redrawMs && fraction < 1) return;
    this.#drawn = now;
    const rate = receivedBytes === undefined ? undefined : this.#rate(receivedBytes, now);
    this.#line.show(drawBar(this.#label, progress, rate, (process.stderr.columns || 80) - 1));
  }

  clear(): void {
    this.#line.clear();
  }

  /** Bytes a second; undefined before there is something to measure. */
  #rate(bytes: number, time: number): number | undefined {
    this.#seen.push({ time, bytes });
    while (this.#seen.length > 2 && time - this.#seen[0]!.time > windowMs) this.#seen.shift();
    const [first] = this.#seen;
    return first !== undefined && time - first.time > 500
      ? ((bytes - first.bytes) * 1000) / (time - first.time)
      : undefined;
  }
}

/** One line, no longer than the columns there are: what gives way is first the bar, then the label. */
export function drawBar(
  label: string,
  { fraction, receivedBytes, totalBytes }: FetchProgress,
  rate: number | undefined,
  columns = 79,
): string {
  const numbers = [`${Math.floor(fraction * 100)} %`];
  if (receivedBytes !== undefined && totalBytes !== undefined) {
    numbers.push(`${bytesText(receivedBytes)} of ${bytesText(totalBytes)}`);
    if (rate !== undefined && rate > 0)
      numbers.push(`${bytesText(rate)}/s`, durationText((totalBytes - receivedBytes) / rate));
  }
  const rest = numbers.join("  ");
  const width = Math.min(Math.max(columns - label.length - rest.length - 6, narrowest), widest);
  const room = Math.max(columns - rest.length - width - 6, 8);
  const shown = label.length <= room ? label : `${label.slice(0, room - 1)}…`;
  const full = Math.floor(fraction * width);
  return `${shown}  [${"#".repeat(full)}${".".repeat(width - full)}]  ${rest}`.slice(0, Math.max(columns, 1));
}

/** `"3.81 GiB"`, `"98 MiB"`. */
export function bytesText(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  if (bytes >= 2 ** 20) return `${Math.round(bytes / 2 ** 20)} MiB`;
  return bytes >= 1024 ? `${Math.round(bytes / 1024)} KiB` : `${Math.round(bytes)} B`;
}

export function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole >= 3600
    ? `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
    : whole >= 60
      ? `${Math.floor(whole / 60)} min ${whole % 60} s`
      : `${whole} s`;
}
