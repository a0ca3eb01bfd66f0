// An answer: its text, its calls, how it ended, and its statistics.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { AnswerEntry, AnswerNumbers } from "../../conversation/entry.js";
import { reply } from "../../conversation/reply.js";
import { announcement, current } from "../../conversation/store.js";
import { Code, Markdown } from "../../text/markdown.js";
import { CallView } from "./call_view.js";
import { showPrompt } from "../dialogs/prompt_dialog.js";

export function Answer({
  entry,
  isLocked,
  versions,
}: {
  readonly entry: AnswerEntry;
  readonly isLocked: boolean;
  readonly versions: ComponentChildren;
}) {
  const { text, reasoning, calls, state, note, isJson, numbers } = entry;
  // The next round, with the results, is shown below.
  const goesOn = state === "done" && calls.length > 0;
  const isWaiting = state === "writing" && text === "" && calls.length === 0 && reasoning === "";
  return (
    <article class={`answer ${state}`} aria-label="Answer">
      {reasoning === "" ? null : (
        <details class="reasoning">
          <summary>{state === "writing" && text === "" && calls.length === 0 ? "Thinking …" : "Thoughts"}</summary>
          <div class="plain">{reasoning}</div>
        </details>
      )}
      {text === "" ? null : isJson ? <Code text={text} language="JSON" label="Answer" /> : <Markdown text={text} />}
      {isWaiting ? <p class="waiting">Reading the prompt</p> : null}
      {calls.map((call) => (
        <CallView key={call.id} call={call} />
      ))}
      {state === "stopped" ? <p class="ended">Stopped.</p> : null}
      {note === "" ? null : (
        <p class={state === "failed" ? "problem" : "ended"} role={state === "failed" ? "alert" : undefined}>
          {note}
        </p>
      )}
      {state === "writing" ? null : (
        <div class="actions">
          {versions}
          {text === "" || goesOn ? null : <Copy text={text} />}
          {goesOn ? null : (
            <button
              type="button"
              class="quiet small"
              disabled={isLocked}
              onClick={() => void reply(current.value.id, entry.parent!)}
            >
              Again
            </button>
          )}
          <button
            type="button"
            class="quiet small"
            onClick={() => showPrompt({ conversationId: current.value.id, before: entry })}
          >
            Prompt
          </button>
          {numbers === null ? null : <Numbers numbers={numbers} />}
        </div>
      )}
    </article>
  );
}

function Numbers({
  numbers: { promptTokens, cachedTokens, generatedTokens, firstTokenMs, tokensPerSecond },
}: {
  readonly numbers: AnswerNumbers;
}) {
  const parts = [
    `${generatedTokens.toLocaleString("en")} ${generatedTokens === 1 ? "token" : "tokens"}`,
    ...(tokensPerSecond > 0 ? [`${tokensPerSecond.toFixed(1)} a second`] : []),
    `first after ${(firstTokenMs / 1000).toFixed(1)} s`,
    `${Math.round((100 * cachedTokens) / Math.max(1, promptTokens))} % of ${promptTokens.toLocaleString("en")} cached`,
  ];
  return (
    <span class="numbers">
      {parts.map((part, index) => (
        <span key={part}>{index < parts.length - 1 ? `${part} · ` : part}</span>
      ))}
    </span>
  );
}

/** Browsers allow the clipboard only in secure contexts (https or localhost). */
function Copy({ text }: { readonly text: string }) {
  const [isCopied, setCopied] = useState(false);
  if (navigator.clipboard === undefined) return null;
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    announcement.value = "Copied.";
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <button type="button" class="quiet small" onClick={() => void copy().catch(() => {})}>
      {isCopied ? "Copied" : "Copy"}
    </button>
  );
}
