// `caduceus quantize`: a model in a smaller type.
import type { Command } from "commander";
import { quantizeModel, type QuantizationType, type TensorType } from "../../index.js";
import { exitCodeHelp } from "../exit_codes.js";
import { threadsFlag } from "../flags/model_flags.js";
import { helpText } from "../output/help_text.js";
import { bytesText, ProgressBar } from "../output/progress_bar.js";
import { note, write } from "../output/terminal.js";

interface QuantizeFlags {
  readonly allowRequantize?: boolean;
  readonly imatrix?: string;
  readonly outputTensorType?: string;
  readonly tokenEmbeddingType?: string;
  readonly leaveOutputTensor?: boolean;
  readonly force?: boolean;
  readonly threads?: number;
  readonly json?: boolean;
}

export function addQuantizeCommand(program: Command, ending: AbortSignal): void {
  program
    .command("quantize")
    .description("Writes a model to a new file with its weights in a smaller type. Prints its path.")
    .argument("<name|path>", "the model, in F16, BF16 or F32: a path, or a name as `caduceus pull` takes it")
    .argument("<output>", "path of the new file")
    .argument("<type>", "Q4_K_M, Q5_K_M, Q6_K, Q8_0, … as llama-quantize has them; COPY joins a split model")
    .option("--allow-requantize", "quantize what is quantized already, which loses more")
    .option("--imatrix <file>", "importance matrix, as llama-imatrix writes it")
    .option("--output-tensor-type <type>", "type of the output layer: Q6_K, Q8_0, F16, …")
    .option("--token-embedding-type <type>", "type of the token embeddings")
    .option("--leave-output-tensor", "keep the output layer as it is")
    .option("--force", "replace a file that is there")
    .addOption(threadsFlag("threads that compute (default: all processors)"))
    .option("--json", "print one JSON object: path, sizeBytes, type")
    .addHelpText(
      "after",
      helpText(`
The new file is what llama-quantize writes, byte for byte. It is there whole or not at all: Ctrl-C leaves nothing. The
smallest types (IQ1_*, IQ2_*, IQ3_XXS, Q2_K_S) need an importance matrix.

Examples:
  caduceus quantize model-f16.gguf model-q4_k_m.gguf Q4_K_M
  caduceus quantize hf:owner/repository:F16 ./model-q8_0.gguf Q8_0
  caduceus quantize --imatrix imatrix.gguf f16.gguf iq2_xs.gguf IQ2_XS

${exitCodeHelp}`),
    )
    .action((name: string, output: string, type: string, flags: QuantizeFlags) =>
      quantizeCommand(name, output, type, flags, ending),
    );
}

async function quantizeCommand(
  name: string,
  output: string,
  type: string,
  { json, imatrix, outputTensorType, tokenEmbeddingType, ...flags }: QuantizeFlags,
  ending: AbortSignal,
): Promise<void> {
  const bars = { fetch: new ProgressBar(name), quantize: new ProgressBar(output) };
  const { path, sizeBytes, ...made } = await quantizeModel(name, output, {
    ...flags,
    type: type as QuantizationType,
    importanceMatrix: imatrix,
    outputTensorType: outputTensorType as TensorType | undefined,
    tokenEmbeddingType: tokenEmbeddingType as TensorType | undefined,
    signal: ending,
    onProgress: ({ stage, ...progress }) => bars[stage].show(progress),
  }).finally(() => bars.quantize.clear());
  if (!json) note(`${path} is ${made.type} and has ${bytesText(sizeBytes)}.`);
  await write(json ? `${JSON.stringify({ path, sizeBytes, ...made })}\n` : `${path}\n`);
}
