// Asks any of the programs beside this file, from a browser or from Node, and tells the answer's text as it comes.
export async function ask(url, messages, onText, signal) {
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ messages }), signal });
  if (!response.ok) throw new Error((await response.json().catch(() => ({}))).error ?? `The server answered with status ${response.status}.`);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const events = (rest + read.value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      if (event === "data: [DONE]") return;
      const { text, error } = JSON.parse(event.slice(event.indexOf("{")));
      if (error !== undefined) throw new Error(error);
      onText(text);
    }
  }
  throw new Error("The answer broke off.");
}
