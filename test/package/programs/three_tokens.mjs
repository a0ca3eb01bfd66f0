// The least that shows that everything is there: three tokens of the model file that the argument names.
import { load } from "caduceus";
const model = await load(process.argv[2], { contextSize: 512 });
const { usage } = await model.reply("Why is the sky blue?", { temperature: 0, maxTokens: 3 });
console.log(usage.generatedTokens);
await model.close();
