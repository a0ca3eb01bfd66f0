// What stands beside the conversation.
import { signal } from "@preact/signals";

/** There is no room for all three beside each other. */
const narrow = matchMedia("(max-width: 60rem)");
export const isNarrow = signal(narrow.matches);
narrow.addEventListener("change", () => (isNarrow.value = narrow.matches));

export const showsSidebar = signal(!narrow.matches);
export const showsSettings = signal(false);
