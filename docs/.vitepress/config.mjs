// The site: the pages of this folder as they are, and the reference that typedoc writes into reference/ before it is
// built.
import { readFileSync } from "node:fs";
import { defineConfig } from "vitepress";
import { parts } from "./pages.mjs";

const docs = new URL("../", import.meta.url);
const read = (name) => readFileSync(new URL(name, docs), "utf8");
const title = (page) => /^# (.+)$/m.exec(read(`${page}.md`))[1];
const sidebar = [
  ...parts.map(({ text, pages }) => ({ text, items: pages.map((page) => ({ text: title(page), link: `/${page}` })) })),
  // Their first pages list the names; a list of all of them beside each page would be most of the site.
  {
    text: "Reference",
    items: ["", "/server", "/hermes", "/ai-sdk", "/langchain", "/mcp", "/openai-agents", "/opentelemetry"].map(
      (module) => ({ text: `caduceus${module}`, link: `/reference/caduceus${module}/` }),
    ),
  },
];

export default defineConfig({
  title: "Caduceus",
  // No picture: browsers need not ask for one.
  head: [["link", { rel: "icon", href: "data:," }]],
  description: "Hermes-2-Pro and other ChatML models inside a Node process.",
  themeConfig: {
    nav: [
      { text: "Getting started", link: "/getting-started" },
      { text: "Reference", link: "/reference/" },
    ],
    sidebar,
    outline: [2, 3],
    search: { provider: "local" },
  },
});
