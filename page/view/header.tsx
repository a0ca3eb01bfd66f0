// The header: the model, and buttons for the panels and dialogs.
import { changeSettings, current } from "../conversation/store.js";
import { absent } from "../server/live.js";
import { modelOf, models } from "../server/models.js";
import { Icon } from "./icons.js";
import { showsSettings, showsSidebar } from "./panels.js";
import { showPrompt } from "./dialogs/prompt_dialog.js";

export function Header() {
  const { settings, id, leaf, draft } = current.value;
  const toggle = (shown: typeof showsSettings) => () => (shown.value = !shown.value);
  return (
    <header class="top">
      <button
        type="button"
        class="quiet icon-button"
        aria-label="Conversations"
        aria-expanded={showsSidebar.value}
        onClick={toggle(showsSidebar)}
      >
        <Icon name="menu" />
      </button>
      <h1 class="brand">Caduceus</h1>
      <label class="model">
        <span class="unseen">Model</span>
        <select value={modelOf(settings)} onChange={(event) => changeSettings({ model: event.currentTarget.value })}>
          {models.value.map((name) => (
            <option key={name} value={name}>
              {absent.value[name] === undefined ? name : `${name} (${absent.value[name]})`}
            </option>
          ))}
        </select>
      </label>
      <span class="grow" />
      <button
        type="button"
        class="quiet"
        disabled={leaf === null && draft.trim() === ""}
        onClick={() => showPrompt({ conversationId: id, before: undefined })}
      >
        Prompt
      </button>
      <button
        type="button"
        class="quiet icon-button"
        aria-label="Settings"
        aria-expanded={showsSettings.value}
        onClick={toggle(showsSettings)}
      >
        <Icon name="settings" />
      </button>
    </header>
  );
}
