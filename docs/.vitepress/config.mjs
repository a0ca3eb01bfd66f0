// The site: the pages of this folder as they are, and the reference that typedoc writes into reference/ before it is built.
import { existsSync, readFileSync } from "node:fs";
import { defineConfig } from "vitepress";
import { parts } from "./pages.mjs";

const docs = new URL("../", import.meta.url);
const read = (name) => readFileSync(new URL(name, docs), "utf8");
const title = (page) => /^# (.+)$/m.exec(read(`${page}.md`))[1];
const sidebar = [
  ...parts.map(({ text, pages }) => ({ text, items: pages.filter((page) => existsSync(new URL(`${page}.md`, docs))).map((page) => ({ text: title(page), link: `/${page}` })) })),
  { text: "Reference", link: "/reference/", items: JSON.parse(read("reference/typedoc-sidebar.json")).map(folded) },
];

/** A hundred names are to be looked for, not looked through. */
function folded(item) {
  return item.items === undefined ? item : { ...item, collapsed: true, items: item.items.map(folded) };
}

export default defineConfig({
  title: "Caduceus",
  description: "Hermes-2-Pro and other ChatML models inside a Node process.",
  cleanUrls: false,
  lastUpdated: false,
  // Nothing is fetched from elsewhere: the fonts are those of the theme, or the system's own.
  themeConfig: {
    nav: [{ text: "Getting started", link: "/getting-started" }, { text: "Reference", link: "/reference/" }],
    sidebar,
    outline: [2, 3],
    search: { provider: "local" },
  },
});
