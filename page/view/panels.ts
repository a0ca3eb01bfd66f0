// The panels beside the conversation.
import { batch, signal } from "@preact/signals";

/** There is no room for all three beside each other. */
const narrow = matchMedia("(max-width: 60rem)");
export const isNarrow = signal(narrow.matches);
export const showsSidebar = signal(!narrow.matches);
export const showsSettings = signal(false);

/** What stood beside the conversation when there was room. */
let wide = { sidebar: true, settings: false };

// What stood beside it would lie over it.
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
