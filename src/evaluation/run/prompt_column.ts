// The column `prompt` of the published sets: messages, or the text of one.
import type { Message } from "../../index.js";
import type { Row } from "./data_file.js";
import { isDict, isList } from "../berkeley/python_value.js";

/**
 * The conversation of a row. A system message that contains the tools or the schema, as in the published prompts, is
 * left out, since the library writes its own; others stay.
 */
export function promptMessages(row: Row, stated: "<tools>" | "<schema>"): Message[] {
  const prompt = row.need("prompt");
  if (typeof prompt === "string") return [{ role: "user", content: prompt }];
  if (!isList(prompt)) throw row.wrong("Expected messages or text for prompt.");
  const messages = prompt.map((message): Message => {
    const role = isDict(message) ? message.get("role") : undefined;
    const content = isDict(message) ? message.get("content") : undefined;
    if ((role !== "system" && role !== "user" && role !== "assistant") || typeof content !== "string") {
      throw row.wrong(
        "Expected an object with role (system, user or assistant) and content for each message of prompt.",
      );
    }
    return { role, content };
  });
  const asked = messages.filter(({ role, content }) => role !== "system" || !(content as string).includes(stated));
  if (!asked.some(({ role }) => role === "user")) throw row.wrong("Expected a message of the user in prompt.");
  return asked;
}
