// CommonJS that requires the package and two of its entry points, and generates three tokens of the model file it is given.
const { load, CaduceusError } = require("caduceus");
const { createHandler } = require("caduceus/server");
const hermes = require("caduceus/hermes");
(async () => {
  const model = await load(process.argv[2], { contextSize: 512 });
  const { usage } = await model.reply("Why is the sky blue?", { temperature: 0, maxTokens: 3 });
  console.log(usage.generatedTokens, typeof CaduceusError, typeof createHandler, Object.keys(hermes).length > 0);
  await model.close();
})();
