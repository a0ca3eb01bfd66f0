// A run that says a given line: the line is read as the end of the prompt, by weights that then end the turn. So
// tokens, cache and counts are the real ones, and only the choice of words is not. Plain JavaScript, for programs as
// well as for tests.

/** @type {import("./speak.mjs").speak} */
export function speak(engine, submit, request, line) {
  const run = submit({
    ...request,
    prompt: [...request.prompt, { text: line }],
    sampling: { ...request.sampling, temperature: 0 },
  });
  // Without BOS, the marker, and the space and the newline that begin the text.
  const length = engine
    .tokenize([{ control: "<|im_start|>" }, { text: `\n${line}` }])
    .then((tokens) => tokens.length - 4);
  /** @type {import("../../../src/engine/engine.js").RunDelta[]} */
  const output = [{ type: "delta", text: line, tokens: new Int32Array() }];
  return {
    id: run.id,
    async next() {
      const said = output.shift();
      if (said !== undefined) return said;
      const next = await run.next();
      if (next?.type !== "end") return next;
      const { promptTokens, cachedTokens, generatedTokens } = next.usage;
      const spoken = await length;
      return {
        ...next,
        usage: { promptTokens: promptTokens - spoken, cachedTokens, generatedTokens: generatedTokens + spoken },
      };
    },
    cancel: () => run.cancel(),
    release: () => run.release(),
  };
}
