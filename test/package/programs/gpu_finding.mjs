// What the doctor says of GPUs, and that models run all the same.
import { doctor, load } from "caduceus";
const { findings } = await doctor();
const model = await load(process.argv[2]);
const { usage } = await model.reply("Count to ten.", { maxTokens: 3, temperature: 0 });
console.log(
  JSON.stringify({
    finding: findings.find(({ subject }) => subject === "GPU"),
    tokens: usage.generatedTokens,
    gpuLayers: model.info.gpuLayers,
    devices: model.info.devices.map(({ name }) => name),
  }),
);
await model.close();
