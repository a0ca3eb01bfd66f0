// Fear: a harness that runs, and whose numbers are not the model's. EleutherAI's lm-eval asks `caduceus serve` as it
// comes, and llama.cpp alone is asked the same. `npm run test:heavy -- lm_eval` sets both up.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { cli, run } from "../process/run_program.js";
import { hermesModel, smollm2Model } from "../support/models.js";

const harness = process.env["CADUCEUS_LM_EVAL"]!;
const reference = process.env["CADUCEUS_LOG_LIKELIHOODS"]!;

const passage =
  "The harbour master kept two books. In the first he wrote down every ship that came in, with its port, its cargo and the state of its sails; in the second, which nobody had seen, he wrote what he thought of their captains. ";
const questions = [
  { question: "What is the capital of France?", choices: ["Berlin", "Paris", "Madrid", "Rome"], answer: 1 },
  {
    question: "Which of these is a fruit?",
    choices: ["a hammer", "an apple", "a river", "the wind in the trees"],
    answer: 1,
  },
  { question: "How many legs does a spider have?", choices: ["two", "four", "eight", "one hundred"], answer: 2 },
  { question: "What do bees make?", choices: ["honey", "paper boats", "glass"], answer: 0 },
  {
    question: "Water boils at which temperature, at sea level?",
    choices: ["0 °C", "50 °C", "100 °C", "1000 °C"],
    answer: 2,
  },
  { question: "Was heißt „Danke“ auf Japanisch?", choices: ["ありがとう", "さようなら", "🌊🌊"], answer: 0 },
  { question: `${passage}Who had seen the second book?`, choices: ["nobody", "every captain", "the king"], answer: 0 },
  {
    question: `${passage.repeat(4)}What did he write down in the first book?`,
    choices: ["what he thought of the captains, at length and without mercy", "every ship that came in", "nothing"],
    answer: 1,
  },
  { question: `${passage.repeat(12)}How many books were there?`, choices: ["two", "twelve"], answer: 0 },
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "caduceus-lm-eval-"));
  await mkdir(path.join(folder, "tasks"));
  const lines = (list: readonly object[]) => list.map((one) => `${JSON.stringify(one)}\n`).join("");
  await writeFile(path.join(folder, "questions.jsonl"), lines(questions));
  const data = `dataset_path: json\ndataset_kwargs:\n  data_files:\n    test: ${JSON.stringify(path.join(folder, "questions.jsonl"))}\ntest_split: test\ndoc_to_text: "Question: {{question}}\\nAnswer:"\n`;
  await writeFile(
    path.join(folder, "tasks", "choices.yaml"),
    `task: choices\n${data}output_type: multiple_choice\ndoc_to_choice: "{{choices}}"\ndoc_to_target: answer\nmetric_list:\n  - metric: acc\n  - metric: acc_norm\n`,
  );
  await writeFile(
    path.join(folder, "tasks", "written.yaml"),
    `task: written\n${data}output_type: generate_until\ndoc_to_target: "{{choices[answer]}}"\ngeneration_kwargs:\n  until: ["\\n"]\n  max_gen_toks: 12\nmetric_list:\n  - metric: exact_match\n`,
  );
});
afterAll(() => rm(folder, { recursive: true }));

interface Sample {
  readonly doc: { readonly question: string };
  readonly arguments: Record<string, { readonly arg_0: string; readonly arg_1: string }>;
  readonly resps: unknown[][];
}

/** What the harness has written of each sample, one after the other. */
async function samplesOf(task: string, output: string): Promise<Sample[]> {
  const [name] = (await readdir(output, { recursive: true })).filter((one) =>
    path.basename(one).startsWith(`samples_${task}`),
  );
  return (await readFile(path.join(output, name!), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Sample);
}

async function serve(model: string): Promise<string> {
  const child = spawn(process.execPath, [cli, "serve", "-m", `m=${model}`, "--port", "0", "-c", "2048"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await once(child, "close");
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  while (!stderr.includes("Ready.")) {
    expect(child.exitCode, stderr).toBeNull();
    await sleep(20);
  }
  return /http:\/\/\S+(?=, models)/.exec(stderr)![0];
}

/** Nothing is asked of anybody but the server. */
const offline = { HF_HUB_OFFLINE: "1", HF_DATASETS_OFFLINE: "1" };

async function evaluate(url: string, tasks: string, more = ""): Promise<string> {
  const output = await mkdtemp(path.join(folder, "out-"));
  const args = [
    "run",
    "--model",
    "local-completions",
    "--model_args",
    `model=m,base_url=${url}/v1/completions${more}`,
    "--tasks",
    tasks,
    "--include_path",
    path.join(folder, "tasks"),
    "--output_path",
    output,
    "--log_samples",
  ];
  const { code, stderr } = await run(harness, args, {
    env: { ...offline, HF_HOME: path.join(folder, "home") },
    timeoutMs: 1_800_000,
  });
  expect(code, stderr.slice(-3000)).toBe(0);
  return output;
}

test.each([
  ["SmolLM2", smollm2Model],
  // A BOS in front, and spaces where the prompt has none.
  ["Hermes' vocabulary", hermesModel],
])(
  "with %s, lm-eval's multiple choice comes out as llama.cpp alone has it: log likelihoods within 1e-2, and which are greedy",
  async (name, pathOf) => {
    const model = await pathOf();
    const url = await serve(model);
    const output = await evaluate(url, "choices,written");
    const samples = await samplesOf("choices", output);
    const pairs = samples.flatMap((sample) => Object.values(sample.arguments));
    const ours = samples.flatMap((sample) => sample.resps.map(([answer]) => (answer as [string, string]).map(String)));
    expect(pairs).toHaveLength(questions.flatMap(({ choices }) => choices).length);
    expect(ours).toHaveLength(pairs.length);

    const asked = pairs.map(({ arg_0, arg_1 }) => `${arg_0}\0${arg_1}\0`).join("");
    const differences = async (rows: number) => {
      const { code, stdout } = await run(reference, [model, String(rows)], { input: asked, timeoutMs: 600_000 });
      expect(code).toBe(0);
      const theirs = stdout
        .trim()
        .split("\n")
        .map((line) => line.split(" "));
      expect(theirs).toHaveLength(ours.length);
      return theirs.map(([sum, greedy], index) => ({
        apart: Math.abs(Number(sum) - Number(ours[index]![0])),
        agrees: (greedy === "1") === (ours[index]![1] === "True"),
        sum: Number(sum),
      }));
    };
    // From 64 rows on ggml computes attention otherwise, and rounding activations to 8 bits makes more of the last
    // bits: llama.cpp itself does not agree with itself there.
    const inPieces = await differences(40);
    const whole = await differences(2048);
    const most = (list: readonly { readonly apart: number }[]) =>
      Number(Math.max(...list.map(({ apart }) => apart)).toFixed(6));
    console.log(
      JSON.stringify({
        name,
        pairs: pairs.length,
        sums: [Math.min(...whole.map(({ sum }) => sum)), Math.max(...whole.map(({ sum }) => sum))],
        mostApart: { inPieces: most(inPieces), whole: most(whole) },
      }),
    );
    expect(most(inPieces)).toBeLessThan(1e-2);
    expect(inPieces.filter(({ agrees }) => !agrees)).toEqual([]);

    const written = await samplesOf("written", output);
    expect(written).toHaveLength(questions.length);
    for (const { resps } of written) expect(resps[0]![0]).toEqual(expect.not.stringContaining("\n"));

    // Whatever else runs, they come out the same.
    const crowded = (await samplesOf("choices", await evaluate(url, "choices", ",num_concurrent=8"))).flatMap(
      (sample) => sample.resps.map(([answer]) => Number((answer as [string])[0])),
    );
    expect(crowded).toEqual(ours.map(([sum]) => Number(sum)));
  },
);
