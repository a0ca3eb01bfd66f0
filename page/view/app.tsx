// The whole page: the list of conversations, the shown conversation, and its settings.
import { type Signal, useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { stop } from "../conversation/reply.js";
import { announcement, current, running } from "../conversation/store.js";
import { apiKey, needsKey } from "../server/client.js";
import { findModels } from "../server/models.js";
import { Composer } from "./thread/composer.js";
import { Header } from "./header.js";
import { KeyDialog } from "./dialogs/key_dialog.js";
import { Modal } from "./dialogs/modal.js";
import { isNarrow, showsSettings, showsSidebar } from "./panels.js";
import { PromptDialog } from "./dialogs/prompt_dialog.js";
import { SettingsPanel } from "./settings_panel.js";
import { Sidebar } from "./sidebar.js";
import { Thread } from "./thread/thread.js";

export function App() {
  useEffect(() => {
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useSignalEffect(() => {
    // The models are requested again with each new key.
    void apiKey.value;
    if (!needsKey.value) void findModels();
  });
  const title = current.value.title;
  useEffect(() => void (document.title = title === "" ? "Caduceus" : `${title} · Caduceus`), [title]);
  const sidebar = <Sidebar onChosen={() => isNarrow.value && (showsSidebar.value = false)} />;
  return (
    <div class="app">
      <a class="skip" href="#message">
        Skip to the message box
      </a>
      <Beside shown={showsSidebar} label="Conversations" side="left">
        {sidebar}
      </Beside>
      <div class="middle">
        <Header />
        <main>
          <Thread />
        </main>
        <Composer key={current.value.id} />
      </div>
      <Beside shown={showsSettings} label="Settings" side="right">
        <SettingsPanel />
      </Beside>
      <PromptDialog />
      <KeyDialog />
      <div class="unseen" role="status" aria-live="polite">
        {announcement.value}
      </div>
    </div>
  );
}

/** Beside the conversation if there is room, otherwise above it. */
function Beside({
  shown,
  label,
  side,
  children,
}: {
  readonly shown: Signal<boolean>;
  readonly label: string;
  readonly side: "left" | "right";
  readonly children: ComponentChildren;
}) {
  if (!shown.value) return null;
  if (isNarrow.value)
    return (
      <Modal label={label} kind={`drawer ${side}`} onClose={() => (shown.value = false)}>
        {children}
      </Modal>
    );
  return side === "left" ? (
    <nav class="beside left" aria-label={label}>
      {children}
    </nav>
  ) : (
    <aside class="beside right" aria-label={label}>
      {children}
    </aside>
  );
}

/** Escape stops the answer, unless it closes something. */
function onKey(event: KeyboardEvent): void {
  const { id } = current.value;
  if (
    event.key !== "Escape" ||
    event.defaultPrevented ||
    document.querySelector("dialog[open]") !== null ||
    !running.value.has(id)
  )
    return;
  event.preventDefault();
  stop(id);
}
