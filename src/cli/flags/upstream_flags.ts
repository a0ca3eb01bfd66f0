// The flags of a model on a server, in the place of one in this process.
import type { Command } from "commander";
import type { ConnectOptions } from "../../index.js";

export interface UpstreamFlags {
  readonly upstream?: string;
  readonly upstreamModel?: string;
  readonly upstreamEngine?: ConnectOptions["engine"];
}

export function addUpstreamFlags(command: Command): Command {
  return command
    .option(
      "--upstream <url>",
      "use the model of a server in the place of one here; its key stands in CADUCEUS_UPSTREAM_API_KEY",
    )
    .option("--upstream-model <name>", "which of that server's models (default: the only one)")
    .option(
      "--upstream-engine <name>",
      "what it is: caduceus, llama-server, vllm or openai (default: what it says of itself)",
    );
}

/** How results that are kept name it. */
export const upstreamIdentity = ({ upstream, upstreamModel = "" }: UpstreamFlags): string | undefined =>
  upstream === undefined ? undefined : `${upstream} ${upstreamModel}`;
