// The input field for messages, and the statistics below it.
import { useLayoutEffect, useRef } from "preact/hooks";
import { pathTo } from "../../conversation/entries.js";
import { say, stop } from "../../conversation/reply.js";
import { current, running, update } from "../../conversation/store.js";
import { absent, live, type LiveNumbers } from "../../server/live.js";
import { modelOf, models } from "../../server/models.js";
import { Icon } from "../icons.js";
import { editing } from "./question.js";

/** On a phone the focus would open the keyboard, over half of the page. */
const hasKeyboard = () => matchMedia("(pointer: fine)").matches;

/** Runs after the next rendering. */
export const focusMessage = () =>
  void requestAnimationFrame(() => hasKeyboard() && document.getElementById("message")?.focus({ preventScroll: true }));

export function Composer() {
  const { id, draft, leaf, settings } = current.value;
  const isRunning = running.value.has(id);
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    // Only if nothing else has the focus.
    if (document.activeElement === document.body && hasKeyboard()) box.current!.focus({ preventScroll: true });
  }, []);
  const setDraft = (text: string) => update(id, (conversation) => ({ ...conversation, draft: text }));
  const send = () => {
    if (isRunning || draft.trim() === "" || models.value.length === 0) return;
    setDraft("");
    say(id, leaf, draft);
    box.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send();
    else if (event.key === "ArrowUp" && draft === "" && !isRunning)
      editing.value = pathTo(current.value).findLast(({ role }) => role === "user")?.id;
    else return;
    event.preventDefault();
  };
  return (
    <footer class="bottom">
      <form
        class="composer"
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <label class="unseen" for="message">
          Message
        </label>
        <textarea
          id="message"
          ref={box}
          class="grows"
          rows={1}
          placeholder="Write a message"
          value={draft}
          onInput={(event) => setDraft(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          aria-describedby="keys"
        />
        {isRunning ? (
          <button type="button" class="main icon-button" aria-label="Stop" onClick={() => stop(id)}>
            <Icon name="stop" />
          </button>
        ) : (
          <button
            type="submit"
            class="main icon-button"
            aria-label="Send"
            disabled={draft.trim() === "" || models.value.length === 0}
          >
            <Icon name="send" />
          </button>
        )}
      </form>
      <div class="below">
        <span id="keys">
          {settings.isJson ? "Answers as JSON. " : ""}Enter sends, Shift Enter is a new line, Escape stops.
        </span>
        <ModelAtWork model={modelOf(settings)} />
      </div>
    </footer>
  );
}

/** Statistics of the model, for all users. */
function ModelAtWork({ model }: { readonly model: string }) {
  const numbers = live.value[model];
  const state = absent.value[model];
  if (numbers === undefined && state === undefined) return null;
  const values = numbers === undefined ? [["Model", state] as const] : valuesOf(numbers);
  return (
    <dl class="live" aria-label="The model at this moment">
      {values.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function valuesOf(numbers: LiveNumbers) {
  const {
    running: count,
    queued,
    tokensPerSecond,
    tokensPerStep,
    prompt_tokens: prompt,
    cached_tokens: cached,
    cache_tokens: room,
    cache_tokens_used: used,
  } = numbers;
  const isWatched = running.value.size > 0;
  return [
    ["Speed", isWatched ? `${tokensPerSecond.toFixed(1)} tokens/s` : "–"],
    [
      "Batch",
      isWatched
        ? `${count} running${queued > 0 ? `, ${queued} waiting` : ""}, ${tokensPerStep.toFixed(1)} tokens a step`
        : "–",
    ],
    ["Prompts cached", `${Math.round((100 * cached) / Math.max(1, prompt))} %`],
    ["Cache filled", `${Math.round((100 * used) / Math.max(1, room))} %`],
  ] as const;
}
