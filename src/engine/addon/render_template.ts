// The addon's renderer of chat templates. It needs no model.
import type { RenderTemplate } from "../engine.js";
import { loadAddon } from "./load_addon.js";

/** Renders on a thread of its own. */
export const renderTemplate: RenderTemplate = (source, variables, milliseconds) =>
  loadAddon().renderTemplate(source, variables, milliseconds);
