// The messages of the version that is shown.
import { useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { pathTo, showVersion, siblings } from "../../conversation/entries.js";
import type { Entry } from "../../conversation/entry.js";
import { current, running, update } from "../../conversation/store.js";
import { modelsProblem } from "../../server/models.js";
import { Answer } from "./answer.js";
import { Icon } from "../icons.js";
import { Question } from "./question.js";
import { Suggestions } from "./suggestions.js";

export function Thread() {
  const conversation = current.value;
  const isRunning = running.value.has(conversation.id);
  useFollowing(conversation.id);
  const path = pathTo(conversation);
  return (
    <div class="thread" aria-busy={isRunning}>
      {modelsProblem.value === "" ? null : (
        <p class="problem" role="alert">
          {modelsProblem.value}
        </p>
      )}
      {path.length === 0 ? (
        <Suggestions />
      ) : (
        path.map((entry) =>
          entry.role === "user" ? (
            <Question
              key={entry.id}
              entry={entry}
              isLocked={isRunning}
              versions={<Versions entry={entry} isLocked={isRunning} />}
            />
          ) : (
            <Answer
              key={entry.id}
              entry={entry}
              isLocked={isRunning}
              versions={<Versions entry={entry} isLocked={isRunning} />}
            />
          ),
        )
      )}
    </div>
  );
}

/** Switches between versions of an entry. */
function Versions({ entry, isLocked }: { readonly entry: Entry; readonly isLocked: boolean }) {
  const conversation = current.value;
  const all = siblings(conversation, entry);
  if (all.length < 2) return null;
  const index = all.findIndex(({ id }) => id === entry.id);
  const go = (step: number) => () => update(conversation.id, (one) => showVersion(one, all[index + step]!.id));
  const what = entry.role === "user" ? "message" : "answer";
  return (
    <span class="versions" role="group" aria-label={`Versions of this ${what}`}>
      <button
        type="button"
        class="quiet icon-button"
        aria-label={`Previous version of this ${what}`}
        disabled={isLocked || index === 0}
        onClick={go(-1)}
      >
        <Icon name="previous" />
      </button>
      <span>
        {index + 1} / {all.length}
      </span>
      <button
        type="button"
        class="quiet icon-button"
        aria-label={`Next version of this ${what}`}
        disabled={isLocked || index === all.length - 1}
        onClick={go(1)}
      >
        <Icon name="next" />
      </button>
    </span>
  );
}

/** Keeps the end in view while an answer grows, unless the reader has scrolled up. */
function useFollowing(id: string): void {
  const follows = useRef(true);
  const toEnd = () => scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
  useEffect(() => {
    let before = scrollY;
    const look = () => {
      // Growth at the end is not scrolling up.
      if (innerHeight + scrollY >= document.documentElement.scrollHeight - 4) follows.current = true;
      else if (scrollY < before) follows.current = false;
      before = scrollY;
    };
    addEventListener("scroll", look, { passive: true });
    return () => removeEventListener("scroll", look);
  }, []);
  useEffect(() => {
    follows.current = true;
    toEnd();
  }, [id]);
  const known = useRef(0);
  useSignalEffect(() => {
    const { length } = current.value.entries;
    // A new question is scrolled into view.
    if (length > known.current) follows.current = true;
    known.current = length;
    // Checked again: the reader may have scrolled up in between.
    requestAnimationFrame(() => follows.current && toEnd());
  });
}
