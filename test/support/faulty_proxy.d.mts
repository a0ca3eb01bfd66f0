// Types of faulty_proxy.mjs.

export type Fault = "none" | "refuse" | "silence" | "garbage";

export interface FaultyProxy {
  readonly port: number;
  readonly url: string;
  /** How many connections were opened so far. */
  readonly connections: number;
  /** From now on, for open connections too. */
  set(fault: Fault): void;
  /** Breaks all connections. */
  cut(): void;
  close(): Promise<void>;
}

export function faultyProxy(
  target: number,
  options?: {
    readonly host?: string;
    readonly port?: number;
    /** Sees all that comes. */
    readonly onData?: (isRequest: boolean, data: Buffer) => void;
  },
): Promise<FaultyProxy>;
