// `npm run build` puts the page into dist/page, from where the server reads it. `npx vite page` shows it while it is
// being written, over a `caduceus serve` on its usual port.
import { defineConfig } from "vite";

const server = "http://127.0.0.1:8080";

export default defineConfig({
  root: import.meta.dirname,
  // The server may be mounted below a path.
  base: "./",
  publicDir: false,
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../dist/page",
    emptyOutDir: true,
    target: "es2022",
    // The content security policy allows neither inline scripts nor data: addresses.
    modulePreload: false,
    assetsInlineLimit: 0,
  },
  server: { proxy: { "/v1": server, "/stats": server, "/apply-template": server } },
});
