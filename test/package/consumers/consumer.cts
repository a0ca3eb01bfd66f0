// TypeScript that becomes CommonJS: `require` of the package, as Node 20.19 has it.
import caduceus = require("caduceus");

export async function answer(question: string): Promise<string> {
  const model = await caduceus.load("smollm2");
  const { text } = await model.reply(question, { maxTokens: 3 });
  await model.close();
  return text;
}

// @ts-expect-error there is no such function: the declarations are found
export const missing = (): unknown => caduceus.loadAll();
