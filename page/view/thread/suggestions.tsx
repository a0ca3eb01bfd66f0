// Suggestions of an empty conversation, each of which shows a feature of the server.
import type { Settings } from "../../conversation/settings.js";
import { exampleSchema } from "../../conversation/settings.js";
import { current, update } from "../../conversation/store.js";
import { modelOf } from "../../server/models.js";

const suggestions: readonly { readonly title: string; readonly draft: string; readonly change: Partial<Settings> }[] = [
  { title: "Ask something", draft: "Why is the sky blue?", change: { toolChoice: "auto", isJson: false } },
  {
    title: "Let it call a tool",
    draft: "What is 17.5 % of 2,340?",
    change: { tools: ["calculate"], toolChoice: "first", isJson: false },
  },
  {
    title: "Get JSON by a schema",
    draft: "Anna is 31 and lives in Ghent.",
    change: { isJson: true, schema: exampleSchema, tools: [], toolChoice: "auto" },
  },
];

export function Suggestions() {
  const { id, settings } = current.value;
  const take = (draft: string, change: Partial<Settings>) => () => {
    update(id, (conversation) => ({ ...conversation, draft, settings: { ...conversation.settings, ...change } }));
    document.getElementById("message")?.focus();
  };
  return (
    <div class="empty">
      <h2>What would you like to try?</h2>
      <p>
        {modelOf(settings) === "" ? "The model" : modelOf(settings)} runs on the machine that served this page. What you
        type goes there and nowhere else.
      </p>
      <ul>
        {suggestions.map(({ title, draft, change }) => (
          <li key={title}>
            <button type="button" class="suggestion" onClick={take(draft, change)}>
              <strong>{title}</strong>
              <span>{draft}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
