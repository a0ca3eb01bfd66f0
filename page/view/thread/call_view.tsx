// A call while it is generated, executed and answered. If no tool of the browser answers it, the user does.
import { useState } from "preact/hooks";
import { giveResult } from "../../conversation/answer_calls.js";
import type { Call } from "../../conversation/entry.js";
import { Code } from "../../text/markdown.js";

const states = {
  writing: "being written",
  asking: "waits for you",
  running: "running",
  done: "done",
  left: "not run",
} as const;

export function CallView({ call: { id, name, argumentsText, state, result } }: { readonly call: Call }) {
  return (
    <section class={`call ${state}`} aria-label={`Call of ${name}`}>
      <p class="call-head">
        <strong class="call-name">{name}</strong>
        <span class="call-state">{states[state]}</span>
      </p>
      <Code text={argumentsText} label={`Arguments of ${name}`} />
      {state === "asking" ? <ResultForm callId={id} name={name} /> : null}
      {state === "done" ? (
        <>
          <p class="call-part">Result</p>
          <Code text={result} label={`Result of ${name}`} />
        </>
      ) : null}
    </section>
  );
}

function ResultForm({ callId, name }: { readonly callId: string; readonly name: string }) {
  const [text, setText] = useState("");
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    giveResult(callId, text);
  };
  return (
    <form
      class="result"
      onSubmit={(event) => {
        event.preventDefault();
        giveResult(callId, text);
      }}
    >
      <label class="field">
        <span>Result of {name}</span>
        <textarea rows={2} value={text} onInput={(event) => setText(event.currentTarget.value)} onKeyDown={onKeyDown} />
      </label>
      <div class="row end">
        <button type="button" onClick={() => giveResult(callId, "The user refused this call.")}>
          Refuse
        </button>
        <button type="submit" class="main">
          Give result
        </button>
      </div>
    </form>
  );
}
