// Types of loop_watch.mjs.

export interface LoopWatch {
  longestMs(): Promise<number>;
  end(): void;
}
export function watchLoop(): LoopWatch;
