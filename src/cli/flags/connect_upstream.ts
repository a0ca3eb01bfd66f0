// The model of a server, where the flags ask for one.
import { connect, type Model } from "../../index.js";
import { UsageError } from "../exit_codes.js";
import type { ModelFlags } from "./model_flags.js";
import { readLoadOptions } from "./read_load_options.js";

/** Undefined: no server is asked for. */
export async function connectUpstream(
  flags: Omit<ModelFlags, "model">,
  signal: AbortSignal,
): Promise<Model | undefined> {
  const { upstream, upstreamModel, upstreamEngine } = flags;
  if (upstream === undefined) {
    if (upstreamModel === undefined && upstreamEngine === undefined) return undefined;
    throw new UsageError("Expected --upstream together with --upstream-model and --upstream-engine.");
  }
  const {
    contextSize,
    format,
    promptVariant,
    chatTemplate,
    adapters = [],
    ...local
  } = await readLoadOptions(flags, signal);
  const wrong = Object.values(local).some((value) => value !== undefined) || adapters.length > 0;
  if (wrong) throw new UsageError("Threads, GPUs, the cache and adapters are the server's with --upstream.");
  return connect(upstream, {
    model: upstreamModel,
    engine: upstreamEngine,
    apiKey: process.env["CADUCEUS_UPSTREAM_API_KEY"],
    contextSize,
    format,
    promptVariant,
    chatTemplate,
    signal,
  });
}
