// Two copies of the package in one process: both generate, at the same time, in the order in which the last argument
// names them.
const [file, ...names] = process.argv.slice(2);
const models = [];
for (const name of names) {
  const { load } = await import(name);
  models.push(await load(file, { contextSize: 512 }));
}
const replies = await Promise.all(
  models.map((model) => model.reply("Why is the sky blue?", { temperature: 0, deterministic: true, maxTokens: 8 })),
);
console.log(JSON.stringify(replies.map(({ text }) => text)));
await Promise.all(models.map((model) => model.close()));
