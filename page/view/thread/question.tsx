// A question of the user, and its editor.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { UserEntry } from "../../conversation/entry.js";
import { reply, say } from "../../conversation/reply.js";
import { current } from "../../conversation/store.js";

/** Id of the question that is being edited. */
export const editing = signal<string | undefined>(undefined);

export function Question({
  entry,
  isLocked,
  versions,
}: {
  readonly entry: UserEntry;
  readonly isLocked: boolean;
  readonly versions: ComponentChildren;
}) {
  const editButton = useRef<HTMLButtonElement>(null);
  const isEdited = editing.value === entry.id;
  const wasEdited = useRef(false);
  useLayoutEffect(() => {
    // The element that had the focus is gone.
    if (wasEdited.current && !isEdited && document.activeElement === document.body) editButton.current?.focus();
    wasEdited.current = isEdited;
  }, [isEdited]);
  const end = () => (editing.value = undefined);
  return (
    <article class="question" aria-label="You">
      {isEdited ? <Editor entry={entry} onEnd={end} /> : <div class="bubble">{entry.text}</div>}
      <div class="actions" hidden={isEdited}>
        {versions}
        <button
          type="button"
          class="quiet small"
          ref={editButton}
          disabled={isLocked}
          onClick={() => (editing.value = entry.id)}
        >
          Edit
        </button>
        <button
          type="button"
          class="quiet small"
          disabled={isLocked}
          onClick={() => void reply(current.value.id, entry.id)}
        >
          Resend
        </button>
      </div>
    </article>
  );
}

/** Sending adds a version beside the old one, which is kept. */
function Editor({ entry, onEnd }: { readonly entry: UserEntry; readonly onEnd: () => void }) {
  const [text, setText] = useState(entry.text);
  const box = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => box.current!.focus(), []);
  const send = () => {
    if (text.trim() === "") return;
    onEnd();
    say(current.value.id, entry.parent, text);
    document.getElementById("message")?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") onEnd();
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send();
    else return;
    event.preventDefault();
  };
  return (
    <form
      class="editor"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        ref={box}
        class="grows"
        aria-label="Edit your message"
        rows={3}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <div class="row end">
        <button type="button" onClick={onEnd}>
          Cancel
        </button>
        <button type="submit" class="main" disabled={text.trim() === ""}>
          Send
        </button>
      </div>
    </form>
  );
}
