// What is run on a GPU, in the order of what matters most, each with the seconds it may take.

/**
 * @typedef {object} Step
 * @property {string} name of the function in checks.mjs or measures.mjs
 * @property {string} title
 * @property {number} seconds
 * @property {string} remedy what to try where it fails
 */

/** So many times as long on a device of software, on a busy machine. */
export const dryFactor = 8;

/** @type {readonly Step[]} */
export const steps = [
  {
    name: "offload",
    title: "offload, in part and whole, against the processor's text",
    seconds: 60,
    remedy:
      "run `caduceus doctor`; if texts differ from the first token on, build the module for this GPU's own architecture (--architectures)",
  },
  {
    name: "oneStream",
    title: "one stream against llama-bench and llama-server",
    seconds: 90,
    remedy: "look at .cache/logs/bench-*.log, and run bin/llama-bench by hand",
  },
  {
    name: "manyStreams",
    title: "32 streams against llama-server and llama-batched-bench",
    seconds: 90,
    remedy: "look at .cache/logs/bench-*.log, and run bin/llama-server by hand",
  },
  {
    name: "streams",
    title: "32 streams, each as alone",
    seconds: 60,
    remedy: "run it again with CADUCEUS_KERNELS=ggml, and with --only streams on another GPU",
  },
  {
    name: "cancel",
    title: "a prompt is cancelled",
    seconds: 45,
    remedy: "the computation of a batch cannot be ended on a GPU: compare the time with that of 512 tokens",
  },
  {
    name: "contexts",
    title: "two models and a deterministic reply at once",
    seconds: 45,
    remedy: "run it again; if it fails once more, with GGML_CUDA_DISABLE_GRAPHS=1",
  },
  {
    name: "memory",
    title: "more than the memory there is",
    seconds: 45,
    remedy: "look at what `caduceus inspect` and nvidia-smi say of the memory",
  },
  {
    name: "longContext",
    title: "a long context, against the processor",
    seconds: 60,
    remedy: "run it again with GGML_CUDA_DISABLE_GRAPHS=1",
  },
];
