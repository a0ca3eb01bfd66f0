// The panel with the settings of the conversation.
import {
  readOwnTools,
  readSchema,
  samplingFields,
  type SamplingField,
  type Settings,
} from "../conversation/settings.js";
import { changeSettings, current } from "../conversation/store.js";
import { browserTools } from "../tools/browser_tools.js";

export function SettingsPanel() {
  const { settings } = current.value;
  return (
    <>
      <h2>Settings</h2>
      <p class="note">
        Of this conversation. The next one begins with them, but without a schema and without calls that must be made.
      </p>
      <label class="field">
        <span>System message</span>
        <textarea
          rows={3}
          value={settings.system}
          placeholder="How the model is to behave"
          onInput={(event) => changeSettings({ system: event.currentTarget.value })}
        />
      </label>
      <ToolSettings settings={settings} />
      <SchemaSettings settings={settings} />
      <Sampling settings={settings} />
    </>
  );
}

function ToolSettings({ settings }: { readonly settings: Settings }) {
  const toggle = (name: string, isOn: boolean) =>
    changeSettings({ tools: isOn ? [...settings.tools, name] : settings.tools.filter((one) => one !== name) });
  const problem = problemOf(() => readOwnTools(settings.ownTools));
  return (
    <fieldset>
      <legend>Tools</legend>
      {browserTools.map(({ name, label }) => (
        <label key={name} class="checkbox">
          <input
            type="checkbox"
            checked={settings.tools.includes(name)}
            onChange={(event) => toggle(name, event.currentTarget.checked)}
          />
          <span>
            {label} <code>{name}</code>
          </span>
        </label>
      ))}
      <p class="note">They run in this browser. Calls of your own tools wait for you: you type their results.</p>
      <label class="field">
        <span>Your own tools, in JSON</span>
        <textarea
          class="mono"
          rows={4}
          spellcheck={false}
          value={settings.ownTools}
          placeholder={'[{"name": "get_weather", "description": "…", "parameters": {…}}]'}
          aria-invalid={problem !== ""}
          aria-describedby="own-tools-problem"
          onInput={(event) => changeSettings({ ownTools: event.currentTarget.value })}
        />
      </label>
      <p id="own-tools-problem" class="problem">
        {problem}
      </p>
      <label class="field">
        <span>The model</span>
        <select
          value={settings.toolChoice}
          onChange={(event) => changeSettings({ toolChoice: event.currentTarget.value as Settings["toolChoice"] })}
        >
          <option value="auto">may call</option>
          <option value="first">must call first, then may</option>
          <option value="required">must call</option>
          <option value="none">must not call</option>
        </select>
      </label>
    </fieldset>
  );
}

function SchemaSettings({ settings: { isJson, schema } }: { readonly settings: Settings }) {
  const problem = isJson ? problemOf(() => readSchema(schema)) : "";
  return (
    <fieldset>
      <legend>Answer</legend>
      <label class="checkbox">
        <input
          type="checkbox"
          checked={isJson}
          onChange={(event) => changeSettings({ isJson: event.currentTarget.checked })}
        />
        <span>JSON by a schema</span>
      </label>
      {isJson ? (
        <>
          <label class="field">
            <span>JSON Schema</span>
            <textarea
              class="mono"
              rows={9}
              spellcheck={false}
              value={schema}
              aria-invalid={problem !== ""}
              aria-describedby="schema-problem"
              onInput={(event) => changeSettings({ schema: event.currentTarget.value })}
            />
          </label>
          <p id="schema-problem" class="problem">
            {problem}
          </p>
        </>
      ) : null}
    </fieldset>
  );
}

function Sampling({ settings: { sampling } }: { readonly settings: Settings }) {
  const set = (name: SamplingField, value: string) => changeSettings({ sampling: { ...sampling, [name]: value } });
  return (
    <fieldset>
      <legend>Sampling</legend>
      <p class="note">What is left empty is the model's own choice.</p>
      <div class="pairs">
        {samplingFields.map(({ name, label, hint, min, max, step }) => (
          <label key={name} class="field">
            <span>{label}</span>
            <input
              type="number"
              inputMode="decimal"
              value={sampling[name] ?? ""}
              min={min}
              max={max}
              step={step}
              onInput={(event) => set(name, event.currentTarget.value)}
            />
            <small>{hint}</small>
          </label>
        ))}
      </div>
      <button
        type="button"
        disabled={Object.values(sampling).every((text) => text === "")}
        onClick={() => changeSettings({ sampling: {} })}
      >
        Leave all to the model
      </button>
    </fieldset>
  );
}

function problemOf(read: () => unknown): string {
  try {
    read();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}
