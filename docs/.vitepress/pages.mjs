// The pages in the order in which the site lists them.

/** @type {Array<{ text: string, pages: string[] }>} */
export const parts = [
  {
    text: "To begin",
    pages: [
      "getting-started",
      "coming-from",
      "conversations",
      "tools",
      "json",
      "embeddings",
      "models",
      "adapters",
      "gpus",
    ],
  },
  {
    text: "To run it for others",
    pages: ["production", "server", "scaling", "remote", "frameworks", "recipes", "cli", "runtimes", "errors"],
  },
  { text: "How good and how fast", pages: ["evaluation", "performance"] },
  { text: "How it is made", pages: ["architecture", "building"] },
];
