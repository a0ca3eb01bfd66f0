// The panels beside the conversation.
import { batch, signal } from "@preact/signals";

/** Too narrow for both panels beside the conversation. */
const narrow = matchMedia("(max-width: 60rem)");
export const isNarrow = signal(narrow.matches);
export const showsSidebar = signal(!narrow.matches);
export const showsSettings = signal(false);

/** Panels that were open when there was room. */
let wide = { sidebar: true, settings: false };

// An open panel would cover the conversation.
narrow.addEventListener("change", () =>
  batch(() => {
    isNarrow.value = narrow.matches;
    if (narrow.matches) {
      wide = { sidebar: showsSidebar.value, settings: showsSettings.value };
      showsSidebar.value = showsSettings.value = false;
    } else {
      showsSidebar.value ||= wide.sidebar;
      showsSettings.value ||= wide.settings;
    }
  }),
);
