// The list of conversations, newest first, and the choice of the theme.
import { conversations, current, deleteConversation, running, show, startConversation } from "../conversation/store.js";
import { focusMessage } from "./thread/composer.js";
import { Icon } from "./icons.js";
import { chooseTheme, theme, type Theme } from "./theme.js";

export function Sidebar({ onChosen }: { readonly onChosen: () => void }) {
  const choose = (id: string) => {
    show(id);
    onChosen();
  };
  const sorted = [...conversations.value].sort((one, other) => other.changedAt - one.changedAt);
  return (
    <>
      <button
        type="button"
        class="new"
        onClick={() => {
          startConversation();
          onChosen();
          focusMessage();
        }}
      >
        <Icon name="plus" />
        New conversation
      </button>
      <ul class="conversations">
        {sorted.map(({ id, title }) => (
          <li key={id} class={id === current.value.id ? "conversation current" : "conversation"}>
            <button
              type="button"
              class="quiet"
              aria-current={id === current.value.id ? "true" : undefined}
              onClick={() => choose(id)}
            >
              <span class="conversation-title">{title === "" ? "New conversation" : title}</span>
              {running.value.has(id) ? <span class="writing">writing</span> : null}
            </button>
            <button
              type="button"
              class="quiet icon-button delete"
              aria-label={`Delete ${title === "" ? "New conversation" : title}`}
              onClick={() => deleteConversation(id)}
            >
              <Icon name="trash" />
            </button>
          </li>
        ))}
      </ul>
      <p class="note">Conversations stay in this browser, the latest hundred of them.</p>
      <label class="field theme">
        <span>Appearance</span>
        <select value={theme.value} onChange={(event) => chooseTheme(event.currentTarget.value as Theme)}>
          <option value="system">As the system</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
      </label>
    </>
  );
}
