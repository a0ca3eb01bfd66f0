// Shows the exact prompt and its tokens.
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { newUserEntry, pathTo } from "../../conversation/entries.js";
import type { AnswerEntry } from "../../conversation/entry.js";
import { requestBody } from "../../conversation/settings.js";
import { find } from "../../conversation/store.js";
import { applyTemplate, type AppliedTemplate } from "../../server/client.js";
import { Modal } from "./modal.js";

/** The prompt of an answer, or of the request that would be sent now. */
interface Asked {
  readonly conversationId: string;
  readonly before: AnswerEntry | undefined;
}

const asked = signal<Asked | undefined>(undefined);

export function showPrompt(which: Asked): void {
  asked.value = which;
}

export function PromptDialog() {
  const which = asked.value;
  return which === undefined ? null : (
    <Modal label="Prompt" kind="wide" onClose={() => (asked.value = undefined)}>
      <Prompt asked={which} />
    </Modal>
  );
}

function Prompt({ asked }: { readonly asked: Asked }) {
  const [applied, setApplied] = useState<AppliedTemplate | undefined>(undefined);
  const [problem, setProblem] = useState("");
  const [showsTokens, setShowsTokens] = useState(false);
  useEffect(() => {
    const leaving = new AbortController();
    // The request body itself may be invalid.
    (async () => applyTemplate(bodyOf(asked), leaving.signal))().then(
      setApplied,
      (error: Error) => leaving.signal.aborted || setProblem(error.message),
    );
    return () => leaving.abort();
  }, [asked]);
  const cached = asked.before?.numbers?.cachedTokens;
  return (
    <>
      <h2>Prompt</h2>
      {problem === "" ? null : (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {applied === undefined ? (
        problem === "" ? (
          <p class="waiting">Asking the server</p>
        ) : null
      ) : (
        <>
          <p>
            {asked.before === undefined
              ? "What the model would read now"
              : "What the model read for this answer, as the settings are now"}
            : <strong>{applied.tokens.length.toLocaleString("en")} tokens</strong>
            {cached === undefined
              ? ""
              : cached === 0
                ? ", none of them cached"
                : `, the first ${cached.toLocaleString("en")} of them cached`}
            .
          </p>
          <dl class="facts">
            <div>
              <dt>Format</dt>
              <dd>{applied.format}</dd>
            </div>
            <div>
              <dt>Why</dt>
              <dd>{applied.reason}</dd>
            </div>
            <div>
              <dt>Constrained by</dt>
              <dd>{constrainedBy(applied)}</dd>
            </div>
          </dl>
          <div class="row switch" role="group" aria-label="Show as">
            <button type="button" aria-pressed={!showsTokens} onClick={() => setShowsTokens(false)}>
              Text
            </button>
            <button type="button" aria-pressed={showsTokens} onClick={() => setShowsTokens(true)}>
              Tokens
            </button>
          </div>
          {showsTokens ? (
            <Tokens applied={applied} cached={cached ?? 0} />
          ) : (
            <pre class="prompt" tabIndex={0} role="region" aria-label="Text of the prompt">
              {applied.prompt}
            </pre>
          )}
        </>
      )}
    </>
  );
}

function bodyOf({ conversationId, before }: Asked): object {
  const conversation = find(conversationId)!;
  const { settings } = conversation;
  if (before !== undefined) return requestBody(settings, pathTo(conversation, before.parent));
  const path = pathTo(conversation);
  return requestBody(
    settings,
    conversation.draft.trim() === "" ? path : [...path, newUserEntry(conversation.leaf, conversation.draft)],
  );
}

function constrainedBy({ constraint, unenforced }: AppliedTemplate): string {
  const kinds: Readonly<Record<string, string>> = { json: "the schema", tools: "the tools and their schemas" };
  const left = unenforced.map(({ keyword, path }) => `${keyword} of ${path}`).join(", ");
  return `${constraint === null ? "nothing, it writes freely" : (kinds[constraint.kind] ?? constraint.kind)}${left === "" ? "" : `; left to the model: ${left}`}`;
}

/** Control tokens are highlighted, and invisible characters shown as symbols. */
function Tokens({ applied: { tokens }, cached }: { readonly applied: AppliedTemplate; readonly cached: number }) {
  return (
    <ol class="tokens" tabIndex={0} aria-label="Tokens of the prompt">
      {tokens.map(({ id, text }, index) => (
        <li key={index} class={index < cached ? "token cached" : "token"}>
          <span class="token-text">{visible(text)}</span>
          <span class="token-id">{id}</span>
        </li>
      ))}
    </ol>
  );
}

const visible = (text: string) =>
  text === "" ? "∅" : text.replaceAll(" ", "·").replaceAll("\n", "↵").replaceAll("\t", "⇥");
