// The file of a loaded model cannot be replaced by another one, which the system says by one of the codes that we wait
// for; once the model is closed it can.
import { copyFileSync, renameSync } from "node:fs";
import { load } from "caduceus";

const [file] = process.argv.slice(2);
const other = `${file}.other`;
copyFileSync(file, other);
const replace = () => {
  try {
    renameSync(other, file);
    return "replaced";
  } catch (error) {
    return error.code;
  }
};
const model = await load(file, { contextSize: 512, prefixFolder: false });
const meanwhile = replace();
const { usage } = await model.reply("one two", { maxTokens: 2 });
await model.close();
console.log(JSON.stringify({ meanwhile, generated: usage.generatedTokens, afterwards: replace() }));
