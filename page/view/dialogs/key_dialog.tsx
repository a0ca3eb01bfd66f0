// Asks for an API key where the server wants one.
import { useState } from "preact/hooks";
import { apiKey, needsKey, setApiKey } from "../../server/client.js";
import { Modal } from "./modal.js";

export function KeyDialog() {
  return needsKey.value ? (
    <Modal label="API key" kind="small" onClose={() => (needsKey.value = false)}>
      <KeyForm />
    </Modal>
  ) : null;
}

function KeyForm() {
  const [key, setKey] = useState("");
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        setApiKey(key.trim());
      }}
    >
      <h2>API key</h2>
      <p>
        {apiKey.value === "" ? "This server answers those who have a key." : "The server does not know this key."} It
        stays in this tab until you close it.
      </p>
      <label class="field">
        <span>Key</span>
        <input
          type="password"
          autocomplete="off"
          required
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </label>
      <div class="row end">
        <button type="submit" class="main" disabled={key.trim() === ""}>
          Use it
        </button>
      </div>
    </form>
  );
}
