// The theme: light, dark, or that of the system.
import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const storageKey = "caduceus:theme";
const stored = localStorage.getItem(storageKey);

export const theme = signal<Theme>(stored === "light" || stored === "dark" ? stored : "system");

export function chooseTheme(chosen: Theme): void {
  theme.value = chosen;
  localStorage.setItem(storageKey, chosen);
  applyTheme();
}

export function applyTheme(): void {
  if (theme.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}
